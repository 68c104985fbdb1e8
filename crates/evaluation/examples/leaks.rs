//! Measures on the embedded pictograms how many planted leaks are found and how often other pictures are taken for one,
//! and how long a large comparison takes.
//!
//!     cargo run --release -p adamllm-evaluation --example leaks -- [STEP]
//!     cargo run --release -p adamllm-evaluation --example leaks -- large [TRAINED [TEST [THREADS]]]
//!
//! Every STEP-th pictogram is planted (default 1). `large` looks for TEST pictures (10,000) among TRAINED ones (100,000)
//! on THREADS threads (2), from the bytes of JPEG files of 0.1 MP, in both tiers. The results are in `docs/scores.md`.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "leaks/large.rs"]
mod large;
#[path = "../tests/planted/mod.rs"]
mod planted;

use std::fmt::Write as _;
use std::time::Instant;

use evaluation::contamination::{Look, PictureIndex};
use image::RgbImage;
use planted::{World, changes, jpeg, look, png};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| {
        let given = arguments.get(at).and_then(|n| n.parse().ok());
        given.unwrap_or(default).max(1)
    };
    if arguments.first().is_some_and(|mode| mode == "large") {
        println!(
            "{}",
            large::run(number(1, 100_000), number(2, 10_000), number(3, 2))
        );
        return;
    }
    let step = number(0, 1);
    let world = World::new(144, step);
    println!(
        "{} pictograms of 144 px, {} of them planted",
        world.len(),
        world.planted()
    );
    for (name, change) in changes() {
        let start = Instant::now();
        let found = world.found(&change, false);
        let with_crops = world.found(&change, true);
        println!(
            "{name:<28} first tier {:5.1} %  both tiers {:5.1} %   {:.0} s",
            found,
            with_crops,
            start.elapsed().as_secs_f64()
        );
    }
    for crops in [false, true] {
        let (pictures, pairs, examples) = world.false_alarms(crops);
        println!(
            "false alarms, {}: {pictures:.2} % of pictures have one, {pairs:.5} % of pairs of different concepts; such as {examples:?}",
            if crops { "both tiers" } else { "first tier" }
        );
    }
    println!("{}", speed(&world));
}

/// Time for decoding and for comparing, extrapolated to 100,000 against 10,000 pictures on two cores.
fn speed(world: &World) -> String {
    // Photographs of 0.1 MP are larger than pictograms, so one is made of noise and slopes.
    let photograph = RgbImage::from_fn(365, 274, |x, y| {
        let noise = (x * 7 + y * 13 + x * y) % 31;
        image::Rgb([
            (x / 2 + noise) as u8,
            (y / 2 + noise) as u8,
            ((x + y) / 4) as u8,
        ])
    });
    let file = jpeg(&photograph, 85);
    let start = Instant::now();
    for _ in 0..200 {
        look(&file);
    }
    let each = start.elapsed().as_secs_f64() / 200.0;
    let mut index = PictureIndex::default();
    while index.len() < 10_000 {
        for (id, _, picture) in &world.pictures {
            index.add(id, look(&png(picture)));
            if index.len() == 10_000 {
                break;
            }
        }
    }
    let looks: Vec<Look> = world
        .pictures
        .iter()
        .step_by(world.len() / 200)
        .map(|(_, _, picture)| look(&jpeg(picture, 70)))
        .collect();
    let mut out = format!("decode and fingerprint 0.1 MP JPEG: {:.2} ms", 1e3 * each);
    for crops in [false, true] {
        let start = Instant::now();
        for look in &looks {
            index.matches("x", look, crops);
        }
        let compare = start.elapsed().as_secs_f64() / looks.len() as f64;
        let total = f64::midpoint(110_000.0 * each, 100_000.0 * compare);
        let _ = write!(
            out,
            "; against 10,000 {}: {:.3} ms; 100,000 x 10,000 on two cores (extrapolated): {total:.0} s",
            if crops {
                "in both tiers"
            } else {
                "in the first tier"
            },
            1e3 * compare
        );
    }
    out
}
