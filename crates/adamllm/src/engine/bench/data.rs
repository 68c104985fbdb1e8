//! `adamllm bench data`: what happens to records and pictures before a model sees them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use adamllm::bench::{BenchData, FamilyName};
use adamllm::flags::{Shared, threads};
use anyhow::{Context as _, Result, bail};
use corpus::{Sample, jsonl};
use processor::{Options, Processor};
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use serde_json::{Value, json};
use torch::{Device, Kind};

use super::inputs::{self, Scratch};
use super::outcome::{machine, tell};
use super::{drawn, model_files};
use crate::device;

/// Whose processors are measured where none is named.
const FAMILIES: [FamilyName; 3] = [
    FamilyName::LlavaNext,
    FamilyName::Qwen2Vl,
    FamilyName::Mllama,
];

/// How often a file is read; the fastest counts, since others' disks are not what is measured.
const READINGS: usize = 3;

/// Reads, encodes, decodes, and tells how fast.
pub fn run(shared: &Shared, asked: &BenchData) -> Result<()> {
    let scratch = Scratch::new()?;
    let file = match &asked.data {
        Some(file) => file.clone(),
        None => draw(asked, scratch.path())?,
    };
    let samples = inputs::samples(&file)?;
    let records_per_second = reading(&file, samples.len())?;
    let mut measured = Vec::new();
    for (name, folder) in folders(asked, scratch.path())? {
        for threads in numbers(threads(shared)) {
            measured.push(of_processor(&name, &folder, &samples, threads)?);
        }
    }
    let mut rows = vec![("records read a second", format!("{records_per_second:.0}"))];
    let lines: Vec<(String, String)> = measured.iter().map(line).collect();
    rows.extend(
        lines
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone())),
    );
    let document = json!({
        "bench": "data",
        "machine": machine(shared, Device::Cpu, Kind::Float),
        "settings": {"data": asked.data, "samples": samples.len(), "pictures": pictures(&samples).len()},
        "records_per_second": records_per_second,
        "measured": measured,
    });
    tell(shared, asked.measured.output.as_deref(), &document, &rows)
}

/// Samples about pictures, in a file.
fn draw(asked: &BenchData, place: &Path) -> Result<PathBuf> {
    let (number, seed) = (asked.samples, asked.measured.seed);
    let pictures = drawn::pictures(&place.join("pictures"), number, seed)?;
    let file = place.join("samples.jsonl");
    jsonl::write(&file, &drawn::samples(&pictures, number, seed))?;
    Ok(file)
}

/// The processors that are asked for, with their folders.
fn folders(asked: &BenchData, place: &Path) -> Result<Vec<(String, PathBuf)>> {
    let measured = &asked.measured;
    if let Some(folder) = &measured.model {
        return Ok(vec![(
            folder.display().to_string(),
            device::model_folder(folder)?,
        )]);
    }
    let families = match &measured.family {
        Some(family) => std::slice::from_ref(family),
        None => &FAMILIES[..],
    };
    let written = families.iter().map(|&family| {
        let folder = place.join(family.as_str());
        let config = model_files::config(family, measured.size, measured.layers)?;
        model_files::write(&folder, family, config)?;
        Ok((family.as_str().to_owned(), folder))
    });
    written.collect()
}

/// Records a second of reading a file.
fn reading(file: &Path, number: usize) -> Result<f64> {
    let mut fastest = f64::INFINITY;
    for _ in 0..READINGS {
        let start = Instant::now();
        inputs::samples(file)?;
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Ok(number as f64 / fastest)
}

/// One, and its doubles up to what there is.
fn numbers(most: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = std::iter::successors(Some(1), |n| Some(2 * n))
        .take_while(|&n| n < most)
        .collect();
    numbers.push(most);
    numbers
}

/// The pictures of samples, each once for each sample that shows it.
fn pictures(samples: &[Sample]) -> Vec<&PathBuf> {
    samples.iter().flat_map(|sample| &sample.images).collect()
}

/// Pictures and texts through one processor on so many threads.
fn of_processor(name: &str, folder: &Path, samples: &[Sample], threads: usize) -> Result<Value> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .context("the threads cannot be started")?;
    // A new one each time: it remembers pictures.
    let processor = processor::load(folder, &Options::default())?;
    let pictures = if inputs::sees(folder)? {
        pictures(samples)
    } else {
        Vec::new()
    };
    let start = Instant::now();
    pool.install(|| {
        let made = pictures
            .par_iter()
            .map(|path| processor.image(path).map(drop));
        made.collect::<Result<(), _>>()
    })?;
    let picture_seconds = start.elapsed().as_secs_f64();
    let texts: Vec<Sample> = samples.iter().map(without_pictures).collect();
    let start = Instant::now();
    let tokens = pool.install(|| tokens(processor.as_ref(), &texts))?;
    let text_seconds = start.elapsed().as_secs_f64();
    if tokens == 0 {
        bail!("the samples have no text");
    }
    let pictures_per_second =
        (!pictures.is_empty()).then(|| pictures.len() as f64 / picture_seconds);
    Ok(json!({
        "processor": name, "threads": threads, "pictures_per_second": pictures_per_second,
        "encoded_per_second": samples.len() as f64 / text_seconds, "text_tokens": tokens,
    }))
}

/// The tokens of texts in all.
fn tokens(processor: &dyn Processor, texts: &[Sample]) -> Result<usize, processor::Error> {
    let lengths = texts
        .par_iter()
        .map(|sample| Ok(processor.sample(sample)?.ids.len()));
    lengths.sum()
}

/// The same conversation about nothing.
fn without_pictures(sample: &Sample) -> Sample {
    let mut bare = sample.clone();
    bare.images.clear();
    for turn in &mut bare.turns {
        turn.marks = false;
    }
    bare
}

/// A line of the table.
fn line(measured: &Value) -> (String, String) {
    let number = |key: &str| measured[key].as_f64().map(|rate| format!("{rate:.1}"));
    let threads = measured["threads"].as_u64().unwrap_or(1);
    let name = format!(
        "{}, {threads} thread{}",
        measured["processor"].as_str().unwrap_or_default(),
        if threads == 1 { "" } else { "s" }
    );
    let pictures = number("pictures_per_second").unwrap_or_else(|| "no".to_owned());
    let encoded = number("encoded_per_second").unwrap_or_default();
    (
        name,
        format!("{pictures} pictures a second, {encoded} samples encoded a second"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_double_up_to_all() {
        assert_eq!(numbers(1), [1]);
        assert_eq!(numbers(2), [1, 2]);
        assert_eq!(numbers(6), [1, 2, 4, 6]);
    }
}
