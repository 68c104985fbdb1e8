//! How many pictures of a folder are decoded and resized in a second, as a model sees them (`exact`) or as duplicates are
//! looked for (`fingerprints`):
//! `cargo run --release -p adamllm-processor --example pictures -- FOLDER [exact|fingerprints|raw] [THREADS]`.
//!
//! `raw` writes what was decoded beside each picture (`.rgb`). `pictures.py` beside this file makes such a folder, does the
//! same with Pillow, and compares what was decoded.
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
    let what = args.next().unwrap_or_else(|| "exact".to_owned());
    let threads: usize = args.next().map_or(Ok(2), |n| n.parse())?;
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "jpg") {
            paths.push(path);
        }
    }
    paths.sort();
    let one = |path: &PathBuf| -> Result<u64, Box<dyn std::error::Error>> {
        let picture = corpus::images::decode(path)?;
        match what.as_str() {
            "exact" => Ok(u64::from(resize(&picture, SIDE, SIDE, Kernel::Bicubic)[0])),
            "fingerprints" => Ok(Fingerprint::new(&picture).hash),
            "raw" => {
                std::fs::write(path.with_extension("rgb"), picture.as_raw())?;
                Ok(0)
            }
            other => Err(format!("`{other}` is none of exact, fingerprints, raw").into()),
        }
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
