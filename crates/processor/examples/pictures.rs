//! How many pictures of a folder are decoded and resized in a second, as a model sees them (`exact`) or as duplicates are
//! looked for (`fingerprints`):
//! `cargo run --release -p adamllm-processor --example pictures -- FOLDER [exact|fingerprints] [THREADS]`.
//!
//! `pictures.py` beside it makes such a folder and does the same with Pillow.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use corpus::fingerprint::Fingerprint;
use processor::{Kernel, resize};

/// What a CLIP of 336 px takes.
const SIDE: usize = 336;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("which folder?")?;
    let is_exact = args.next().is_none_or(|what| what == "exact");
    let threads: usize = args.next().map_or(Ok(2), |n| n.parse())?;
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    let one = |path: &PathBuf| -> Result<u64, corpus::images::ImageError> {
        let picture = corpus::images::decode(path)?;
        if is_exact {
            let small = resize(&picture, SIDE, SIDE, Kernel::Bicubic);
            return Ok(u64::from(small[0]));
        }
        Ok(Fingerprint::new(&picture).hash)
    };
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = one(path) {
                        eprintln!("{error}");
                    }
                }
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{} pictures, {threads} threads: {seconds:.3} s, {:.1} a second",
        paths.len(),
        paths.len() as f64 / seconds
    );
    Ok(())
}
