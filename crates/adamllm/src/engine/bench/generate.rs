//! `adamllm bench generate`: greedy answers of given lengths.

use std::path::Path;
use std::time::Instant;

use adamllm::bench::BenchGenerate;
use adamllm::flags::Shared;
use adamllm::output::print;
use anyhow::{Result, bail};
use corpus::{Completion, Request};
use generate::{Generator as _, LocalGenerator};
use model::Mllm;
use pipeline::Engine;
use serde_json::json;
use train::peak_rss_bytes;

use super::inputs::{self, Scratch};
use super::outcome::{gib, machine, tell};
use super::usage::Usage;
use super::{drawn, peer_files};
use crate::device;
use crate::generate::read;

/// An id that no model writes, so that nothing ends an answer before its length.
const NEVER_WRITTEN: i64 = -1;

/// Answers and tells what it took.
pub fn run(shared: &Shared, asked: &BenchGenerate) -> Result<()> {
    let own = asked.prompts.as_deref().map(read).transpose()?;
    if own.as_ref().is_some_and(Vec::is_empty) {
        let path = asked.prompts.as_deref().unwrap_or(Path::new(""));
        bail!("`{}` has no request", path.display());
    }
    if let Some(root) = &asked.write_inputs {
        return write(shared, asked, own, root);
    }
    let mut engine = device::engine(shared)?;
    if let Some(block) = asked.block {
        engine.generation.block = block;
    }
    if let Some(group) = asked.group {
        engine.generation.group = group;
    }
    let scratch = Scratch::new()?;
    let start = Instant::now();
    let folder = inputs::folder(&asked.measured, &scratch.path().join("model"))?;
    let model = inputs::open(&engine, &asked.measured, &folder)?;
    let load_seconds = start.elapsed().as_secs_f64();
    let mut requests = match own {
        Some(requests) => requests,
        None => draw(asked, &folder, scratch.path())?,
    };
    for request in &mut requests {
        request.decoding.stop_ids = vec![NEVER_WRITTEN];
        request.decoding.stop.clear();
    }
    // One token each first: how long prompts take, and the warm-up.
    let mut short = requests.clone();
    for request in &mut short {
        request.decoding.max_new_tokens = 1;
    }
    let (_, prefill_seconds) = answer(&engine, asked, model.as_ref(), &folder, &short)?;
    let before = Usage::now()?;
    let (done, seconds) = answer(&engine, asked, model.as_ref(), &folder, &requests)?;
    let used = Usage::now()?.since(before);
    let written: usize = done.iter().map(|c| c.completion_tokens).sum();
    let prompt: usize = done.iter().map(|c| c.prompt_tokens).sum();
    let rate = written as f64 / seconds;
    let decode_seconds = (seconds - prefill_seconds).max(0.0);
    let peak = peak_rss_bytes();
    let document = json!({
        "bench": "generation",
        "machine": machine(shared, engine.device, engine.dtype),
        "model": inputs::told(&asked.measured, model.as_ref()),
        "settings": {
            "prompts": asked.prompts,
            "block": engine.generation.block,
            "group": engine.generation.group,
            "share": !asked.no_share,
        },
        "load_seconds": load_seconds,
        "requests": done.len(),
        "prompt_tokens": prompt,
        "new_tokens": written,
        "seconds": seconds,
        "new_tokens_per_second": rate,
        "prefill_seconds": prefill_seconds,
        "prompt_tokens_per_second": prompt as f64 / prefill_seconds,
        "decode_seconds": decode_seconds,
        "peak_rss_bytes": peak,
        "page_faults": used.minor_faults,
        "processor_seconds": used.seconds(),
        "texts_digest": corpus::digest::bytes(texts(&done).as_bytes()),
    });
    let rows = [
        ("new tokens a second", format!("{rate:.1}")),
        (
            "measured",
            format!(
                "{} requests in {seconds:.2} s, {prompt} prompt tokens, {written} new ones, at most {} together",
                done.len(),
                engine.generation.group
            ),
        ),
        (
            "prompts alone",
            format!(
                "{prefill_seconds:.2} s, {:.1} prompt tokens a second",
                prompt as f64 / prefill_seconds
            ),
        ),
        ("decoding", format!("about {decode_seconds:.2} s")),
        ("peak memory", gib(peak)),
        ("page faults", used.minor_faults.to_string()),
        (
            "processor seconds",
            format!(
                "{:.1} in the program, {:.1} in the kernel",
                used.user, used.system
            ),
        ),
    ];
    tell(shared, asked.measured.output.as_deref(), &document, &rows)
}

/// All texts, one after the other.
fn texts(done: &[Completion]) -> String {
    let texts: Vec<&str> = done.iter().map(|c| c.text.as_str()).collect();
    texts.join("\0")
}

/// Completions and the seconds that they took. The processor is opened anew, so that no picture is known from before.
fn answer(
    engine: &Engine,
    asked: &BenchGenerate,
    model: &dyn Mllm,
    folder: &Path,
    requests: &[Request],
) -> Result<(Vec<Completion>, f64)> {
    let processor = engine.processor(folder)?;
    let options = generate::Options {
        share: !asked.no_share,
        ..engine.generation.options(asked.measured.seed)
    };
    let mut generator = LocalGenerator::new(model, processor.as_ref(), options);
    let start = Instant::now();
    let done = generator.complete(requests)?;
    let seconds = start.elapsed().as_secs_f64();
    for completion in &done {
        if let Some(error) = &completion.error {
            bail!("request `{}` cannot be answered: {error}", completion.id);
        }
    }
    Ok((done, seconds))
}

/// So many requests, with a picture each where the model sees.
fn draw(asked: &BenchGenerate, folder: &Path, place: &Path) -> Result<Vec<Request>> {
    let (number, seed) = (asked.requests, asked.measured.seed);
    let pictures = if inputs::sees(folder)? {
        drawn::pictures(&place.join("pictures"), number, seed)?
    } else {
        Vec::new()
    };
    Ok(drawn::requests(&pictures, number, seed))
}

/// Writes what another program needs to do the same.
fn write(
    shared: &Shared,
    asked: &BenchGenerate,
    own: Option<Vec<Request>>,
    root: &Path,
) -> Result<()> {
    let engine = device::engine(shared)?;
    let (root, folder) = inputs::write_model(&engine, &asked.measured, root)?;
    let place = root.join(inputs::MODEL);
    let requests = match own {
        Some(requests) => requests,
        None => draw(asked, &folder, &root)?,
    };
    let processor = engine.processor(&place)?;
    peer_files::requests(&root, &requests, processor.as_ref())?;
    print(
        shared,
        &json!({"folder": root, "requests": requests.len()}),
        || {
            println!(
                "{} requests and the model in `{}`; measure them with\n  adamllm bench generate --model {} --prompts {}",
                requests.len(),
                root.display(),
                place.display(),
                root.join("requests.jsonl").display()
            );
        },
    )
}
