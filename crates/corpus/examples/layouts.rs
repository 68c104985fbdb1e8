//! Reads pairs from a file or folder of any layout, tells what it is and what of it cannot be used, and writes another
//! layout:
//!
//!     cargo run -p adamllm-corpus --example layouts -- [INPUT [LAYOUT OUTPUT]]
//!
//! LAYOUT is one of the names that are printed when there is none of that name.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::collections::BTreeMap;
use std::path::Path;

use corpus::formats::{Format, Options, Reader, Writer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let input = arguments.first().map_or(
        "crates/corpus/tests/golden/formats/theirs/shard.tar",
        String::as_str,
    );
    let layout = arguments.get(1).map_or("jsonl", String::as_str);
    let Some(layout) = Format::named(layout) else {
        let known: Vec<&str> = Format::ALL.into_iter().map(Format::as_str).collect();
        return Err(format!("no layout `{layout}`; there are {}", known.join(", ")).into());
    };
    let beside = std::env::temp_dir().join("adamllm-pairs.jsonl");
    let output = arguments.get(2).map_or(beside.as_path(), Path::new);

    let mut reader = Reader::pairs(Path::new(input), &Options::default())?;
    println!(
        "`{input}` is {}: {}",
        reader.format().as_str(),
        reader.why()
    );
    let mut writer = Writer::create(output, layout, false)?;
    let mut left_out: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(found) = reader.next() {
        let rejected = match found? {
            Ok(entry) => writer.pair(&entry)?,
            Err(bad) => Some(reader.rejected(bad)),
        };
        if let Some(rejected) = rejected {
            *left_out.entry(rejected.reason).or_default() += 1;
        }
    }
    for note in reader.notes().into_iter().chain(writer.notes()) {
        println!("note: {note}");
    }
    for (reason, count) in left_out {
        println!("left out: {count} for {reason}");
    }
    println!("{} pairs in `{}`", writer.num_rows(), output.display());
    writer.finish()?;
    Ok(())
}
