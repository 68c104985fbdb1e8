//! Every family against `transformers` 5.17.0 in float64: our f32 error is at most twice that of `transformers` in f32,
//! and our bf16 error at most 1.1 times its bf16 error.

use std::collections::BTreeMap;
use std::path::Path;

use model::init::hashed;
use model::{Batch, Mllm, logits};
use processor::{ImageGrid, ImageInput};
use serde::Deserialize;
use torch::{Device, Kind, Tensor};

use crate::support::{fill, internal_name, made_picture};

/// Below this relative error two f32 results count as the same.
const FLOOR: f64 = 1e-6;
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

#[derive(Deserialize)]
pub struct Golden {
    pub config: serde_json::Value,
    pub sequences: Vec<Sequence>,
    greedy: Vec<Greedy>,
    logits: Vec<f64>,
    loss: f64,
    gradients: BTreeMap<String, Gradient>,
    unreachable: Vec<String>,
    names: Vec<String>,
    transformers_f32: Errors,
    transformers_bf16: f64,
}

#[derive(Deserialize)]
pub struct Sequence {
    ids: Vec<i64>,
    images: Vec<Picture>,
}

#[derive(Deserialize)]
struct Greedy {
    #[serde(flatten)]
    prompt: Sequence,
    new: Vec<i64>,
    /// The steps whose two best logits are too close to tell in f32.
    close: Vec<usize>,
}

#[derive(Deserialize)]
struct Picture {
    name: String,
    shape: Vec<usize>,
    num_tokens: usize,
    /// LLaVA-NeXT: pixels before resizing, and tiles.
    original: Option<(usize, usize)>,
    tiles: Option<(usize, usize)>,
    /// Qwen2-VL.
    patches: Option<(usize, usize)>,
    /// Llama 3.2.
    canvas: Option<(usize, usize)>,
}

impl Picture {
    fn input(&self) -> ImageInput {
        let grid = match (self.original.zip(self.tiles), self.patches, self.canvas) {
            (Some((original, tiles)), _, _) => ImageGrid::Tiles { original, tiles },
            (_, Some(patches), _) => ImageGrid::Patches { patches },
            (_, _, Some(tiles)) => ImageGrid::Canvas { tiles },
            _ => ImageGrid::Whole,
        };
        made_picture(&self.name, self.shape.clone(), grid, self.num_tokens)
    }
}

#[derive(Deserialize)]
pub(crate) struct Gradient {
    pub(crate) norm: f64,
    pub(crate) values: Vec<f64>,
}

#[derive(Deserialize)]
struct Errors {
    logits: f64,
    loss: f64,
    gradients: f64,
}

impl Golden {
    pub fn read(family: &str, case: &str) -> Self {
        let path = Path::new(FOLDER).join(family).join(format!("{case}.json"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn image_token(&self) -> i64 {
        let token = |key: &str| self.config[key].as_i64();
        token("image_token_index")
            .or(token("image_token_id"))
            .unwrap_or(-1)
    }

    /// Mean nats of each next token of its own sequence that is no image token.
    pub(crate) fn loss(&self, logits: &Tensor, batch: &Batch) -> Tensor {
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

pub fn packed<'a>(sequences: impl Iterator<Item = &'a Sequence>) -> Batch {
    let mut batch = Batch::default();
    for sequence in sequences {
        let images: Vec<ImageInput> = sequence.images.iter().map(Picture::input).collect();
        batch.push(&sequence.ids, 0, &images);
    }
    batch
}

/// The values at the places that `make.py` drew for this name.
pub(crate) fn at_places(name: &str, count: usize, tensor: &Tensor) -> Vec<f64> {
    let values: Vec<f64> =
        Vec::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap();
    (0..count as u64)
        .map(|i| values[(f64::midpoint(hashed(name, i), 1.0) * values.len() as f64) as usize])
        .collect()
}

pub(crate) fn mean_square(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.map(|v| v * v).sum::<f64>() / count
}

pub(crate) fn difference<'a>(
    a: &'a [f64],
    b: &'a [f64],
) -> impl ExactSizeIterator<Item = f64> + 'a {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a - b)
}

pub(crate) fn assert_close(what: &str, ours: f64, theirs: f64) {
    assert_within(what, ours, theirs.max(FLOOR / 2.0), 2.0);
}

#[expect(clippy::print_stdout, reason = "the parity table of `--nocapture`")]
pub(crate) fn assert_within(what: &str, ours: f64, theirs: f64, factor: f64) {
    println!("{what}: ours {ours:.2e}, transformers {theirs:.2e}");
    assert!(
        ours <= factor * theirs,
        "{what}: ours {ours:.2e}, transformers {theirs:.2e}"
    );
}

/// Greedy tokens of all prompts in one batch, each from its own length.
fn greedy(model: &dyn Mllm, prompt: &Batch, image_token: i64, steps: usize) -> Vec<Vec<i64>> {
    let longest = prompt.starts.windows(2).map(|w| w[1] - w[0]).max().unwrap();
    let mut cache = model.new_cache(prompt.num_sequences(), longest + steps);
    let hidden = model.hidden(prompt, Some(&mut cache)).unwrap();
    let last: Vec<i64> = prompt.starts[1..]
        .iter()
        .map(|&end| end as i64 - 1)
        .collect();
    let mut rows = hidden.index_select(0, &Tensor::from_slice(&last));
    let mut written = vec![Vec::new(); prompt.num_sequences()];
    for step in 0..steps {
        let logits = logits(model, &rows).unwrap();
        if (0..logits.size()[1]).contains(&image_token) {
            let _ = logits.narrow(1, image_token, 1).fill_(f64::NEG_INFINITY);
        }
        let next: Vec<i64> = Vec::try_from(logits.argmax(-1, false)).unwrap();
        let mut batch = Batch::default();
        for ((id, written), cached) in next.iter().zip(&mut written).zip(cache.lengths()) {
            written.push(*id);
            batch.push(&[*id], cached, &[]);
        }
        if step + 1 < steps {
            rows = model.hidden(&batch, Some(&mut cache)).unwrap();
        }
    }
    written
}

/// Relative error of the chosen logits.
fn logits_error(model: &dyn Mllm, batch: &Batch, golden: &Golden, case: &str) -> f64 {
    let logits = logits(model, &model.hidden(batch, None).unwrap()).unwrap();
    let found = at_places(&format!("{case}/logits"), golden.logits.len(), &logits);
    let error = mean_square(difference(&found, &golden.logits));
    (error / mean_square(golden.logits.iter().copied())).sqrt()
}

/// Gives the tokens compared and the positions excused.
fn check(family: &str, case: &str) -> (usize, usize) {
    let golden = Golden::read(family, case);
    let make = |kind| {
        let model = model::fresh(&golden.config.to_string(), 0, Device::Cpu, kind).unwrap();
        fill(model.as_ref());
        model
    };
    let model = make(Kind::Float);
    let model = model.as_ref();

    // Names, and a folder for `make.py --saved`.
    let mut names: Vec<&str> = model.parameters().iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, golden.names);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("golden")
        .join(family)
        .join(case);
    model::save(model, &folder, None, Kind::Float).unwrap();

    for parameter in model.parameters() {
        let _ = parameter.tensor.set_requires_grad(true);
    }
    let batch = packed(golden.sequences.iter());
    let logits = logits(model, &model.hidden(&batch, None).unwrap()).unwrap();
    let found = at_places(&format!("{case}/logits"), golden.logits.len(), &logits);
    let error = mean_square(difference(&found, &golden.logits))
        / mean_square(golden.logits.iter().copied());
    assert_close(
        &format!("{family} {case} logits"),
        error.sqrt(),
        golden.transformers_f32.logits,
    );

    // In f64 nothing but the golden file's ten digits is lost.
    let error = logits_error(make(Kind::Double).as_ref(), &batch, &golden, case);
    assert!(error < 1e-9, "{family} {case}: {error:.2e} in f64");
    let error = logits_error(make(Kind::BFloat16).as_ref(), &batch, &golden, case);
    assert_within(
        &format!("{family} {case} logits in bf16"),
        error,
        golden.transformers_bf16,
        1.1,
    );

    let loss = golden.loss(&logits, &batch);
    let error = (loss.double_value(&[]) - golden.loss).abs() / golden.loss;
    assert_close(
        &format!("{family} {case} loss"),
        error,
        golden.transformers_f32.loss,
    );

    loss.backward();
    let mut errors = Vec::new();
    for parameter in model.parameters() {
        let name = internal_name(family, &parameter.name);
        let gradient = parameter.tensor.grad();
        let Some(expected) = golden.gradients.get(&name) else {
            assert!(golden.unreachable.contains(&name), "{name}");
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
        &format!("{family} {case} gradients"),
        error,
        golden.transformers_f32.gradients,
    );

    // A batch of mixed lengths; where the oracle itself is undecided, the rest of an answer may differ.
    let prompts = packed(golden.greedy.iter().map(|g| &g.prompt));
    let steps = golden.greedy[0].new.len();
    let (mut compared, mut excused) = (0, 0);
    let answers = greedy(model, &prompts, golden.image_token(), steps);
    for (request, written) in golden.greedy.iter().zip(answers) {
        let differs = (0..steps).find(|&i| written[i] != request.new[i]);
        compared += differs.unwrap_or(steps);
        if let Some(at) = differs {
            assert!(
                request.close.contains(&at),
                "{family} {case}: token {at} is {} for {}",
                written[at],
                request.new[at]
            );
            excused += 1;
        }
    }
    (compared, excused)
}

/// All golden files of a family, each named here.
#[expect(clippy::print_stdout, reason = "the parity table of `--nocapture`")]
fn check_all(family: &str, cases: &[&str]) {
    let mut found: Vec<String> = std::fs::read_dir(Path::new(FOLDER).join(family))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut named: Vec<String> = cases.iter().map(|case| format!("{case}.json")).collect();
    named.sort();
    assert_eq!(found, named);
    let counts: Vec<(usize, usize)> = cases.iter().map(|case| check(family, case)).collect();
    let compared: usize = counts.iter().map(|c| c.0).sum();
    let excused: usize = counts.iter().map(|c| c.1).sum();
    println!("{family}: {compared} greedy tokens, {excused} excused");
    assert!(
        excused <= compared.div_ceil(5000),
        "{excused} of {compared}"
    );
}

#[test]
fn llava_next_equals_transformers() {
    let cases = [
        "grouped-tied",
        "full-heads-padding-row",
        "one-key-head-llama3",
        "biases-wide-heads-gelu",
        "mistral-deep-cut",
    ];
    check_all("llava_next", &cases);
}

#[test]
fn llama_equals_transformers() {
    let cases = [
        "grouped-tied",
        "one-key-head-llama3",
        "full-heads-biases",
        "odd-deep",
        "mistral",
    ];
    check_all("llama", &cases);
}

#[test]
fn qwen2_vl_equals_transformers() {
    let cases = [
        "grouped-tied",
        "two-pictures",
        "merge-three",
        "wide-heads-nested",
    ];
    check_all("qwen2_vl", &cases);
}

#[test]
fn llava_equals_transformers() {
    let cases = ["clip", "clip-full-last", "dino-tied", "dino-other-size"];
    check_all("llava", &cases);
}

#[test]
fn mllama_equals_transformers() {
    let cases = [
        "padded-tiles",
        "pictures-side-by-side",
        "odd-tiles-all-outputs",
        "no-padding-tokens",
    ];
    check_all("mllama", &cases);
}

/// The published models' parameters by group, as `transformers` counts them; only their configurations are needed.
#[test]
fn published_sizes_are_exact() {
    let text = std::fs::read_to_string(Path::new(FOLDER).join("sizes.json")).unwrap();
    let golden: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(golden.len(), 3);
    for (name, row) in golden {
        let model = model::outline(&row["config"].to_string(), None).unwrap();
        for count in model::inspect::groups(model.as_ref()) {
            let expected = &row["groups"][count.group.as_str()];
            assert_eq!(count.values, *expected, "{name} {}", count.group.as_str());
        }
    }
}

/// A file that llama.cpp's own package wrote, with a tensor of each type; equal to the bit.
#[test]
fn gguf_tensors_of_every_type_equal_those_of_the_python_package() {
    let file = model::gguf::Gguf::open(&Path::new(FOLDER).join("types.gguf")).unwrap();
    let text = std::fs::read_to_string(Path::new(FOLDER).join("types.json")).unwrap();
    let golden: BTreeMap<String, Vec<f32>> = serde_json::from_str(&text).unwrap();
    assert_eq!(golden.len(), 5);
    for (name, expected) in golden {
        assert_eq!(file.shape(&name).unwrap(), [2, 64]);
        let found: Vec<f32> = file.read(&name).unwrap().into_iter().step_by(3).collect();
        assert_eq!(found, expected, "{name}");
    }
    let tokens = file.get("tokenizer.ggml.tokens").unwrap().list().unwrap();
    assert_eq!(tokens[2].text(), Some("é"));
    let base = file.get("llama.rope.freq_base").unwrap();
    assert_eq!(base.number(), Some(10_000.0));
}
