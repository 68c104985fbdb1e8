//! What is measured, as files that other programs read: token ids and labels as ours, so that they compute the same.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use corpus::{Request, Sample, jsonl};
use processor::{Encoded, Processor};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

/// A picture's place as the files of a folder name it: from there where it lies inside.
fn relative(root: &Path, images: &[PathBuf]) -> Vec<PathBuf> {
    let strip = |path: &PathBuf| path.strip_prefix(root).unwrap_or(path).to_owned();
    images.iter().map(strip).collect()
}

fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let file = std::fs::File::create(path)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    serde_json::to_writer(std::io::BufWriter::new(file), value)
        .with_context(|| format!("cannot write `{}`", path.display()))
}

/// Ids, in the order of the records.
fn encoded<T: Sync>(
    rows: &[T],
    encode: impl Fn(&T) -> Result<Encoded, processor::Error> + Sync,
) -> Result<Vec<Encoded>> {
    rows.par_iter()
        .map(|row| encode(row).map_err(|error| anyhow!(error)))
        .collect()
}

/// `samples.jsonl` (our records), `samples.json` (ids and which are learned), and `conversations.json` with
/// `dataset_info.json` in LLaMA-Factory's layout.
pub fn samples(root: &Path, samples: &[Sample], processor: &dyn Processor) -> Result<()> {
    let own: Vec<Sample> = samples
        .iter()
        .map(|sample| Sample {
            images: relative(root, &sample.images),
            ..sample.clone()
        })
        .collect();
    jsonl::write(&root.join("samples.jsonl"), &own)?;
    let encoded = encoded(samples, |sample| processor.sample(sample))?;
    let rows = own.iter().zip(&encoded).map(|(sample, encoded)| {
        json!({"id": sample.id, "images": sample.images, "ids": encoded.ids, "learn": encoded.learn})
    });
    let document =
        json!({"image_token": processor.image_token(), "samples": rows.collect::<Vec<_>>()});
    write(&root.join("samples.json"), &document)?;
    let conversation = |sample: &Sample| -> Value {
        let message = |turn: &corpus::Turn| json!({"role": turn.role, "content": turn.text});
        let messages: Vec<Value> = sample.turns.iter().map(message).collect();
        json!({"messages": messages, "images": sample.images})
    };
    let conversations: Vec<Value> = own.iter().map(conversation).collect();
    write(&root.join("conversations.json"), &conversations)?;
    let info = json!({"bench": {
        "file_name": "conversations.json", "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
                 "system_tag": "system"},
    }});
    write(&root.join("dataset_info.json"), &info)
}

/// `requests.jsonl` (our records) and `requests.json` (ids of prompts and how many tokens are to be written).
pub fn requests(root: &Path, requests: &[Request], processor: &dyn Processor) -> Result<()> {
    let own: Vec<Request> = requests
        .iter()
        .map(|request| Request {
            images: relative(root, &request.images),
            ..request.clone()
        })
        .collect();
    jsonl::write(&root.join("requests.jsonl"), &own)?;
    let encoded = encoded(requests, |request| processor.request(request))?;
    let rows = own.iter().zip(&encoded).map(|(request, encoded)| {
        json!({
            "id": request.id, "images": request.images, "ids": encoded.ids,
            "max_new_tokens": request.decoding.max_new_tokens,
        })
    });
    let document =
        json!({"image_token": processor.image_token(), "requests": rows.collect::<Vec<_>>()});
    write(&root.join("requests.json"), &document)
}
