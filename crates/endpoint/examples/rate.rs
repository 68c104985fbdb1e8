//! Asks an endpoint a number of questions and says, as JSON, how fast that went.
//!
//! `cargo run --release -p adamllm-endpoint --example rate -- http://localhost:8000/v1 MODEL 1000`; behind it, if wanted: bytes of a
//! question, most requests at once, tokens of an answer, a folder for ledger and answers.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example tells what it found"
)]

use std::cell::Cell;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use corpus::{Decoding, Request};
use endpoint::{Address, Books, Cache, Caps, Client, Ledger, Secret, Settings, Watch};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, model, count, rest @ ..] = arguments.as_slice() else {
        return Err("usage: rate ADDRESS MODEL COUNT [BYTES [AT_ONCE [TOKENS [FOLDER]]]]".into());
    };
    let number = |at: usize, usual: usize| rest.get(at).map_or(Ok(usual), |text| text.parse());
    let count: usize = count.parse()?;
    let (bytes, tokens) = (number(0, 200)?, number(2, 64)?);
    let mut settings = Settings::new(vec![Address::parse(address)?], model);
    settings.limits.concurrency = number(1, 256)?;
    settings.key = std::env::var("OPENAI_API_KEY")
        .ok()
        .as_deref()
        .and_then(Secret::new);
    let mut client = Client::open(settings, books(rest.get(3).map(Path::new))?)?;
    client.probe(&[endpoint::Need::Chat], &mut |notice| {
        eprintln!("{notice:?}");
    })?;

    let mut requests = (0..count).map(|at| Request {
        decoding: Decoding {
            max_new_tokens: tokens,
            ..Decoding::default()
        },
        ..Request::question(
            at.to_string(),
            Vec::new(),
            &format!("{at} {}", "x".repeat(bytes)),
        )
    });
    let begun = Instant::now();
    let (done, failed, half) = (Cell::new(0), Cell::new(0), Cell::new(0.0));
    let mut watch = Watch {
        stop: &|| false,
        notice: &mut |notice| eprintln!("{notice:?}"),
    };
    client.generate(&mut requests, &mut watch, &mut |completion| {
        done.set(done.get() + 1);
        failed.set(failed.get() + usize::from(completion.error.is_some()));
        if done.get() == count / 2 {
            half.set(memory());
        }
        Ok(())
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let rounded = |number: f64| (number * 100.0).round() / 100.0;
    println!(
        "{}",
        serde_json::json!({
            "answers": done.get(),
            "failed": failed.get(),
            "seconds": rounded(seconds),
            "per_second": (f64::from(u32::try_from(done.get())?) / seconds).round(),
            "resident_mb_at_half": rounded(half.get()),
            "resident_mb_at_the_end": rounded(memory()),
        })
    );
    Ok(())
}

fn books(folder: Option<&Path>) -> Result<Books, Box<dyn Error>> {
    let Some(folder) = folder else {
        return Ok(Books::default());
    };
    let cache = Arc::new(Cache::open(&folder.join("answers"), None)?);
    let ledger = Ledger::open(
        &folder.join("ledger.jsonl"),
        Caps::default(),
        Some(Arc::clone(&cache)),
    )?;
    Ok(Books {
        ledger: Some(Arc::new(ledger)),
        cache: Some(cache),
    })
}

/// Megabytes of this process that are in memory.
fn memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1000.0
}
