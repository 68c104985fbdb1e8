//! A published size with random weights: made, run, saved; then, in a fresh process, loaded, run and written with. Not
//! a test: it takes gigabytes.
//!
//! `cargo run --release -p adamllm-model --example full_size -- qwen2-vl-2b-instruct FOLDER [f32]`
//!
//! FOLDER gets `proof.json` beside the weights; `tests/golden/make.py --full-size FOLDER` compares `transformers` with it.
#![expect(clippy::print_stdout, reason = "an example for people")]

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use model::init::hashed;
use model::{Batch, Error, Mllm, logits};
use processor::{ImageGrid, ImageInput};
use serde_json::{Value, json};
use torch::{Device, Kind, Tensor};

const SIZES: &str = include_str!("../tests/golden/sizes.json");
const USAGE: &str =
    "give the name of a size (qwen2-vl-2b-instruct), a folder, and f32 if it is not to be bf16";
const PROOF: &str = "proof.json";

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder, rest @ ..] = arguments.as_slice() else {
        panic!("{USAGE}");
    };
    let folder = PathBuf::from(folder);
    let kind = match rest.first().map(String::as_str) {
        None | Some("bf16") => Kind::BFloat16,
        Some("f32") => Kind::Float,
        Some(_) => panic!("{USAGE}"),
    };
    let sizes: Value = serde_json::from_str(SIZES).expect("sound");
    let config = &sizes[name]["config"];
    assert_eq!(config["model_type"], "qwen2_vl", "{USAGE}");
    let image_token = config["image_token_id"].as_i64().expect("a token");
    if rest.get(1).is_some_and(|phase| phase == "saved") {
        return check(&folder, kind, image_token);
    }
    make(config, &folder, kind, image_token)?;
    // What was freed would count as memory of loading.
    let dtype = if kind == Kind::Float { "f32" } else { "bf16" };
    let myself = std::env::current_exe().expect("a program");
    let error = Command::new(myself)
        .arg(name)
        .arg(&folder)
        .args([dtype, "saved"])
        .exec();
    panic!("cannot start the second part: {error}");
}

/// Makes, runs and saves.
fn make(config: &Value, folder: &Path, kind: Kind, image_token: i64) -> Result<(), Error> {
    let start = Instant::now();
    let model = model::fresh(&config.to_string(), 1, Device::Cpu, kind)?;
    told(start, "made");
    let _guard = torch::no_grad_guard();
    let prompt = prompt(image_token);
    let row = last(model.as_ref(), &model.hidden(&prompt, None)?)?;
    told(start, "run");
    model::save(model.as_ref(), folder, None, kind)?;
    told(start, "saved and read back");
    let proof = json!({"ids": prompt.ids, "logits": values(&row)?});
    std::fs::write(folder.join(PROOF), proof.to_string()).expect("a folder to write to");
    Ok(())
}

/// Loads, compares with what was run before, and writes 8 tokens.
fn check(folder: &Path, kind: Kind, image_token: i64) -> Result<(), Error> {
    let start = Instant::now();
    let (model, growth) = watched(|| model::load(folder, Device::Cpu, kind))?;
    told(start, "loaded");
    let sizes = model.parameters().iter().map(|p| p.tensor.numel());
    let weights = (sizes.sum::<usize>() * kind.elt_size_in_bytes()) as f64;
    println!(
        "  loading took {:.2} GB of memory of its own for weights of {:.2} GB: {:.3} of them",
        growth / 1e9,
        weights / 1e9,
        growth / weights
    );
    let _guard = torch::no_grad_guard();
    let prompt = prompt(image_token);
    let row = last(model.as_ref(), &model.hidden(&prompt, None)?)?;
    let proof = std::fs::read_to_string(folder.join(PROOF)).expect("the first part wrote it");
    let proof: Value = serde_json::from_str(&proof).expect("sound");
    let before: Vec<f32> = serde_json::from_value(proof["logits"].clone()).expect("numbers");
    assert!(
        values(&row)? == before,
        "the logits differ after saving and loading"
    );
    told(start, "run, logits are the same before and after");
    let mut cache = model.new_cache(1, prompt.ids.len() + 8);
    let mut row = last(model.as_ref(), &model.hidden(&prompt, Some(&mut cache))?)?;
    let mut written = Vec::new();
    for _ in 0..8 {
        let next = row.f_argmax(-1, false)?.f_int64_value(&[0])?;
        written.push(next);
        let mut step = Batch::default();
        step.push(&[next], cache.lengths()[0], &[]);
        row = last(model.as_ref(), &model.hidden(&step, Some(&mut cache))?)?;
    }
    told(start, "written");
    println!("tokens {written:?}");
    Ok(())
}

/// A question after a picture of 224 × 168 pixels, which is 16 × 12 patches.
fn prompt(image_token: i64) -> Batch {
    let pixels = (0..16 * 12 * 3 * 14 * 14).map(|i| hashed("picture", i) as f32);
    let picture = ImageInput {
        pixels: Arc::new(pixels.collect()),
        shape: vec![16 * 12, 3, 14, 14],
        grid: ImageGrid::Patches { patches: (16, 12) },
        num_tokens: 48,
    };
    let mut ids = vec![151_644, 872, 198, 151_652];
    ids.extend(std::iter::repeat_n(image_token, 48));
    ids.extend([151_653, 3838, 374, 419, 30, 151_645, 198]);
    let mut prompt = Batch::default();
    prompt.push(&ids, 0, &[picture]);
    prompt
}

/// Logits of the last row.
fn last(model: &dyn Mllm, hidden: &Tensor) -> Result<Tensor, Error> {
    logits(model, &hidden.f_narrow(0, hidden.size()[0] - 1, 1)?)
}

fn values(row: &Tensor) -> Result<Vec<f32>, Error> {
    let row = row.f_to_kind(Kind::Float)?.f_flatten(0, -1)?;
    Ok(Vec::<f32>::try_from(row)?)
}

fn told(start: Instant, what: &str) {
    let (seconds, peak) = (start.elapsed().as_secs_f64(), status("VmHWM:") / 1e9);
    println!("{what}: {seconds:.0} s, {peak:.1} GB at most");
}

/// A number of bytes from the process's own status.
fn status(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(name));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}

/// What the work gives, and by how many bytes memory that is no file's was larger at its peak, looked at every 5 ms.
fn watched<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<(T, f64), Error> {
    let before = status("RssAnon:");
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(status("RssAnon:") as u64, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })?;
    Ok((result, peak.into_inner() as f64 - before))
}
