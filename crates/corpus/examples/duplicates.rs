//! Pairs whose pictures show the same, though resized or compressed again, in a file of any layout:
//!
//!     cargo run --release -p adamllm-corpus --example duplicates -- [FILE]
//!
//! Without a file, pictograms are drawn in two sizes and looked for. `--bench pictures` measures how long it takes.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::fmt::Write as _;
use std::path::PathBuf;

use corpus::duplicates::Duplicates;
use corpus::formats::{Options, read_pairs};
use corpus::looks::Looks;
use corpus::{images, pictograms};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = match std::env::args().nth(1) {
        Some(file) => PathBuf::from(file),
        None => drawn()?,
    };
    let unpack = std::env::temp_dir().join("adamllm-duplicates-inside");
    let options = Options {
        check_images: true,
        unpack: Some(unpack),
        ..Options::default()
    };
    let loaded = read_pairs(&file, &options)?;
    println!("{} pairs, {}", loaded.rows.len(), loaded.why);
    for left_out in &loaded.rejected {
        println!("left out: {} ({})", left_out.reason, left_out.detail);
    }
    let (looks, mut found) = (Looks::default(), Duplicates::default());
    for (row, pair) in loaded.rows.iter().enumerate() {
        for picture in &pair.images {
            let look = looks.of_file(picture)?;
            found.add_content(look.name, || look.fingerprint.as_ref().into());
            found.add_row(row, look.name);
        }
    }
    let groups = found.groups();
    println!(
        "{} different files, {} groups",
        found.num_contents(),
        groups.len()
    );
    for group in groups {
        let ids: Vec<&str> = group.iter().map(|&row| &*loaded.rows[row].id).collect();
        println!("  {}", ids.join(", "));
    }
    Ok(())
}

/// A folder of pictures with captions, a few of them twice.
fn drawn() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join("adamllm-duplicates");
    std::fs::create_dir_all(&folder)?;
    let mut lines = String::from("file_name,text\n");
    for (at, drawn) in pictograms::load()?.iter().step_by(97).take(12).enumerate() {
        for side in if at % 4 == 0 { &[96, 160][..] } else { &[96] } {
            let name = format!("{}-{}-{side}.png", drawn.concept.id, drawn.style);
            images::encode_png(&drawn.render(*side)?, &folder.join(&name))?;
            writeln!(lines, "{name},\"{}\"", drawn.concept.name)?;
        }
    }
    std::fs::write(folder.join("metadata.csv"), lines)?;
    Ok(folder)
}
