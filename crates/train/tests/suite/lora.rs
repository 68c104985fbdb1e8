//! Adapters: what learns, what is kept, and what is refused.

use model::adapter;
use model::{Group, Lora, Mllm};
use torch::{Kind, Tensor};
use train::{Config, Error, Trainer, prepared};

use crate::support::{equal, fresh, samples};

fn config(lora: Lora) -> Config {
    Config {
        weight_decay: 0.1,
        lora: Some(lora),
        ..Config::small(1e-2, 2, 6)
    }
}

fn lora(targets: &[&str]) -> Lora {
    Lora {
        rank: 3,
        alpha: 6.0,
        dropout: 0.2,
        targets: targets.iter().map(|&t| t.to_owned()).collect(),
        rslora: true,
    }
}

fn adapted(config: &Config, kind: Kind) -> Box<dyn Mllm> {
    prepared(fresh(true, kind), config).expect("an adapter")
}

fn values(model: &dyn Mllm, of_adapter: bool) -> Vec<(String, Tensor)> {
    let parameters = model.parameters().iter();
    let chosen = parameters.filter(|p| p.adapter.is_some() == of_adapter);
    chosen
        .map(|p| (p.name.clone(), p.tensor.detach().copy()))
        .collect()
}

/// The base keeps its bits and has no gradient; A and B of every layer move, in f32 beside a base in bf16 too.
#[test]
fn an_adapter_learns_and_its_base_does_not() {
    for kind in [Kind::Float, Kind::BFloat16] {
        let config = config(lora(&["language_model", "projector", "vision_tower"]));
        let (model, data) = (adapted(&config, kind), samples());
        let model = model.as_ref();
        let (base, before) = (values(model, false), values(model, true));
        let mut trainer = Trainer::new(model, &data, &config).expect("trainer");
        let mut losses = Vec::new();
        while let Some(metrics) = trainer.step().expect("step") {
            losses.push(metrics.loss);
        }
        assert_eq!(losses.len(), 6);
        for ((name, was), (_, is)) in base.iter().zip(values(model, false)) {
            assert!(was.equal(&is), "{name} moved");
        }
        for parameter in model.parameters().iter().filter(|p| p.adapter.is_none()) {
            assert!(!parameter.tensor.requires_grad() && !parameter.tensor.grad().defined());
        }
        for ((name, was), (_, is)) in before.iter().zip(values(model, true)) {
            let reachable = model
                .parameters()
                .iter()
                .any(|p| p.name == *name && p.reachable);
            assert_eq!(is.kind(), Kind::Float);
            assert_eq!(was.equal(&is), !reachable, "{name}");
        }
    }
}

/// A checkpoint has A, B and their moments and nothing of the base; a training that goes on from it is the one that was
/// never stopped, with the same masks of dropout.
#[test]
fn a_resumed_training_draws_the_same_masks() {
    let config = config(lora(&[]));
    let data = samples();
    let whole = adapted(&config, Kind::BFloat16);
    let mut trainer = Trainer::new(whole.as_ref(), &data, &config).expect("trainer");
    while trainer.step().expect("step").is_some() {}

    let folder = tempfile::tempdir().expect("folder");
    let checkpoint = folder.path().join("checkpoint-3");
    let first = adapted(&config, Kind::BFloat16);
    let mut trainer = Trainer::new(first.as_ref(), &data, &config).expect("trainer");
    for _ in 0..3 {
        trainer.step().expect("step");
    }
    trainer.save_checkpoint(&checkpoint).expect("saved");
    let mut files: Vec<String> = std::fs::read_dir(&checkpoint)
        .expect("files")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    files.sort();
    assert_eq!(files, ["optimizer.safetensors", "state.json"]);

    let second = adapted(&config, Kind::BFloat16);
    let mut trainer = Trainer::new(second.as_ref(), &data, &config).expect("trainer");
    trainer.resume(&checkpoint).expect("resumed");
    while trainer.step().expect("step").is_some() {}
    assert!(equal(whole.as_ref(), second.as_ref()));

    // Dropout is a setting: without it the same steps end elsewhere.
    let still = Config {
        lora: Some(Lora {
            dropout: 0.0,
            ..lora(&[])
        }),
        ..config
    };
    let other = adapted(&still, Kind::BFloat16);
    let mut trainer = Trainer::new(other.as_ref(), &data, &still).expect("trainer");
    let refused = trainer.resume(&checkpoint).expect_err("another plan");
    assert!(refused.to_string().contains("other settings"), "{refused}");
    while trainer.step().expect("step").is_some() {}
    let [a, b] = [whole, other].map(|model| values(model.as_ref(), true));
    assert!(a.iter().zip(&b).any(|((_, a), (_, b))| !a.equal(b)));
}

#[test]
fn what_cannot_be_trained_is_told_before_the_first_step() {
    let data = samples();
    let told = |config: &Config, model: &dyn Mllm| -> String {
        match Trainer::new(model, &data, config) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("no error"),
        }
    };
    let frozen = Config {
        freeze: vec![Group::VisionTower],
        ..config(lora(&["q_proj"]))
    };
    let model = adapted(&frozen, Kind::Float);
    let error = told(&frozen, model.as_ref());
    assert!(
        error.contains("q_proj` of the group `vision_tower`, which is frozen"),
        "{error}"
    );
    let plain = config(lora(&[]));
    let error = told(&plain, fresh(true, Kind::Float).as_ref());
    assert!(error.contains("the model has none"), "{error}");
    let full = Config {
        lora: None,
        ..plain.clone()
    };
    let model = adapted(&plain, Kind::Float);
    let error = told(&full, model.as_ref());
    assert!(error.contains("merge the adapter first"), "{error}");
    // An adapter that is there is gone on with.
    let again = prepared(model, &plain).expect("as it is");
    assert_eq!(adapter::layers(again.as_ref()).len(), 14);
    let wrong = config(lora(&["q_porj"]));
    let Err(Error::Model(error)) = prepared(fresh(true, Kind::Float), &wrong) else {
        panic!("no error");
    };
    assert!(
        error.to_string().contains("the nearest is `q_proj`"),
        "{error}"
    );
}
