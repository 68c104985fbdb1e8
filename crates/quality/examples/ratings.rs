//! What people said on the sheets of a sample, checked and counted:
//!
//!     cargo run -p adamllm-quality --example ratings -- [SAMPLE.json RATINGS.json…]
//!
//! Without arguments, a made-up file is read.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::{Path, PathBuf};

use quality::ratings::{self, RatedSheet};
use quality::{Item, Sample};
use synthesis::prompts::Prompts;

const MADE_UP: &str = r#"{"format": "adamllm-ratings", "version": 1, "sample": "made-up", "rater": "Ada",
    "aspects": ["complexity", "accuracy"], "items": [{"key": "a", "values": {"accuracy": 4}}]}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rubrics = Prompts::default().rubrics;
    let sheets = match arguments.next() {
        Some(file) => {
            let sample: Sample = serde_json::from_slice(&std::fs::read(file)?)?;
            let files: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
            ratings::read(&files, &sample, &rubrics)?
        }
        None => vec![ratings::parse(
            MADE_UP.as_bytes(),
            Path::new("made-up"),
            &made_up(),
            &rubrics,
        )?],
    };
    sheets.iter().for_each(print);
    Ok(())
}

fn print(sheet: &RatedSheet) {
    println!(
        "{}: {} ratings, {} notes",
        sheet.rater.name,
        sheet.ratings.len(),
        sheet.notes.len()
    );
    for coverage in &sheet.coverage {
        let values = (sheet.ratings.iter()).filter(|rating| rating.aspect == coverage.aspect);
        let sum: usize = values.filter_map(|rating| rating.value).sum();
        println!(
            "  {}: {} of {} items, sum of values {sum}",
            coverage.aspect.as_str(),
            coverage.rated,
            coverage.items
        );
    }
}

fn made_up() -> Sample {
    let item = Item {
        key: "a".to_owned(),
        exchanges: vec![["How many eggs are there?".to_owned(), "Two.".to_owned()]],
        ..Item::default()
    };
    Sample {
        id: "made-up".to_owned(),
        seed: 1,
        sets: Vec::new(),
        items: vec![item],
    }
}
