//! LLaVA-NeXT against `transformers` 5.17.0 in float64: our f32 error is at most twice that of `transformers` in f32.

use std::collections::BTreeMap;
use std::path::Path;

use model::init::hashed;
use model::{Batch, Mllm, logits};
use processor::ImageInput;
use serde::Deserialize;
use torch::{Device, Kind, Tensor};

use crate::support::{fill, internal_name, picture};

/// Below this relative error two f32 results count as the same.
const FLOOR: f64 = 1e-6;

#[derive(Deserialize)]
struct Golden {
    config: serde_json::Value,
    sequences: Vec<Sequence>,
    logits: Vec<f64>,
    loss: f64,
    gradients: BTreeMap<String, Gradient>,
    unreachable: Vec<String>,
    names: Vec<String>,
    transformers_f32: Errors,
}

#[derive(Deserialize)]
struct Sequence {
    ids: Vec<i64>,
    images: Vec<Picture>,
    greedy: Vec<i64>,
    /// The first step whose two best logits are too close to tell in f32.
    close: Option<usize>,
}

#[derive(Deserialize)]
struct Picture {
    name: String,
    original: (usize, usize),
    tiles: (usize, usize),
    num_tokens: usize,
}

#[derive(Deserialize)]
struct Gradient {
    norm: f64,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Errors {
    logits: f64,
    loss: f64,
    gradients: f64,
}

impl Golden {
    fn image_token(&self) -> i64 {
        self.config["image_token_index"].as_i64().unwrap()
    }

    fn images(&self, sequence: &Sequence) -> Vec<ImageInput> {
        let side = self.config["vision_config"]["image_size"].as_u64().unwrap() as usize;
        let make = |p: &Picture| picture(&p.name, side, p.original, p.tiles, p.num_tokens);
        sequence.images.iter().map(make).collect()
    }

    fn batch(&self) -> Batch {
        let mut batch = Batch::default();
        for sequence in &self.sequences {
            batch.push(&sequence.ids, 0, &self.images(sequence));
        }
        batch
    }

    /// Mean nats of each next token of its own sequence that is no image token.
    fn loss(&self, logits: &Tensor, batch: &Batch) -> Tensor {
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for span in batch.starts.windows(2) {
            for i in span[0]..span[1] - 1 {
                if batch.ids[i + 1] != self.image_token() {
                    rows.push(i as i64);
                    targets.push(batch.ids[i + 1]);
                }
            }
        }
        logits
            .index_select(0, &Tensor::from_slice(&rows))
            .cross_entropy_for_logits(&Tensor::from_slice(&targets))
    }
}

/// The values at the places that `make.py` drew for this name.
fn at_places(name: &str, count: usize, tensor: &Tensor) -> Vec<f64> {
    let values: Vec<f64> =
        Vec::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap();
    (0..count as u64)
        .map(|i| values[(f64::midpoint(hashed(name, i), 1.0) * values.len() as f64) as usize])
        .collect()
}

fn mean_square(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.map(|v| v * v).sum::<f64>() / count
}

fn difference<'a>(a: &'a [f64], b: &'a [f64]) -> impl ExactSizeIterator<Item = f64> + 'a {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a - b)
}

#[expect(clippy::print_stdout, reason = "the parity table of `--nocapture`")]
fn assert_close(what: &str, ours: f64, theirs: f64) {
    println!("{what}: ours {ours:.2e}, transformers f32 {theirs:.2e}");
    assert!(
        ours <= (2.0 * theirs).max(FLOOR),
        "{what}: ours {ours:.2e}, transformers f32 {theirs:.2e}"
    );
}

/// Greedy tokens of all sequences in one batch, each from its own length.
fn greedy(model: &dyn Mllm, golden: &Golden, steps: usize) -> Vec<Vec<i64>> {
    let prompt = golden.batch();
    let longest = prompt.starts.windows(2).map(|w| w[1] - w[0]).max().unwrap();
    let mut cache = model.new_cache(prompt.num_sequences(), longest + steps);
    let hidden = model.hidden(&prompt, Some(&mut cache)).unwrap();
    let last: Vec<i64> = prompt.starts[1..]
        .iter()
        .map(|&end| end as i64 - 1)
        .collect();
    let mut rows = hidden.index_select(0, &Tensor::from_slice(&last));
    let mut written = vec![Vec::new(); prompt.num_sequences()];
    for step in 0..steps {
        let next: Vec<i64> =
            Vec::try_from(logits(model, &rows).unwrap().argmax(-1, false)).unwrap();
        let mut batch = Batch::default();
        for ((id, written), cached) in next.iter().zip(&mut written).zip(&cache.lengths) {
            written.push(*id);
            batch.push(&[*id], *cached, &[]);
        }
        if step + 1 < steps {
            rows = model.hidden(&batch, Some(&mut cache)).unwrap();
        }
    }
    written
}

fn check(case: &str, text: &str) {
    let golden: Golden = serde_json::from_str(text).unwrap();
    let model = model::fresh(&golden.config.to_string(), 0, Device::Cpu, Kind::Float).unwrap();
    fill(model.as_ref());
    let model = model.as_ref();

    // Names, and a folder for `make.py --check --saved`.
    let mut names: Vec<&str> = model.parameters().iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, golden.names);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("golden")
        .join(case);
    model::save(model, &folder, None, Kind::Float).unwrap();

    for parameter in model.parameters() {
        let _ = parameter.tensor.set_requires_grad(true);
    }
    let batch = golden.batch();
    let logits = logits(model, &model.hidden(&batch, None).unwrap()).unwrap();
    let found = at_places(&format!("{case}/logits"), golden.logits.len(), &logits);
    let error = mean_square(difference(&found, &golden.logits))
        / mean_square(golden.logits.iter().copied());
    assert_close(
        &format!("{case} logits"),
        error.sqrt(),
        golden.transformers_f32.logits,
    );

    // In f64 nothing but the golden file's ten digits is lost.
    let double = model::fresh(&golden.config.to_string(), 0, Device::Cpu, Kind::Double).unwrap();
    fill(double.as_ref());
    let exact = model::logits(double.as_ref(), &double.hidden(&batch, None).unwrap()).unwrap();
    let found = at_places(&format!("{case}/logits"), golden.logits.len(), &exact);
    let error = mean_square(difference(&found, &golden.logits))
        / mean_square(golden.logits.iter().copied());
    assert!(error.sqrt() < 1e-9, "{case}: {:.2e} in f64", error.sqrt());

    let loss = golden.loss(&logits, &batch);
    let error = (loss.double_value(&[]) - golden.loss).abs() / golden.loss;
    assert_close(&format!("{case} loss"), error, golden.transformers_f32.loss);

    loss.backward();
    let mut errors = Vec::new();
    for parameter in model.parameters() {
        let name = internal_name(&parameter.name);
        let gradient = parameter.tensor.grad();
        let Some(expected) = golden.gradients.get(&name) else {
            assert!(golden.unreachable.contains(&name));
            assert!(
                !gradient.defined() || gradient.norm().double_value(&[]) == 0.0,
                "{name}"
            );
            let unused = batch.images.is_empty()
                && !name.contains("language_model")
                && !name.contains("lm_head");
            assert!(
                !parameter.reachable || unused,
                "{name} is declared reachable"
            );
            continue;
        };
        assert!(parameter.reachable, "{name} is declared unreachable");
        let norm = gradient.norm().double_value(&[]);
        assert!(
            (norm - expected.norm).abs() < 1e-4 * expected.norm,
            "{name}: {norm} for {}",
            expected.norm
        );
        let found = at_places(&name, expected.values.len(), &gradient);
        let scale = expected.norm / (parameter.tensor.numel() as f64).sqrt();
        let error = mean_square(difference(&found, &expected.values)) / (scale * scale);
        assert!(error.sqrt() < 1e-4, "{name}: {:.2e}", error.sqrt());
        errors.push(error);
    }
    let error = (errors.iter().sum::<f64>() / errors.len() as f64).sqrt();
    assert_close(
        &format!("{case} gradients"),
        error,
        golden.transformers_f32.gradients,
    );

    let steps = golden.sequences[0].greedy.len();
    for (sequence, written) in golden.sequences.iter().zip(greedy(model, &golden, steps)) {
        let certain = sequence.close.unwrap_or(steps);
        assert_eq!(written[..certain], sequence.greedy[..certain], "{case}");
    }
}

#[test]
fn grouped_heads_and_tied_embeddings() {
    check(
        "grouped-tied",
        include_str!("../golden/llava_next/grouped-tied.json"),
    );
}

#[test]
fn full_heads_with_a_padding_row_and_two_pictures() {
    check(
        "full-heads-padding-row",
        include_str!("../golden/llava_next/full-heads-padding-row.json"),
    );
}

#[test]
fn one_key_head_and_llama3_positions_without_pictures() {
    check(
        "one-key-head-llama3",
        include_str!("../golden/llava_next/one-key-head-llama3.json"),
    );
}

#[test]
fn biases_and_wide_heads_on_odd_tiles() {
    check(
        "biases-wide-heads-gelu",
        include_str!("../golden/llava_next/biases-wide-heads-gelu.json"),
    );
}

#[test]
fn mistral_with_a_tower_cut_early() {
    check(
        "mistral-deep-cut",
        include_str!("../golden/llava_next/mistral-deep-cut.json"),
    );
}
