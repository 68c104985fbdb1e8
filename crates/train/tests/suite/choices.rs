//! Fewer bits for gradients, moments and weights: each resumes exactly, trains as far as the plain way, and is refused where
//! it cannot be meant.

use std::path::Path;

use model::Mllm;
use torch::Kind;
use train::{
    Config, Gradients, Masters, OptimizerDevice, OptimizerState, Scheduler, StateBytes, Trainer,
};

use crate::support::{equal, fresh, samples, wide};

const STEPS: usize = 6;

fn plain() -> Config {
    Config {
        micro_tokens: 16,
        warmup_ratio: 0.2,
        weight_decay: 0.1,
        seed: 3,
        ..Config::small(1e-2, 2, STEPS)
    }
}

/// Every choice alone, and those together that save most; with the kinds of models that take it.
fn choices() -> Vec<(&'static str, Config, &'static [Kind])> {
    const BOTH: &[Kind] = &[Kind::Float, Kind::BFloat16];
    const HALF: &[Kind] = &[Kind::BFloat16];
    let gradients = Config {
        gradients: Gradients::Bf16,
        ..plain()
    };
    let bf16 = Config {
        optimizer_state: OptimizerState::Bf16,
        ..plain()
    };
    let eight_bit = Config {
        optimizer_state: OptimizerState::EightBit,
        ..plain()
    };
    let masters = Config {
        masters: Masters::None,
        ..plain()
    };
    let cpu = Config {
        optimizer_device: OptimizerDevice::Cpu,
        ..plain()
    };
    let least = Config {
        gradients: Gradients::Bf16,
        optimizer_state: OptimizerState::EightBit,
        ..masters.clone()
    };
    let cpu_least = Config {
        optimizer_device: OptimizerDevice::Cpu,
        masters: Masters::F32,
        ..least.clone()
    };
    vec![
        ("gradients", gradients, HALF),
        ("bf16", bf16, BOTH),
        ("8bit", eight_bit, BOTH),
        ("masters", masters, HALF),
        ("cpu", cpu, BOTH),
        ("least", least, HALF),
        ("least on the processor", cpu_least, HALF),
    ]
}

/// Trains to the end and saves on the way.
fn whole(model: &dyn Mllm, config: &Config, at: usize, folder: &Path) -> Vec<f64> {
    let data = samples();
    let mut trainer = Trainer::new(model, &data, config).expect("trainer");
    let mut losses = Vec::new();
    while let Some(metrics) = trainer.step().expect("step") {
        losses.push(metrics.loss);
        if metrics.step == at {
            trainer.save_checkpoint(folder).expect("save");
        }
    }
    losses
}

fn trained(kind: Kind, config: &Config) -> Box<dyn Mllm> {
    let (model, nowhere) = (wide(kind), Path::new(""));
    whole(model.as_ref(), config, usize::MAX, nowhere);
    model
}

#[test]
fn every_choice_resumes_in_the_same_bits() {
    for (name, config, kinds) in choices() {
        for &kind in kinds {
            let temporary = tempfile::tempdir().expect("temp folder");
            let folder = temporary.path().join("checkpoint-3");
            let (straight, resumed, data) = (wide(kind), wide(kind), samples());
            let losses = whole(straight.as_ref(), &config, 3, &folder);
            let mut trainer = Trainer::new(resumed.as_ref(), &data, &config).expect("trainer");
            // What was done before is forgotten.
            trainer.step().expect("step");
            trainer.resume(&folder).expect("resume");
            let mut rest = Vec::new();
            while let Some(metrics) = trainer.step().expect("step") {
                rest.push(metrics.loss);
            }
            assert_eq!(losses[3..], rest, "{name}, {kind:?}");
            assert!(
                equal(straight.as_ref(), resumed.as_ref()),
                "{name}, {kind:?}"
            );
        }
    }
}

#[test]
fn a_stopped_step_draws_the_same_noise_again() {
    use std::sync::atomic::AtomicBool;
    let (_, config, _) = choices().remove(5);
    let (straight, stopped, data) = (wide(Kind::BFloat16), wide(Kind::BFloat16), samples());
    whole(straight.as_ref(), &config, usize::MAX, Path::new(""));
    let mut trainer = Trainer::new(stopped.as_ref(), &data, &config).expect("trainer");
    for _ in 0..STEPS {
        let asked = AtomicBool::new(true);
        trainer.step_unless(&asked).expect_err("stopped");
        trainer.step().expect("step");
    }
    assert!(equal(straight.as_ref(), stopped.as_ref()));
}

#[test]
fn every_choice_has_an_effect_but_the_device() {
    for (name, config, kinds) in choices() {
        for &kind in kinds {
            let (by_choice, plainly) = (trained(kind, &config), trained(kind, &plain()));
            let is_same = equal(by_choice.as_ref(), plainly.as_ref());
            assert_eq!(is_same, name == "cpu", "{name}, {kind:?}");
            let again = trained(kind, &config);
            assert!(equal(by_choice.as_ref(), again.as_ref()), "{name} twice");
        }
    }
}

#[test]
fn another_seed_draws_other_noise() {
    let (_, config, _) = choices().remove(3);
    let other = Config {
        seed: 4,
        shuffle: false,
        ..config.clone()
    };
    let config = Config {
        shuffle: false,
        ..config
    };
    let (one, two) = (
        trained(Kind::BFloat16, &config),
        trained(Kind::BFloat16, &other),
    );
    assert!(!equal(one.as_ref(), two.as_ref()));
}

/// Steps too small for bf16 to see one by one: rounded to the nearest, nothing would be learned.
#[test]
fn every_choice_learns_as_much_as_the_plain_way() {
    let long = |config: &Config| Config {
        scheduler: Scheduler::Constant,
        max_steps: Some(60),
        batch_size: 4,
        learning_rate: train::Rates::all(2e-4),
        weight_decay: 0.0,
        ..config.clone()
    };
    let learned = |kind: Kind, config: &Config| {
        let model = wide(kind);
        let losses = whole(model.as_ref(), config, usize::MAX, Path::new(""));
        losses[0] - losses[59]
    };
    let expected = learned(Kind::Float, &long(&plain()));
    for (name, config, kinds) in choices() {
        for &kind in kinds {
            let share = learned(kind, &long(&config)) / expected;
            assert!((0.85..1.15).contains(&share), "{name}, {kind:?}: {share}");
        }
    }
}

#[test]
fn checkpoints_are_smaller() {
    let size = |config: &Config| {
        let temporary = tempfile::tempdir().expect("temp folder");
        let folder = temporary.path().join("checkpoint-1");
        let model = wide(Kind::BFloat16);
        whole(model.as_ref(), config, 1, &folder);
        let file = std::fs::metadata(folder.join("optimizer.safetensors"));
        file.expect("file").len() as f64
    };
    let all = size(&plain());
    let (_, least, _) = choices().remove(5);
    // Twelve bytes a parameter become two and a little, and eight for the small ones.
    let share = size(&least) / all;
    assert!((0.17..0.35).contains(&share), "{share}");
}

#[test]
fn a_checkpoint_with_other_choices_is_refused_by_the_name_of_the_key() {
    let temporary = tempfile::tempdir().expect("temp folder");
    let folder = temporary.path().join("checkpoint-2");
    let model = wide(Kind::BFloat16);
    let mut config = plain();
    config.masters = Masters::None;
    whole(model.as_ref(), &config, 2, &folder);
    let data = samples();
    let check = |change: fn(&mut Config), told: &str| {
        let mut other = config.clone();
        change(&mut other);
        let mut trainer = Trainer::new(model.as_ref(), &data, &other).expect("trainer");
        let error = trainer.resume(&folder).expect_err(told).to_string();
        assert!(error.contains(told), "{error}");
    };
    check(
        |c| c.gradients = Gradients::Bf16,
        "made with `gradients = \"f32\"`, and this training has \"bf16\"",
    );
    check(
        |c| c.optimizer_state = OptimizerState::EightBit,
        "made with `optimizer_state = \"f32\"`, and this training has \"8bit\"",
    );
    check(
        |c| c.masters = Masters::F32,
        "made with `masters = \"none\"`, and this training has \"f32\"",
    );
    check(
        |c| (c.masters, c.optimizer_device) = (Masters::F32, OptimizerDevice::Cpu),
        "made with `masters = \"none\"`",
    );
    check(|c| c.eps = 1e-7, "other settings");
}

/// What was written before there was a choice: without choices, and with version 1.
#[test]
fn a_checkpoint_from_before_there_was_a_choice_is_gone_on_from() {
    let temporary = tempfile::tempdir().expect("temp folder");
    let folder = temporary.path().join("checkpoint-2");
    let (model, resumed, data) = (wide(Kind::BFloat16), wide(Kind::BFloat16), samples());
    whole(model.as_ref(), &plain(), 2, &folder);
    let path = folder.join("state.json");
    let text = std::fs::read_to_string(&path).expect("read");
    let (_, state) = text.split_once("\"state\":").expect("a state");
    let state = state.strip_suffix('}').expect("an object");
    let (before, after) = state.split_once("\"choices\":{").expect("choices");
    let (_, after) = after.split_once("},").expect("their end");
    let old = format!("{before}{after}").replace("\"version\":2", "\"version\":1");
    let seal = |state: &str| {
        let digest = corpus::digest::bytes(state.as_bytes());
        let text = format!("{{\"sha256\":\"{digest}\",\"state\":{state}}}");
        std::fs::write(&path, text).expect("write");
    };
    seal(&old);
    let mut trainer = Trainer::new(resumed.as_ref(), &data, &plain()).expect("trainer");
    trainer.resume(&folder).expect("resume");
    while trainer.step().expect("step").is_some() {}
    assert!(equal(model.as_ref(), resumed.as_ref()));
    let eight_bit = Config {
        optimizer_state: OptimizerState::EightBit,
        ..plain()
    };
    let mut trainer = Trainer::new(resumed.as_ref(), &data, &eight_bit).expect("trainer");
    let error = trainer.resume(&folder).expect_err("f32").to_string();
    assert!(error.contains("optimizer_state"), "{error}");
    seal(&old.replace("\"version\":1", "\"version\":4"));
    let error = trainer.resume(&folder).expect_err("later").to_string();
    assert!(
        error.contains("version 4, this program knows 1 to 3"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_meant_is_refused_before_the_first_step() {
    let data = samples();
    let check = |kind: Kind, change: fn(&mut Config), told: &str| {
        let (model, mut config) = (fresh(true, kind), plain());
        change(&mut config);
        let error = Trainer::new(model.as_ref(), &data, &config).err();
        let error = error.expect(told).to_string();
        assert!(error.contains(told), "{error}");
    };
    check(
        Kind::Float,
        |c| c.gradients = Gradients::Bf16,
        "`gradients = \"bf16\"` would have no effect",
    );
    check(
        Kind::Float,
        |c| c.masters = Masters::None,
        "`masters = \"none\"` would have no effect",
    );
    check(
        Kind::BFloat16,
        |c| (c.masters, c.optimizer_device) = (Masters::None, OptimizerDevice::Cpu),
        "leave one of them out",
    );
}

#[test]
fn bytes_of_state_are_counted_by_choice() {
    let bytes = |config: &Config, is_half: bool| {
        let StateBytes {
            masters,
            moments,
            gradients,
        } = config.state_bytes(1 << 20, is_half);
        [masters, moments, gradients].map(|bytes| bytes as f64 / f64::from(1 << 20))
    };
    let of = |at: usize| choices().remove(at).1;
    for (config, half, full) in [
        (plain(), [4.0, 8.0, 4.0], [0.0, 8.0, 4.0]),
        (of(1), [4.0, 4.0, 4.0], [0.0, 4.0, 4.0]),
        (of(2), [4.0, 2.03125, 4.0], [0.0, 2.03125, 4.0]),
        (of(5), [0.0, 2.03125, 2.0], [0.0, 2.03125, 4.0]),
    ] {
        assert_eq!([bytes(&config, true), bytes(&config, false)], [half, full]);
    }
    assert_eq!(plain().state_bytes(100, true).sum(), 1600);
}
