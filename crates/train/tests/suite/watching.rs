//! The loss of samples that are not trained on, batches that are left out, and the weights of one step.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use model::{Batch, Group, Mllm};
use processor::Encoded;
use torch::Kind;
use train::{Config, Error, OnSpike, SampleSource, TooLong, Trainer};

use crate::support::{Samples, equal, fresh, picture, samples, text};

/// Samples with ids of their own.
struct Named(Vec<(String, Encoded)>);

impl SampleSource for Named {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn id(&self, index: usize) -> &str {
        &self.0[index].0
    }
    fn encode(&self, index: usize) -> Result<Encoded, String> {
        Ok(self.0[index].1.clone())
    }
}

fn never() -> AtomicBool {
    AtomicBool::new(false)
}

/// Nats of all learned tokens from whole logits, sample by sample, and their number.
fn plain(model: &dyn Mllm, samples: &[Encoded]) -> (f64, usize) {
    let _guard = torch::no_grad_guard();
    let (mut sum, mut tokens) = (0.0, 0);
    for sample in samples {
        let mut batch = Batch::default();
        batch.push(&sample.ids, 0, &sample.images);
        let hidden = model.hidden(&batch, None).expect("hidden");
        let logits = hidden.matmul(&model.head().transpose(0, 1));
        let likely = logits.to_kind(Kind::Double).log_softmax(-1, Kind::Double);
        for at in 1..sample.ids.len() {
            if sample.learn[at] {
                sum -= likely.double_value(&[at as i64 - 1, sample.ids[at]]);
                tokens += 1;
            }
        }
    }
    (sum, tokens)
}

#[test]
fn validation_is_the_loss_of_whole_logits() {
    let held_out = samples();
    let (sum, tokens) = plain(fresh(true, Kind::Float).as_ref(), &held_out.0);
    for micro_tokens in [1, 20, 1000] {
        for batch_size in [1, 3, 4] {
            let config = Config {
                micro_tokens,
                ..Config::small(1e-2, batch_size, 2)
            };
            let (model, data) = (fresh(true, Kind::Float), samples());
            let trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
            let found = trainer.validate(&held_out, &never()).expect("loss");
            assert_eq!(found.tokens, tokens);
            let expected = sum / tokens as f64;
            assert!(
                (found.loss - expected).abs() < 1e-5,
                "{} for {expected}",
                found.loss
            );
            assert_eq!(found, trainer.validate(&held_out, &never()).expect("again"));
        }
    }
}

#[test]
fn looking_at_the_loss_changes_nothing() {
    let train = |looks: bool| {
        let (model, data, held_out) = (fresh(true, Kind::BFloat16), samples(), samples());
        let config = Config::small(1e-2, 3, 6);
        let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
        let mut losses = Vec::new();
        while let Some(metrics) = trainer.step().expect("step") {
            losses.push(metrics.loss);
            if looks {
                trainer.validate(&held_out, &never()).expect("loss");
            }
        }
        (model, losses)
    };
    let (with, without) = (train(true), train(false));
    assert_eq!(with.1, without.1);
    assert!(equal(with.0.as_ref(), without.0.as_ref()));
}

#[test]
fn validation_passes_over_what_training_would() {
    let (model, data) = (fresh(true, Kind::Float), samples());
    let config = Config {
        max_seq_len: 10,
        too_long: TooLong::Drop,
        ..Config::small(1e-2, 2, 2)
    };
    let trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    let found = trainer.validate(&data, &never()).expect("loss");
    let short: Vec<Encoded> = [1, 3].map(|i| data.0[i].clone()).into();
    let (sum, tokens) = plain(model.as_ref(), &short);
    assert_eq!(found.tokens, tokens);
    assert!((found.loss - sum / tokens as f64).abs() < 1e-5);
    let nothing = Samples(vec![text(&[5, 6, 7], 3)]);
    let error = trainer.validate(&nothing, &never()).expect_err("nothing");
    assert!(matches!(error, Error::NothingToValidate), "{error:?}");
    let stopped = trainer.validate(&data, &AtomicBool::new(true));
    assert!(matches!(stopped, Err(Error::Stopped { step: 1 })));
}

/// Easy samples, in order, with another one at some places whose answer is another than all that is learned.
fn poisoned(steps: usize, poison: &[usize]) -> Named {
    let sample = |step: usize| {
        if poison.contains(&step) {
            (format!("poison-{step}"), text(&[2, 7, 8, 39, 38, 37], 3))
        } else {
            (format!("easy-{step}"), text(&[2, 7, 8, 9, 20, 21], 3))
        }
    };
    Named((1..=steps).map(sample).collect())
}

fn in_order(steps: usize, on_spike: OnSpike) -> Config {
    Config {
        shuffle: false,
        on_spike,
        epochs: 1.0,
        ..Config::small(1e-2, 1, steps)
    }
}

#[test]
fn a_poisoned_batch_is_named_and_stops_the_training() {
    let (model, data) = (fresh(true, Kind::Float), poisoned(60, &[50]));
    let config = in_order(60, OnSpike::Stop);
    let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    for _ in 1..50 {
        trainer.step().expect("ordinary");
    }
    let weights = || {
        let all = model.parameters().iter();
        all.map(|p| p.tensor.detach().copy()).collect::<Vec<_>>()
    };
    let before = weights();
    let error = trainer.step().expect_err("a jump");
    let told = error.to_string();
    assert!(
        told.starts_with("step 50 has loss ")
            && told.contains("the loss jumped: of the last 32 steps")
            && told.contains("its samples are `poison-50`")
            && told.ends_with("with `on_spike = \"skip\"`"),
        "{told}"
    );
    assert!(before.iter().zip(weights()).all(|(a, b)| a.equal(&b)));
}

#[test]
fn poisoned_batches_are_left_out_three_times() {
    let places = [50, 53, 57, 60];
    let (model, data) = (fresh(true, Kind::Float), poisoned(64, &places));
    let config = in_order(64, OnSpike::Skip);
    let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    let mut skipped = BTreeSet::new();
    for step in 1..60 {
        let metrics = trainer.step().expect("step").expect("not the end");
        assert_eq!((metrics.step, metrics.samples), (step, 1));
        if let Some(spike) = metrics.skipped {
            assert_eq!(spike.samples, [format!("poison-{step}")]);
            assert!(metrics.loss > 1.0, "{}", metrics.loss);
            skipped.insert(step);
        }
    }
    assert_eq!(skipped, places[..3].iter().copied().collect());
    assert_eq!(trainer.steps_skipped(), &places[..3]);
    let told = trainer.step().expect_err("a fourth").to_string();
    assert!(
        told.contains("`poison-60`") && told.contains("; 3 batches were left out before, so"),
        "{told}"
    );
}

/// What it would mean to go back to a checkpoint and to leave the batch out on the way: the same bits, whichever it was.
#[test]
fn going_back_and_leaving_the_batch_out_gives_the_same_bits() {
    let temporary = tempfile::tempdir().expect("folder");
    let data = poisoned(56, &[50]);
    let config = in_order(56, OnSpike::Skip);
    let straight = fresh(true, Kind::BFloat16);
    let mut trainer = Trainer::new(straight.as_ref(), &data, &config).expect("trainer");
    let folder = |step: usize| temporary.path().join(format!("checkpoint-{step}"));
    while let Some(metrics) = trainer.step().expect("step") {
        if [20, 49, 50, 52].contains(&metrics.step) {
            trainer
                .save_checkpoint(&folder(metrics.step))
                .expect("save");
        }
    }
    assert_eq!(trainer.steps_skipped(), [50]);
    for from in [20, 49, 50, 52] {
        let resumed = fresh(true, Kind::BFloat16);
        let mut trainer = Trainer::new(resumed.as_ref(), &data, &config).expect("trainer");
        trainer.resume(&folder(from)).expect("resume");
        while trainer.step().expect("step").is_some() {}
        assert_eq!(trainer.steps_skipped(), [50], "from {from}");
        assert!(equal(straight.as_ref(), resumed.as_ref()), "from {from}");
    }
    // What would be left: a checkpoint of a training that stops does not go on as one that leaves out.
    let other = fresh(true, Kind::BFloat16);
    let stops = in_order(56, OnSpike::Stop);
    let mut trainer = Trainer::new(other.as_ref(), &data, &stops).expect("trainer");
    let error = trainer.resume(&folder(20)).expect_err("another plan");
    assert!(error.to_string().contains("other settings"), "{error}");
}

#[test]
fn a_line_of_a_batch_whose_loss_is_no_number_can_be_read_back() {
    let (model, data) = (fresh(true, Kind::Float), samples());
    let norm = model
        .parameters()
        .iter()
        .find(|p| p.name.ends_with("model.norm.weight"));
    let _ = norm.expect("a norm").tensor.detach().fill_(f64::NAN);
    let config = Config {
        on_spike: OnSpike::Skip,
        ..Config::small(1e-2, 4, 5)
    };
    let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    for step in 1..=3 {
        let metrics = trainer.step().expect("left out").expect("metrics");
        let line = serde_json::to_string(&metrics).expect("line");
        let back: train::Metrics = serde_json::from_str(&line).expect("read");
        assert!(back.loss.is_nan() && back.step == step, "{line}");
        assert_eq!(back.skipped, metrics.skipped);
    }
    assert!(trainer.step().is_err(), "the fourth");
}

#[test]
fn the_weights_of_a_step_can_be_taken_back() {
    let temporary = tempfile::tempdir().expect("folder");
    let file = temporary.path().join("weights.safetensors");
    for kind in [Kind::Float, Kind::BFloat16] {
        let train = |steps: usize| {
            let (model, data) = (fresh(true, kind), samples());
            let config = Config::small(1e-2, 3, 8);
            let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
            let mut digest = String::new();
            for step in 1..=steps {
                trainer.step().expect("step");
                if step == 4 {
                    digest = trainer.save_weights(&file).expect("save");
                }
            }
            if steps > 4 {
                trainer.end_with_weights(&file).expect("take back");
                assert_eq!(corpus::digest::file(&file).expect("read"), digest);
            }
            model
        };
        let expected = train(4);
        assert!(equal(expected.as_ref(), train(7).as_ref()), "{kind:?}");
    }
    let other = fresh(false, Kind::Float);
    let data = samples();
    let trainer = Trainer::new(other.as_ref(), &data, &Config::small(1e-2, 3, 8)).expect("trainer");
    let error = trainer.end_with_weights(&file).expect_err("another model");
    assert!(error.to_string().contains("lm_head"), "{error}");
}

/// Counted by hand from the configuration of the model: of the decoder 2 layers of 1,920 weights and a query width of 16, a
/// head of 640 values; of the tower one layer that is reached (1,056) and the patches (576), a width of 12 and tiles of 4
/// patches; of the projector 448.
#[test]
fn operations_are_those_of_the_shapes() {
    // 6 tokens, 3 of them learned: 6 · 7,680 + 18 · 128 + 3 · 1,280.
    let of_text = 52_224.0;
    // 15 tokens, 2 of them learned, and 8 patches: 15 · 7,680 + 112.5 · 128 + 2 · 1,280 of the decoder.
    let (weights, attention) = (115_200.0 + 2_560.0, 14_400.0);
    let tower = 8.0 * 3_264.0 + 8.0 * 4.0 * 48.0;
    let projector = 8.0 * 896.0;
    let flops = |sample: Encoded, freeze: &[Group]| {
        let (model, data) = (fresh(true, Kind::Float), Samples(vec![sample]));
        let config = Config {
            freeze: freeze.to_vec(),
            ..Config::small(1e-2, 1, 1)
        };
        let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
        trainer.measure_rate().expect("a rate");
        let metrics = trainer.step().expect("step").expect("metrics");
        assert!(metrics.mfu > 0.0, "{}", metrics.mfu);
        metrics.flops
    };
    let check = |found: f64, expected: f64| {
        assert!((found - expected).abs() < 0.5, "{found} for {expected}");
    };
    check(flops(text(&[2, 7, 8, 9, 20, 21], 3), &[]), 3.0 * of_text);
    let decoder = weights + attention;
    check(flops(picture(0), &[]), 3.0 * (decoder + tower + projector));
    let frozen = [Group::VisionTower, Group::Projector];
    check(
        flops(picture(0), &frozen),
        3.0 * decoder + tower + projector,
    );
    let frozen = [Group::VisionTower, Group::LanguageModel];
    let expected = 2.0 * weights + 3.0 * (attention + projector) + tower;
    check(flops(picture(0), &frozen), expected);
}

#[test]
fn norms_of_the_groups_are_parts_of_the_norm() {
    let (model, data) = (fresh(true, Kind::Float), samples());
    let config = Config {
        freeze: vec![Group::VisionTower],
        ..Config::small(1e-2, 4, 1)
    };
    let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    let metrics = trainer.step().expect("step").expect("metrics");
    let norms = &metrics.grad_norm_by_group;
    assert_eq!(norms["vision_tower"].to_bits(), 0);
    assert!(norms["projector"] > 0.0 && norms["language_model"] > 0.0);
    let whole = norms["projector"].hypot(norms["language_model"]);
    assert!((whole / metrics.grad_norm - 1.0).abs() < 1e-6, "{norms:?}");
}
