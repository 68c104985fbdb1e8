//! A published size with random weights: made, saved, loaded, run and written with. Not a test: it takes gigabytes.
//!
//! `cargo run --release -p adamllm-model --example full_size -- qwen2-vl-2b-instruct FOLDER`
#![expect(clippy::print_stdout, reason = "an example for people")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use model::init::hashed;
use model::{Batch, Error, logits};
use processor::{ImageGrid, ImageInput};
use torch::{Device, Kind, Tensor};

const SIZES: &str = include_str!("../tests/golden/sizes.json");

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let usage = "give the name of a size (qwen2-vl-2b-instruct) and a folder";
    let (name, folder) = (
        arguments.next().expect(usage),
        PathBuf::from(arguments.next().expect(usage)),
    );
    let sizes: serde_json::Value = serde_json::from_str(SIZES).expect("sound");
    let config = sizes[&name]["config"].clone();
    assert_eq!(config["model_type"], "qwen2_vl", "{usage}");
    let start = Instant::now();
    let told = |what: &str| {
        println!(
            "{what}: {:.0} s, {:.1} GB",
            start.elapsed().as_secs_f64(),
            memory()
        );
    };
    let model = model::fresh(&config.to_string(), 1, Device::Cpu, Kind::BFloat16)?;
    told("made");
    // 16 × 12 patches: a picture of 224 × 168 pixels.
    let pixels = (0..16 * 12 * 3 * 14 * 14).map(|i| hashed("picture", i) as f32);
    let picture = ImageInput {
        pixels: Arc::new(pixels.collect()),
        shape: vec![16 * 12, 3, 14, 14],
        grid: ImageGrid::Patches { patches: (16, 12) },
        num_tokens: 48,
    };
    let token = config["image_token_id"].as_i64().expect("a token");
    let mut ids = vec![151_644, 872, 198, 151_652];
    ids.extend(std::iter::repeat_n(token, 48));
    ids.extend([151_653, 3838, 374, 419, 30, 151_645, 198]);
    let mut prompt = Batch::default();
    prompt.push(&ids, 0, &[picture]);
    let last = |model: &dyn model::Mllm, hidden: &Tensor| {
        logits(model, &hidden.f_narrow(0, hidden.size()[0] - 1, 1)?)
    };
    let before = {
        let _guard = torch::no_grad_guard();
        last(model.as_ref(), &model.hidden(&prompt, None)?)?
    };
    told("run");
    model::save(model.as_ref(), &folder, None, Kind::BFloat16)?;
    drop(model);
    told("saved and read back");
    let model = model::load(&folder, Device::Cpu, Kind::BFloat16)?;
    told("loaded");
    let _guard = torch::no_grad_guard();
    let mut cache = model.new_cache(1, ids.len() + 8);
    let mut row = last(model.as_ref(), &model.hidden(&prompt, Some(&mut cache))?)?;
    assert!(row == before, "the logits differ after saving and loading");
    let mut written = Vec::new();
    for _ in 0..8 {
        let next = row.f_argmax(-1, false)?.f_int64_value(&[0])?;
        written.push(next);
        let mut step = Batch::default();
        step.push(&[next], cache.lengths[0], &[]);
        row = last(model.as_ref(), &model.hidden(&step, Some(&mut cache))?)?;
    }
    told("written");
    println!("tokens {written:?}; logits are the same before and after");
    Ok(())
}

/// The largest resident memory of the process in GB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1e6
}
