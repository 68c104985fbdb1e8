//! Measures sets of tasks without a judge, and draws a sample of each:
//!
//!     cargo run --release -p adamllm-quality --example measure -- [FILE_OR_FOLDER ...]
//!
//! Each is a run folder, triplets, a maker's conversations, seed data, or conversations in any layout that is read. Without one,
//! `--make 500000` in its place makes a file of so many triplets and measures that. Where the system tells it, the memory that was
//! needed at most is printed.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use quality::draw::Drawing;
use quality::measures::Spread;
use quality::sets::{check_names, sources};
use quality::{Draw, Measurer, Measures, draw, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let paths: Vec<PathBuf> = match arguments.as_slice() {
        [] => vec![made(2000)?],
        [make, number] if make == "--make" => vec![made(number.parse()?)?],
        paths => paths.iter().map(PathBuf::from).collect(),
    };
    let mut sets = Vec::new();
    for path in &paths {
        let name = path.file_name().unwrap_or(path.as_os_str());
        sets.extend(sources(&name.to_string_lossy(), path)?);
    }
    check_names(&sets)?;
    let options = Draw::new(0);
    let (mut strata, mut items) = (Vec::new(), Vec::new());
    for source in &sets {
        let begun = Instant::now();
        let mut measurer = Measurer::new(&source.name, options.seed);
        let mut drawing = Drawing::new(source, &options);
        let found = read(source, |item| {
            measurer.add(&item);
            drawing.add(&item);
        })?;
        println!("{}: {}, {}", found.name, found.layout.as_str(), found.why);
        if !found.rejected.is_empty() {
            println!("{}", found.rejected.indented("  left out: "));
        }
        for note in &found.notes {
            println!("  {note}");
        }
        tell(&measurer.finish());
        println!("  {:.1} s", begun.elapsed().as_secs_f64());
        let (set, drawn) = drawing.finish()?;
        strata.push(set);
        items.extend(drawn);
    }
    let sample = draw::sample(options.seed, strata, items);
    println!("sample {}: {} items", sample.id, sample.items.len());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!(
            "memory at most: {}",
            peak.trim_start_matches("VmHWM:").trim()
        );
    }
    Ok(())
}

fn tell(measures: &Measures) {
    let spread = |of: &Spread| format!("{:.1} ({} to {})", of.mean, of.low, of.high);
    println!(
        "  {} items about {} pairs, {} pictures",
        measures.items, measures.pairs, measures.pictures
    );
    println!(
        "  words: {} a request, {} a response",
        spread(&measures.instruction_words),
        spread(&measures.response_words)
    );
    for (what, distinct) in [
        ("requests", &measures.instructions),
        ("responses", &measures.responses),
    ] {
        let shares = distinct
            .grams
            .iter()
            .map(|grams| format!("{:.1}", grams.percent));
        let shares: Vec<String> = shares.collect();
        println!(
            "  distinct 1- to 4-grams of {what}: {} %",
            shares.join(", ")
        );
    }
    let repeats = &measures.repeats;
    println!(
        "  requests: {:.1} % repeated, {:.1} % of the different ones nearly; exchanges: {:.1} % repeated",
        repeats.instructions_percent, repeats.near_percent, repeats.exchanges_percent
    );
    for share in measures.answers.iter().filter(|share| share.count > 0) {
        println!("  {}: {:.1} %", share.answers.as_str(), share.percent);
    }
    if let Some(copied) = &measures.copied {
        println!("  words copied from the caption: {:.1} %", copied.mean);
    }
    for opening in measures.openings.iter().take(5) {
        println!("  `{} …`: {:.1} %", opening.words, opening.percent);
    }
}

/// A file of made triplets with its pairs, as a run would leave them.
fn made(number: usize) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("adamllm-measure-{number}"));
    for stage in ["pairs", "made"] {
        std::fs::create_dir_all(folder.join(stage))?;
    }
    let create = |path: &Path| std::fs::File::create(path).map(std::io::BufWriter::new);
    let mut pairs = create(&folder.join("pairs/pairs.jsonl"))?;
    let file = folder.join("made/triplets.jsonl");
    let mut triplets = create(&file)?;
    let mut rng = corpus::seed::Rng::new(1);
    // Words as frequent as in a language: the next one half as often.
    let mut words = |count: usize| {
        let word = |rng: &mut corpus::seed::Rng| {
            let most = 1 << rng.below(16);
            format!("word{}", rng.below(most))
        };
        let words: Vec<String> = (0..count).map(|_| word(&mut rng)).collect();
        words.join(" ")
    };
    for at in 0..number {
        let (caption, asked) = (words(50), words(12));
        writeln!(
            pairs,
            r#"{{"id": "pair {at}", "images": ["pictures/{at}.jpg"], "caption": "{caption}."}}"#
        )?;
        writeln!(
            triplets,
            r#"{{"id": "pair {at}/1", "pair": "pair {at}", "instruction": "What is {asked}?", "informative": "It shows {}.", "precise": "{}"}}"#,
            words(45),
            words(3)
        )?;
    }
    pairs.flush()?;
    triplets.flush()?;
    Ok(file)
}
