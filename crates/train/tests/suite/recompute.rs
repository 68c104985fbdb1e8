//! A training that computes activations again is the same training: losses, norms and weights to the bit.
//!
//! A few steps of the models of `crates/model/tests/golden`; `ADAMLLM_TEST_STEPS` says how many.

use std::path::Path;
use std::sync::Arc;

use model::init::hashed;
use model::{Group, Mllm, Recompute};
use processor::{Encoded, ImageGrid, ImageInput};
use serde::Deserialize;
use torch::{Device, Kind, Tensor};
use train::{Config, Trainer};

use crate::support::{Samples, equal};

const CASES: [(&str, &str); 6] = [
    ("llama", "grouped-tied"),
    ("llava", "clip"),
    ("llava", "dino-tied"),
    ("llava_next", "grouped-tied"),
    ("mllama", "padded-tiles"),
    ("qwen2_vl", "two-pictures"),
];

#[derive(Deserialize)]
struct Golden {
    config: serde_json::Value,
    sequences: Vec<Sequence>,
}

#[derive(Deserialize)]
struct Sequence {
    ids: Vec<i64>,
    images: Vec<Picture>,
}

#[derive(Deserialize)]
struct Picture {
    name: String,
    shape: Vec<usize>,
    num_tokens: usize,
    original: Option<(usize, usize)>,
    tiles: Option<(usize, usize)>,
    patches: Option<(usize, usize)>,
    canvas: Option<(usize, usize)>,
}

fn input(picture: &Picture) -> ImageInput {
    let grid = match (
        picture.original.zip(picture.tiles),
        picture.patches,
        picture.canvas,
    ) {
        (Some((original, tiles)), _, _) => ImageGrid::Tiles { original, tiles },
        (_, Some(patches), _) => ImageGrid::Patches { patches },
        (_, _, Some(tiles)) => ImageGrid::Canvas { tiles },
        _ => ImageGrid::Whole,
    };
    let count = picture.shape.iter().product::<usize>() as u64;
    ImageInput {
        pixels: Arc::new(
            (0..count)
                .map(|i| hashed(&picture.name, i) as f32)
                .collect(),
        ),
        shape: picture.shape.clone(),
        grid,
        num_tokens: picture.num_tokens,
    }
}

/// The model's configuration, and its sequences as samples.
fn golden(family: &str, case: &str) -> (String, Samples) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden");
    let path = folder.join(family).join(format!("{case}.json"));
    let text = std::fs::read_to_string(path).expect("a golden file");
    let golden: Golden = serde_json::from_str(&text).expect("a golden file");
    let token = |key: &str| golden.config[key].as_i64();
    let image = token("image_token_index").or(token("image_token_id"));
    let encoded = |sequence: &Sequence| Encoded {
        ids: sequence.ids.clone(),
        learn: sequence.ids.iter().map(|&id| Some(id) != image).collect(),
        images: sequence.images.iter().map(input).collect(),
    };
    let samples = golden.sequences.iter().take(6).map(encoded).collect();
    (golden.config.to_string(), Samples(samples))
}

fn steps() -> usize {
    let told = std::env::var("ADAMLLM_TEST_STEPS").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(8)
}

/// The trained model, with losses and norms of all steps.
fn trained(
    (text, samples): &(String, Samples),
    kind: Kind,
    freeze: &[Group],
    recompute: Recompute,
) -> (Box<dyn Mllm>, Vec<(u64, u64)>) {
    let model = model::fresh(text, 3, Device::Cpu, kind).expect("model");
    // Gates begin at zero, through which no gradient goes.
    let gates = model.parameters().iter().filter(|p| p.tensor.numel() == 1);
    for gate in gates {
        let _ = gate.tensor.detach().fill_(0.5);
    }
    let config = Config {
        // A sample longer than that stands alone, the others are packed: several backwards are summed.
        micro_tokens: 60,
        freeze: freeze.to_vec(),
        recompute,
        ..Config::small(1e-2, samples.0.len(), steps())
    };
    let mut trainer = Trainer::new(model.as_ref(), samples, &config).expect("trainer");
    let mut curve = Vec::new();
    while let Some(metrics) = trainer.step().expect("step") {
        curve.push((metrics.loss.to_bits(), metrics.grad_norm.to_bits()));
    }
    assert_eq!(curve.len(), steps());
    drop(trainer);
    (model, curve)
}

fn check(kind: Kind, freeze: &[Group]) {
    for (family, case) in CASES {
        // A model of text alone has nothing but a language model.
        if family == "llama" && !freeze.is_empty() {
            continue;
        }
        let golden = golden(family, case);
        let (kept, curve) = trained(&golden, kind, freeze, Recompute::None);
        assert_ne!(
            curve.first(),
            curve.last(),
            "{family} {case} learns nothing"
        );
        for recompute in [Recompute::Cheap, Recompute::Blocks] {
            let (model, found) = trained(&golden, kind, freeze, recompute);
            assert_eq!(found, curve, "{family} {case} {kind:?} {recompute:?}");
            assert!(
                equal(model.as_ref(), kept.as_ref()),
                "{family} {case} {kind:?} {recompute:?}"
            );
        }
    }
}

#[test]
fn a_training_in_f32_is_the_same() {
    check(Kind::Float, &[]);
}

#[test]
fn a_training_in_bf16_is_the_same() {
    check(Kind::BFloat16, &[]);
}

/// The first block's input has no gradient.
#[test]
fn a_training_with_frozen_parts_is_the_same() {
    check(Kind::Float, &[Group::LanguageModel]);
    check(Kind::Float, &[Group::VisionTower, Group::Projector]);
}

/// Missing memory in a block, be it in the forward or in the backward, is told as such, and the next step goes well.
#[test]
fn missing_memory_is_told_as_such() {
    let message = torch::OutOfMemory {
        asked: 4096,
        in_use: 8192,
        limit: Some(10_000),
    };
    let x = Tensor::from_slice(&[1.0_f32, 2.0]).set_requires_grad(true);
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let y = torch::recompute(&[&x], move |x| {
        if calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            return Ok(x[0].square());
        }
        Err(model::Error::Torch(message.to_string()))
    });
    let y: Tensor = y.expect("forward");
    let told = torch::backward_with(&y, &y.ones_like()).expect_err("backward");
    let told = train::Error::from(told);
    assert!(
        matches!(told, train::Error::OutOfMemory(found) if found == message),
        "{told}"
    );
    let told = torch::recompute(&[&x], move |_| {
        Err::<Tensor, _>(model::Error::Torch(message.to_string()))
    });
    let told = train::Error::from(told.expect_err("forward"));
    assert!(
        matches!(told, train::Error::OutOfMemory(found) if found == message),
        "{told}"
    );
}
