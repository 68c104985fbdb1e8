//! Writes the demo's folder: a base model, pairs of a domain, seed data, tasks, what is true of the pairs, and a recipe:
//!
//!     cargo run --release -p adamllm-demo --no-default-features --example folder -- [FOLDER [DOMAIN [SEED]]]
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::PathBuf;

use corpus::pictograms::DOMAINS;
use corpus::{Pair, Seed, jsonl};
use demo::write_domain;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .map_or_else(|| std::env::temp_dir().join("adamllm-demo"), PathBuf::from);
    let name = arguments.next().unwrap_or_else(|| "food".to_owned());
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let Some(domain) = DOMAINS.iter().find(|domain| domain.name == name) else {
        let known = DOMAINS.map(|domain| domain.name).join(", ");
        return Err(format!("no domain `{name}`; there are {known}").into());
    };
    let recipe = write_domain(&folder, domain, seed, false)?;
    let pairs: Vec<Pair> = jsonl::read(&folder.join("pairs.jsonl"))?;
    let seeds: Vec<Seed> = jsonl::read(&folder.join("seeds.jsonl"))?;
    println!("{} pairs, {} seeds", pairs.len(), seeds.len());
    for pair in pairs.iter().take(3) {
        println!("  {}: {}", pair.id, pair.caption);
    }
    println!("adamllm run {} --run-dir runs/toy", recipe.display());
    Ok(())
}
