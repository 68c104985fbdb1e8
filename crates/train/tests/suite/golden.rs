//! Ten steps against `transformers` and PyTorch in float64: our f32 is at most four times as far off as theirs.

use std::collections::BTreeMap;

use model::Mllm;
use model::init::hashed;
use processor::{Encoded, ImageGrid, ImageInput};
use serde::Deserialize;
use torch::{Device, Kind, Tensor};
use train::{Config, Rates, SampleSource, Scheduler, Trainer};

#[derive(Deserialize)]
struct Golden {
    config: serde_json::Value,
    settings: Settings,
    samples: Vec<Sample>,
    steps: Vec<Step>,
    weights: BTreeMap<String, Vec<f64>>,
    transformers_f32: Errors,
}

#[derive(Deserialize)]
struct Settings {
    batch_size: usize,
    steps: usize,
    warmup: usize,
    min_lr: f64,
    weight_decay: f64,
    betas: [f64; 2],
    eps: f64,
    max_grad_norm: f64,
    learning_rate: Rates,
}

#[derive(Deserialize)]
struct Sample {
    ids: Vec<i64>,
    learn: Vec<u8>,
    images: Vec<Picture>,
}

#[derive(Deserialize)]
struct Picture {
    name: String,
    original: (usize, usize),
    tiles: (usize, usize),
    num_tokens: usize,
}

#[derive(Deserialize)]
struct Step {
    loss: f64,
    grad_norm: f64,
    learning_rate: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Errors {
    loss: f64,
    grad_norm: f64,
    weights: f64,
}

struct Source(Vec<Encoded>);

impl SampleSource for Source {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn id(&self, _: usize) -> &'static str {
        "golden"
    }
    fn encode(&self, index: usize) -> Result<Encoded, String> {
        Ok(self.0[index].clone())
    }
}

fn encoded(sample: &Sample, side: usize) -> Encoded {
    let image = |p: &Picture| {
        let shape = vec![p.tiles.0 * p.tiles.1 + 1, 3, side, side];
        let count = shape.iter().product::<usize>() as u64;
        ImageInput {
            pixels: std::sync::Arc::new((0..count).map(|i| hashed(&p.name, i) as f32).collect()),
            shape,
            grid: ImageGrid::Tiles {
                original: p.original,
                tiles: p.tiles,
            },
            num_tokens: p.num_tokens,
        }
    };
    Encoded {
        ids: sample.ids.clone(),
        learn: sample.learn.iter().map(|&l| l == 1).collect(),
        images: sample.images.iter().map(image).collect(),
    }
}

/// From the layout that `transformers` writes to the one that it computes with.
fn internal_name(published: &str) -> String {
    match published.strip_prefix("language_model.model.") {
        Some(rest) => format!("model.language_model.{rest}"),
        None => format!("model.{published}"),
    }
}

/// The rule of `crates/model/tests/golden/make.py`.
fn weight(name: &str, shape: &[i64], index: u64) -> f32 {
    let unit = hashed(name, index);
    let norm = ["norm.weight", "norm1.weight", "norm2.weight"];
    let value = match shape {
        [_] if norm.iter().any(|end| name.ends_with(end)) => 1.0 + 0.3 * unit,
        [_] => 0.3 * unit,
        _ => unit * (3.0 / shape[1..].iter().product::<i64>() as f64).sqrt() * 1.5,
    };
    value as f32
}

fn fill(model: &dyn Mllm) {
    let _guard = torch::no_grad_guard();
    for parameter in model.parameters() {
        let (name, shape) = (internal_name(&parameter.name), parameter.tensor.size());
        let count = parameter.tensor.numel() as u64;
        let values: Vec<f32> = (0..count).map(|i| weight(&name, &shape, i)).collect();
        parameter
            .tensor
            .shallow_clone()
            .copy_(&Tensor::from_slice(&values).reshape(&shape));
    }
}

#[test]
fn ten_steps_follow_transformers_and_pytorch() {
    let text = include_str!("../golden/curve.json");
    let golden: Golden = serde_json::from_str(text).expect("golden file");
    let side = golden.config["vision_config"]["image_size"].as_u64();
    let side = side.expect("a size") as usize;
    let source = Source(golden.samples.iter().map(|s| encoded(s, side)).collect());
    let settings = golden.settings;
    let config = Config {
        epochs: (settings.steps * settings.batch_size) as f64 / source.len() as f64,
        max_steps: None,
        batch_size: settings.batch_size,
        micro_tokens: 60,
        shuffle: false,
        scheduler: Scheduler::Cosine,
        warmup_ratio: settings.warmup as f64 / settings.steps as f64,
        min_lr: settings.min_lr,
        weight_decay: settings.weight_decay,
        betas: settings.betas,
        eps: settings.eps,
        max_grad_norm: settings.max_grad_norm,
        learning_rate: settings.learning_rate,
        ..Config::small(1.0, 1, 1)
    };
    let model = model::fresh(&golden.config.to_string(), 0, Device::Cpu, Kind::Float);
    let model = model.expect("model");
    fill(model.as_ref());
    let mut trainer = Trainer::new(model.as_ref(), &source, &config).expect("trainer");
    assert_eq!(trainer.total_steps(), golden.steps.len());
    let near = |found: f64, expected: f64, error: f64| {
        let relative = (found - expected).abs() / expected.abs();
        assert!(
            relative < 4.0 * error,
            "{found} for {expected}: {relative:e} off"
        );
    };
    for expected in &golden.steps {
        let metrics = trainer.step().expect("step").expect("not yet the end");
        near(metrics.loss, expected.loss, golden.transformers_f32.loss);
        near(
            metrics.grad_norm,
            expected.grad_norm,
            golden.transformers_f32.grad_norm,
        );
        for (group, rate) in &expected.learning_rate {
            assert!(
                (metrics.learning_rate[group] - rate).abs() < 1e-12,
                "{group}"
            );
        }
    }
    assert!(trainer.step().expect("end").is_none());
    let mut compared = 0;
    for parameter in model.parameters() {
        let name = internal_name(&parameter.name);
        let Some(expected) = golden.weights.get(&name) else {
            continue;
        };
        compared += 1;
        let values = Vec::<f32>::try_from(parameter.tensor.detach().reshape([-1])).expect("values");
        for (i, expected) in expected.iter().enumerate() {
            let place = f64::midpoint(hashed(&name, i as u64), 1.0) * values.len() as f64;
            let found = f64::from(values[place as usize]);
            let error = (found - expected).abs();
            let bound = 4.0 * golden.transformers_f32.weights;
            assert!(
                error < bound,
                "{name}: {found} for {expected}: {error:e} off"
            );
        }
    }
    assert_eq!(compared, golden.weights.len());
}
