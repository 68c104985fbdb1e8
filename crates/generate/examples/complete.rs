//! Completes a file of requests and says how fast, with and without computing once what they share:
//!
//!     cargo run --release -p adamllm-generate --example complete -- MODEL REQUESTS [THREADS [GROUP]]
//!
//! A line of the file is a request, such as
//! `{"id": "1", "turns": [{"role": "user", "text": "Name a fruit."}], "open": "assistant", "decoding": {"max_new_tokens": 32}}`.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::Path;
use std::time::Instant;

use corpus::{Request, jsonl};
use generate::{Generator as _, LocalGenerator, Options};
use torch::{Device, Kind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, file, rest @ ..] = arguments.as_slice() else {
        return Err("give a model's folder and a file of requests".into());
    };
    let number = |at: usize| rest.get(at).map(|text| text.parse::<usize>()).transpose();
    torch::set_threads(number(0)?.unwrap_or(1));
    let group_size = number(1)?.unwrap_or(Options::default().group_size);

    let (requests, bad) = jsonl::read_lenient::<Request>(Path::new(file))?;
    if let Some(bad) = bad.first() {
        return Err(format!("line {}: {}", bad.line, bad.detail).into());
    }
    let processor = processor::load(folder.as_ref(), &processor::Options::default())?;
    let model = model::load(folder.as_ref(), Device::Cpu, Kind::Float)?;
    for share in [true, false] {
        let options = Options {
            group_size,
            share,
            ..Options::default()
        };
        let mut generator = LocalGenerator::new(&*model, &*processor, options);
        let start = Instant::now();
        let done = generator.complete(&requests)?;
        let seconds = start.elapsed().as_secs_f64();
        let failed = done.iter().filter(|one| one.error.is_some()).count();
        let written: usize = done.iter().map(|one| one.completion_tokens).sum();
        println!(
            "sharing {share}: {} requests ({failed} failed), {written} tokens in {seconds:.1} s, {:.0} tokens/s",
            done.len(),
            written as f64 / seconds
        );
    }
    Ok(())
}
