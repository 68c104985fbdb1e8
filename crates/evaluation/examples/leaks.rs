//! Measures on the embedded pictograms how many planted leaks are found and how often other pictures are taken for one,
//! and how long a large comparison takes.
//!
//!     cargo run --release -p adamllm-evaluation --example leaks -- [STEP]
//!
//! Every STEP-th pictogram is planted (default 1). The results of a run are in `docs/scores.md`.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "../tests/planted/mod.rs"]
mod planted;

use std::time::Instant;

fn main() {
    let step = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let world = planted::World::new(144, step);
    println!(
        "{} pictograms of 144 px, {} of them planted",
        world.len(),
        world.planted()
    );
    for (name, change) in planted::changes() {
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
    println!("{}", world.speed());
}
