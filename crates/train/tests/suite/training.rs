//! Loss, gradients and updates of single steps; what is frozen, packed, clipped and refused.

use model::{Batch, Group, Mllm};
use processor::ImageGrid;
use torch::{Kind, Tensor};
use train::{Config, Rates, Scheduler, Trainer};

use crate::support::{Samples, equal, fresh, samples, text};

/// One step of plain descent: without moments AdamW moves by the sign of the gradient, so a huge epsilon makes the
/// move proportional to it: rate × gradient ÷ epsilon.
fn descent(micro_tokens: usize) -> Config {
    Config {
        scheduler: Scheduler::Constant,
        warmup_ratio: 0.0,
        max_grad_norm: 0.0,
        eps: 1e6,
        micro_tokens,
        ..Config::small(1e6, 4, 1)
    }
}

/// Loss and gradients from the whole logits matrix and autograd alone, sample by sample.
fn plain(model: &dyn Mllm, samples: &Samples) -> f64 {
    for parameter in model.parameters() {
        let _ = parameter.tensor.set_requires_grad(true);
    }
    let learned: usize = samples
        .0
        .iter()
        .map(|s| s.learn[1..].iter().filter(|&&l| l).count())
        .sum();
    let mut sum = Tensor::from(0.0_f32);
    for sample in &samples.0 {
        let mut batch = Batch::default();
        batch.push(&sample.ids, 0, &sample.images);
        let hidden = model.hidden(&batch, None).expect("hidden");
        let logits = hidden.matmul(&model.head().transpose(0, 1));
        let length = sample.ids.len();
        let target = |i: usize| if sample.learn[i] { sample.ids[i] } else { -100 };
        let targets: Vec<i64> = (1..length).map(target).collect();
        sum += logits
            .narrow(0, 0, length as i64 - 1)
            .cross_entropy_loss::<Tensor>(
                &Tensor::from_slice(&targets),
                None,
                torch::tch::Reduction::Sum,
                -100,
                0.0,
            );
    }
    let loss = sum / learned as f64;
    loss.backward();
    loss.double_value(&[])
}

#[test]
fn loss_and_gradients_equal_those_of_whole_logits() {
    for tied in [true, false] {
        for micro_tokens in [1, 20, 1000] {
            let data = samples();
            let (ours, theirs) = (fresh(tied, Kind::Float), fresh(tied, Kind::Float));
            let mut trainer =
                Trainer::new(ours.as_ref(), &data, &descent(micro_tokens)).expect("trainer");
            let metrics = trainer.step().expect("step").expect("metrics");
            let start = fresh(tied, Kind::Float);
            let loss = plain(theirs.as_ref(), &data);
            assert!(
                (metrics.loss - loss).abs() < 1e-5,
                "{} for {loss}",
                metrics.loss
            );
            let mut squares = 0.0;
            for ((after, before), other) in ours
                .parameters()
                .iter()
                .zip(start.parameters())
                .zip(theirs.parameters())
            {
                let gradient = other.tensor.grad();
                if !gradient.defined() {
                    assert!(!other.reachable, "{} has no gradient", other.name);
                    assert!(after.tensor.equal(&before.tensor), "{} moved", after.name);
                    continue;
                }
                squares += gradient.square().sum(Kind::Double).double_value(&[]);
                let moved = before.tensor.detach() - after.tensor.detach();
                let worst = (moved - &gradient).abs().max() / gradient.abs().max().clamp_min(1.0);
                let worst = worst.double_value(&[]);
                assert!(worst < 2e-5, "{} with {micro_tokens}: {worst}", after.name);
            }
            assert!((metrics.grad_norm / squares.sqrt() - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn overfits_one_batch() {
    let (model, data) = (fresh(true, Kind::Float), samples());
    let config = Config::small(2e-2, 4, 80);
    let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    let mut last = f64::MAX;
    while let Some(metrics) = trainer.step().expect("step") {
        last = metrics.loss;
        assert!(metrics.data_wait_seconds <= metrics.seconds && metrics.peak_rss_bytes > 0);
        assert_eq!(
            (metrics.samples, metrics.tokens, metrics.learned_tokens),
            (4, 39, 9)
        );
    }
    assert!(last < 0.05, "{last}");
}

#[test]
fn half_precision_trains_on_masters_of_full_precision() {
    let (model, data) = (fresh(true, Kind::BFloat16), samples());
    // Steps too small for bf16 to see one by one.
    let config = Config {
        scheduler: Scheduler::Constant,
        ..Config::small(2e-4, 4, 60)
    };
    let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    let (mut first, mut last) = (f64::NAN, f64::NAN);
    while let Some(metrics) = trainer.step().expect("step") {
        if metrics.step == 1 {
            first = metrics.loss;
        }
        last = metrics.loss;
    }
    let full = fresh(true, Kind::Float);
    let mut trainer = Trainer::new(full.as_ref(), &data, &config).expect("trainer");
    let mut expected = f64::NAN;
    while let Some(metrics) = trainer.step().expect("step") {
        expected = metrics.loss;
    }
    let share = (first - last) / (first - expected);
    assert!(
        (0.9..1.1).contains(&share),
        "from {first} to {last}, in f32 to {expected}"
    );
}

#[test]
fn frozen_groups_stay_as_they_were() {
    let check = |change: fn(&mut Config)| {
        let (model, start) = (fresh(true, Kind::Float), fresh(true, Kind::Float));
        let (data, mut config) = (samples(), Config::small(1e-2, 4, 3));
        change(&mut config);
        let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
        while let Some(metrics) = trainer.step().expect("step") {
            assert_eq!(metrics.learning_rate["vision_tower"].to_bits(), 0);
        }
        for (after, before) in model.parameters().iter().zip(start.parameters()) {
            let learns = after.group == Group::Projector && after.reachable;
            assert_eq!(
                !after.tensor.equal(&before.tensor),
                learns,
                "{}",
                after.name
            );
            assert_eq!(after.tensor.requires_grad(), learns, "{}", after.name);
        }
    };
    check(|c| c.freeze = vec![Group::VisionTower, Group::LanguageModel]);
    check(|c| {
        c.learning_rate = Rates {
            projector: 1e-2,
            ..Rates::all(0.0)
        };
    });
}

#[test]
fn gradients_are_clipped_to_their_norm() {
    let data = samples();
    let (free, clipped, start) = (
        fresh(true, Kind::Float),
        fresh(true, Kind::Float),
        fresh(true, Kind::Float),
    );
    let config = descent(1000);
    let mut trainer = Trainer::new(free.as_ref(), &data, &config).expect("trainer");
    let norm = trainer.step().expect("step").expect("metrics").grad_norm;
    let config = Config {
        max_grad_norm: norm / 4.0,
        ..config
    };
    let mut trainer = Trainer::new(clipped.as_ref(), &data, &config).expect("trainer");
    let again = trainer.step().expect("step").expect("metrics").grad_norm;
    assert!(
        (norm - again).abs() < 1e-9,
        "the norm before clipping is reported"
    );
    let mut moved = 0.0;
    for (after, before) in clipped.parameters().iter().zip(start.parameters()) {
        let difference = after.tensor.detach() - &before.tensor;
        moved += difference.square().sum(Kind::Double).double_value(&[]);
    }
    assert!(
        (moved.sqrt() / (norm / 4.0) - 1.0).abs() < 1e-3,
        "{} of {norm}",
        moved.sqrt()
    );
}

#[test]
fn the_same_run_gives_the_same_bits() {
    let run = || {
        let (model, data) = (fresh(true, Kind::Float), samples());
        let config = Config::small(1e-2, 3, 6);
        let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
        while trainer.step().expect("step").is_some() {}
        model
    };
    assert!(equal(run().as_ref(), run().as_ref()));
}

#[test]
fn what_cannot_be_trained_is_named() {
    let model = fresh(true, Kind::Float);
    let data = samples();
    let new = |data, config: &Config| Trainer::new(model.as_ref(), data, config).err();
    let none = Samples(Vec::new());
    let error = new(&none, &Config::small(1e-2, 1, 1)).expect("no samples");
    assert!(error.to_string().contains("no samples"));
    let all = vec![Group::VisionTower, Group::Projector, Group::LanguageModel];
    let frozen = Config {
        freeze: all,
        ..Config::small(1e-2, 1, 1)
    };
    assert!(
        new(&data, &frozen)
            .expect("frozen")
            .to_string()
            .contains("frozen")
    );

    let broken = Samples(vec![text(&[2, 7, 8], 1), text(&[], 0)]);
    let config = Config {
        shuffle: false,
        ..Config::small(1e-2, 1, 2)
    };
    let mut trainer = Trainer::new(model.as_ref(), &broken, &config).expect("trainer");
    trainer.step().expect("the first sample is sound");
    let error = trainer.step().expect_err("the second is not").to_string();
    assert_eq!(error, "sample `one`: its picture is missing");
}

#[test]
fn a_loss_that_is_no_number_leaves_the_weights_alone() {
    let (model, start, data) = (
        fresh(true, Kind::Float),
        fresh(true, Kind::Float),
        samples(),
    );
    let norm = |model: &dyn Mllm| {
        let found = model
            .parameters()
            .iter()
            .find(|p| p.name.ends_with("model.norm.weight"));
        found.expect("a norm").tensor.detach()
    };
    let _ = norm(model.as_ref()).fill_(f64::NAN);
    let mut trainer =
        Trainer::new(model.as_ref(), &data, &Config::small(1e-2, 4, 2)).expect("trainer");
    let error = trainer.step().expect_err("no number").to_string();
    assert!(error.starts_with("step 1 has loss NaN"), "{error}");
    let () = norm(model.as_ref()).copy_(&norm(start.as_ref()));
    assert!(equal(model.as_ref(), start.as_ref()));
}

/// Pictures that many hold: what a trainer that is gone still holds would be seen.
#[test]
fn a_trainer_that_is_dropped_early_leaves_nothing_behind() {
    let (model, data) = (fresh(true, Kind::Float), samples());
    let held = || {
        let pictures = data.0.iter().flat_map(|sample| &sample.images);
        let counts = pictures.map(|picture| std::sync::Arc::strong_count(&picture.pixels));
        counts.sum::<usize>()
    };
    assert_eq!(held(), 2);
    let config = Config::small(1e-2, 1, 12);
    let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    trainer.step().expect("step");
    drop(trainer);
    assert_eq!(held(), 2);
}

#[test]
fn padding_is_told() {
    let model = fresh(true, Kind::Float);
    let mut data = samples();
    let config = Config::small(1e-2, 4, 1);
    let padding = |data: &Samples| {
        let mut trainer = Trainer::new(model.as_ref(), data, &config).expect("trainer");
        trainer.step().expect("step").expect("metrics").padding
    };
    assert!(padding(&data).abs() < 1e-12, "pictures fill their tiles");
    // A square on two tiles, one above the other: of four rows of two patches the middle two show it, so that there are as
    // many features as before. The tower computes 12 patches for it, 4 of them for nothing, and 8 for the other picture.
    let picture = &mut data.0[0].images[0];
    picture.pixels = std::sync::Arc::new(vec![0.5; 3 * 3 * 64]);
    picture.shape[0] = 3;
    picture.grid = ImageGrid::Tiles {
        original: (8, 8),
        tiles: (2, 1),
    };
    let expected = 4.0 / (39.0 + 12.0 + 8.0);
    assert!((padding(&data) - expected).abs() < 1e-12);
}

#[test]
fn lines_of_an_earlier_version_can_be_read() {
    let line = r#"{"step": 3, "loss": 2.5, "grad_norm": 1.5, "learning_rate": {"projector": 0.1}, "samples": 4, "tokens": 39,
        "learned_tokens": 9, "padding": 0.0, "seconds": 0.5, "data_wait_seconds": 0.1, "peak_rss_bytes": 1000}"#;
    let read: train::Metrics = serde_json::from_str(line).expect("a line");
    assert_eq!(
        (read.step, read.peak_memory_bytes, read.wasted_memory_bytes),
        (3, 0, 0)
    );
}
