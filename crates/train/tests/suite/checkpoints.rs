//! Saving, going on, and what must be refused.

use std::path::Path;

use model::Mllm;
use torch::Kind;
use train::{Config, TooLong, Trainer};

use crate::support::{Samples, equal, fresh, samples, text};

const STEPS: usize = 8;

fn config() -> Config {
    Config {
        micro_tokens: 16,
        warmup_ratio: 0.2,
        weight_decay: 0.1,
        ..Config::small(1e-2, 2, STEPS)
    }
}

/// Trains to the end and saves on the way.
fn whole(model: &dyn Mllm, data: &Samples, at: usize, folder: &Path) -> Vec<f64> {
    let mut trainer = Trainer::new(model, data, &config()).expect("trainer");
    let mut losses = Vec::new();
    while let Some(metrics) = trainer.step().expect("step") {
        losses.push(metrics.loss);
        if metrics.step == at {
            trainer.save_checkpoint(folder).expect("save");
        }
    }
    losses
}

#[test]
fn a_resumed_run_ends_in_the_same_bits() {
    for kind in [Kind::Float, Kind::BFloat16] {
        for at in [1, 5] {
            let temporary = tempfile::tempdir().expect("temp folder");
            let folder = temporary.path().join(format!("checkpoint-{at}"));
            let (straight, resumed, data) = (fresh(true, kind), fresh(true, kind), samples());
            let losses = whole(straight.as_ref(), &data, at, &folder);
            let mut trainer = Trainer::new(resumed.as_ref(), &data, &config()).expect("trainer");
            // What was done before is forgotten.
            trainer.step().expect("step");
            trainer.step().expect("step");
            trainer.resume(&folder).expect("resume");
            assert_eq!(trainer.steps_done(), at);
            let mut rest = Vec::new();
            while let Some(metrics) = trainer.step().expect("step") {
                rest.push(metrics.loss);
            }
            assert_eq!(losses[at..], rest, "{kind:?} from {at}");
            assert!(
                equal(straight.as_ref(), resumed.as_ref()),
                "{kind:?} from {at}"
            );
        }
    }
}

#[test]
fn saving_does_not_change_the_run() {
    let temporary = tempfile::tempdir().expect("temp folder");
    let folder = temporary.path().join("checkpoint");
    let (one, other) = (fresh(true, Kind::Float), fresh(true, Kind::Float));
    let saved = whole(one.as_ref(), &samples(), 3, &folder);
    let unsaved = whole(other.as_ref(), &samples(), usize::MAX, &folder);
    assert_eq!(saved, unsaved);
}

#[test]
fn a_checkpoint_is_a_model_folder_and_can_be_replaced() {
    let temporary = tempfile::tempdir().expect("temp folder");
    let folder = temporary.path().join("checkpoint-2");
    let (model, data) = (fresh(false, Kind::Float), samples());
    let mut trainer = Trainer::new(model.as_ref(), &data, &config()).expect("trainer");
    trainer.step().expect("step");
    trainer.save_checkpoint(&folder).expect("save");
    trainer.step().expect("step");
    trainer.save_checkpoint(&folder).expect("save again");
    let loaded = model::load(&folder, torch::Device::Cpu, Kind::Float).expect("load");
    assert!(equal(model.as_ref(), loaded.as_ref()));
    let left: Vec<_> = std::fs::read_dir(temporary.path())
        .expect("read")
        .map(|e| e.expect("entry").file_name())
        .collect();
    assert_eq!(left, ["checkpoint-2"], "nothing is left beside it");
    let header = std::fs::read(folder.join("optimizer.safetensors")).expect("read");
    let length = u64::from_le_bytes(header[..8].try_into().expect("8 bytes"));
    assert_eq!((length + 8) % 64, 0);
}

#[test]
fn every_flipped_or_cut_file_is_refused() {
    let temporary = tempfile::tempdir().expect("temp folder");
    let folder = temporary.path().join("checkpoint-2");
    let (model, data) = (fresh(true, Kind::Float), samples());
    whole(model.as_ref(), &data, 2, &folder);
    let before = model::load(&folder, torch::Device::Cpu, Kind::Float).expect("load");
    let mut trainer = Trainer::new(before.as_ref(), &data, &config()).expect("trainer");
    let kept = model::load(&folder, torch::Device::Cpu, Kind::Float).expect("load");
    for entry in std::fs::read_dir(&folder).expect("read") {
        let path = entry.expect("entry").path();
        let sound = std::fs::read(&path).expect("read");
        for at in [0, sound.len() / 3, sound.len() / 2, sound.len() - 1] {
            let mut flipped = sound.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, &flipped).expect("write");
            let error = trainer.resume(&folder).expect_err("flipped").to_string();
            assert!(
                error.contains("cannot be used"),
                "{}: {error}",
                path.display()
            );
        }
        std::fs::write(&path, &sound[..sound.len() / 2]).expect("write");
        assert!(
            trainer.resume(&folder).is_err(),
            "{} cut off",
            path.display()
        );
        std::fs::remove_file(&path).expect("remove");
        let error = trainer.resume(&folder).expect_err("missing").to_string();
        assert!(error.contains("cannot"), "{}: {error}", path.display());
        std::fs::write(&path, sound).expect("write");
    }
    assert!(equal(before.as_ref(), kept.as_ref()), "nothing was changed");
    trainer.resume(&folder).expect("sound again");
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let temporary = tempfile::tempdir().expect("temp folder");
    let folder = temporary.path().join("checkpoint-2");
    let (model, data) = (fresh(true, Kind::Float), samples());
    whole(model.as_ref(), &data, 2, &folder);
    let check = |data: &Samples, config: &Config, word: &str| {
        let mut trainer = Trainer::new(model.as_ref(), data, config).expect("trainer");
        let error = trainer.resume(&folder).expect_err(word).to_string();
        assert!(error.contains(word), "{error}");
    };
    let faster = Config {
        eps: 1e-7,
        ..config()
    };
    check(&data, &faster, "other settings");
    let fewer = Samples(data.0[..3].to_vec());
    check(&fewer, &config(), "other data");
    let other = fresh(false, Kind::Float);
    let mut trainer = Trainer::new(other.as_ref(), &data, &config()).expect("trainer");
    let error = trainer
        .resume(&folder)
        .expect_err("another model")
        .to_string();
    assert!(error.contains("lm_head"), "{error}");
}

#[test]
fn dropped_samples_are_remembered() {
    let temporary = tempfile::tempdir().expect("temp folder");
    let folder = temporary.path().join("checkpoint-4");
    let mut data = samples();
    data.0[1] = text(&[5, 6, 7], 3);
    let config = Config {
        max_seq_len: 10,
        too_long: TooLong::Drop,
        ..config()
    };
    let model = fresh(true, Kind::Float);
    let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    for _ in 0..4 {
        trainer.step().expect("step");
    }
    let mut found: Vec<_> = trainer
        .dropped()
        .iter()
        .map(|d| format!("{} {}", d.id, d.reason))
        .collect();
    found.sort();
    assert_eq!(
        found,
        ["one nothing-learned", "two too-long", "zero too-long"]
    );
    trainer.save_checkpoint(&folder).expect("save");
    let mut other = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    other.resume(&folder).expect("resume");
    assert_eq!(other.dropped(), trainer.dropped());
}

#[test]
fn a_stopped_step_leaves_no_trace() {
    use std::sync::atomic::AtomicBool;
    let temporary = tempfile::tempdir().expect("temp folder");
    let (straight, stopped, data) = (
        fresh(true, Kind::BFloat16),
        fresh(true, Kind::BFloat16),
        samples(),
    );
    let folder = temporary.path().join("checkpoint-1");
    let losses = whole(straight.as_ref(), &data, 1, &folder);
    let mut trainer = Trainer::new(stopped.as_ref(), &data, &config()).expect("trainer");
    let mut again = Vec::new();
    loop {
        let asked = AtomicBool::new(true);
        match trainer.step_unless(&asked) {
            Err(train::Error::Stopped { step }) => assert_eq!(step, again.len() + 1),
            Ok(None) => break,
            other => panic!("{other:?}"),
        }
        assert_eq!(trainer.steps_done(), again.len());
        again.push(trainer.step().expect("step").expect("metrics").loss);
    }
    assert_eq!(losses, again);
    assert!(equal(straight.as_ref(), stopped.as_ref()));
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_one_before() {
    let temporary = tempfile::tempdir().expect("temp folder");
    let folder = temporary.path().join("checkpoint-1");
    let (model, data) = (fresh(true, Kind::Float), samples());
    let mut trainer = Trainer::new(model.as_ref(), &data, &config()).expect("trainer");
    trainer.step().expect("step");
    trainer.save_checkpoint(&folder).expect("save");
    // A file where the folder of the next attempt would be.
    std::fs::write(temporary.path().join("checkpoint-1.part"), "").expect("write");
    let error = trainer.save_checkpoint(&folder).expect_err("in the way");
    assert!(error.to_string().contains("checkpoint-1.part"), "{error}");
    trainer.resume(&folder).expect("the one before is sound");
}
