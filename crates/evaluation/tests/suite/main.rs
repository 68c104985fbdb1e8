//! Scores and statistics against what other programs compute. `tests/golden/README.md` says how the values are made.

#[path = "../drawn/mod.rs"]
mod drawn;
#[path = "../planted/mod.rs"]
mod planted;
#[path = "../seeded/mod.rs"]
mod seeded;
#[path = "../simulation/mod.rs"]
mod simulation;

mod agreement;
mod any_text;
mod benchmarks;
mod conclusions;
mod coverage;
mod errors;
mod grids;
mod mersenne;
mod planted_leaks;
mod rouge;
mod scoring;
mod second_derivation;
mod seeds;
mod strict;
mod systems;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file of `tests/golden`.
fn golden(name: &str) -> Value {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
