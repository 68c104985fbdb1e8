//! How long it takes to find pictures that occur twice: `cargo run --release -p adamllm-corpus --example duplicates -- 100000`.
//!
//! Random pictures of 0.02 MP, one in a hundred of them twice; decoding is not measured here.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::time::Instant;

use corpus::duplicates::Duplicates;
use corpus::fingerprint::{Fingerprint, Sketch};
use corpus::seed::Rng;
use image::{Rgb, RgbImage};

fn picture(seed: u64) -> RgbImage {
    let mut rng = Rng::new(seed);
    let levels: Vec<u8> = (0..64 * 3).map(|_| rng.next_u64() as u8).collect();
    RgbImage::from_fn(144, 144, |x, y| {
        let tile = (x / 18 + 8 * (y / 18)) as usize;
        Rgb([levels[3 * tile], levels[3 * tile + 1], levels[3 * tile + 2]])
    })
}

fn main() {
    let asked = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let number: usize = asked.unwrap_or(10_000);
    let mut found = Duplicates::default();
    let start = Instant::now();
    for row in 0..number {
        let seed = if row % 100 == 99 { row - 99 } else { row };
        let sketch: Sketch = (&Fingerprint::new(&picture(seed as u64))).into();
        // Another file each time, so that looks and not contents are compared.
        found.add_content(row as u128, || sketch);
        found.add_row(row, row as u128);
    }
    let looked = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let groups = found.groups();
    let compared = start.elapsed().as_secs_f64();
    println!(
        "{number} pictures: {looked:.1} s to draw and fingerprint on one thread, {compared:.1} s to compare all on all threads"
    );
    println!("{} groups, {} were planted", groups.len(), number / 100);
}
