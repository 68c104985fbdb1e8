//! Writes the table of a grid in every form, from its `table.json`.
//!
//!     cargo run -p adamllm-report --example lab -- TABLE.json FOLDER

use std::error::Error;
use std::path::PathBuf;

use report::lab::{Page, csv, html, latex, markdown, verdicts_csv};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(table), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("give a file TABLE.json and a folder to write to".into());
    };
    let page: Page = serde_json::from_str(&std::fs::read_to_string(table)?)?;
    std::fs::create_dir_all(&folder)?;
    for (name, text) in [
        ("index.html", html(&page)),
        ("table.md", markdown(&page)),
        ("table.csv", csv(&page)),
        ("verdicts.csv", verdicts_csv(&page)),
        ("table.tex", latex(&page)),
    ] {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}
