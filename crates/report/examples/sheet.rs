//! The sheet on which a person rates a sample:
//!
//!     cargo run -p adamllm-report --example sheet -- [SAMPLE.json [OUT.html [RATER]]]
//!
//! Without a sample, one of two tasks is made up. Open the page in a browser; what it saves is read by the example `ratings` of
//! `adamllm-quality`.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::PathBuf;

use quality::{Item, Sample};
use report::sheet::{SheetOptions, sheet};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let sample: Sample = match arguments.next() {
        Some(file) => serde_json::from_slice(&std::fs::read(file)?)?,
        None => made_up(),
    };
    let page = arguments.next().map_or_else(
        || std::env::temp_dir().join("adamllm-sheet.html"),
        PathBuf::from,
    );
    let options = SheetOptions {
        rater: arguments.next(),
        ..SheetOptions::default()
    };
    let made = sheet(&sample, &options)?;
    for path in &made.unreadable {
        println!("the picture `{}` cannot be read", path.display());
    }
    std::fs::write(&page, &made.html)?;
    println!(
        "{} items, {} pictures, {:.1} MB in `{}`",
        sample.items.len(),
        made.pictures,
        made.html.len() as f64 / 1e6,
        page.display()
    );
    Ok(())
}

/// A triplet and a plain task, without pictures.
fn made_up() -> Sample {
    let item = |key: &str, request: &str, response: &str| Item {
        key: key.to_owned(),
        caption: Some("Two eggs in a pan, fried with parsley.".to_owned()),
        exchanges: vec![[request.to_owned(), response.to_owned()]],
        ..Item::default()
    };
    let triplet = Item {
        informative: Some(
            "The white has set and the yolk is soft, so they were fried briefly.".to_owned(),
        ),
        precise: Some("fried briefly".to_owned()),
        ..item("a", "How were the eggs made?", "They were fried briefly.")
    };
    Sample {
        id: "made-up".to_owned(),
        seed: 1,
        sets: Vec::new(),
        items: vec![triplet, item("b", "How many eggs are there?", "Two.")],
    }
}
