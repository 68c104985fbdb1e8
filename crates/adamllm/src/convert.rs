//! `adamllm convert`: data from one layout into another, record by record.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use corpus::convert::{self, Request};
use corpus::formats::Format;
use corpus::rejects::Groups;
use corpus::sources::{SOURCES, Source};
use serde_json::json;

use crate::flags::Shared;
use crate::output::print;
use crate::reading::{As, Reading, layout};
use crate::terminal;

/// `adamllm convert`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adamllm convert --to parquet pairs.jsonl pairs.parquet
  adamllm convert --to llama-factory --copy-images photos/ data/photos.json
  adamllm convert --from recipe1m --to jsonl recipe1m/ food.jsonl
  adamllm convert --to jsonl --column image=filepath --column caption=title cc3m.tsv pairs.jsonl")]
pub struct Convert {
    /// A file or folder.
    pub input: PathBuf,
    /// What is written: a file, or a new folder for image-folder and text-beside.
    pub output: PathBuf,
    /// Layout of the input, found by its content when absent; or a data set of the paper: vision-flan+allava, llava-med,
    /// pubmedvision, recipe1m, nwpu-captions, rsicd, rsitmd, sydney-captions, ucm-captions.
    #[arg(long, value_parser = from)]
    pub from: Option<Named>,
    /// Layout of the output: jsonl, json-array, llama-factory (sharegpt), llava, openai, alpaca, csv, parquet, arrow,
    /// webdataset, image-folder or text-beside.
    #[arg(long, value_parser = layout)]
    pub to: Format,
    /// What the records are; found by their keys when absent.
    #[arg(long = "as", value_name = "KIND")]
    pub kind: Option<As>,
    /// How the data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// Copy pictures to the folder `STEM-images` beside a JSON or CSV file, so that both can be moved together.
    #[arg(long)]
    pub copy_images: bool,
    /// At most so many records.
    #[arg(long)]
    pub limit: Option<usize>,
    /// Fail if a record is left out.
    #[arg(long)]
    pub strict: bool,
}

/// What `--from` names.
#[derive(Clone, Copy, Debug)]
pub enum Named {
    /// A layout.
    Layout(Format),
    /// A published data set.
    Source(Source),
}

fn from(name: &str) -> Result<Named, String> {
    if let Some((_, source)) = SOURCES.iter().find(|(known, _)| *known == name) {
        return Ok(Named::Source(*source));
    }
    layout(name).map(Named::Layout).map_err(|layouts| {
        let names = SOURCES.map(|(name, _)| name);
        format!("{layouts}; data sets are {}", names.join(", "))
    })
}

/// Converts.
pub fn run(shared: &Shared, asked: &Convert) -> Result<()> {
    let mut request = Request {
        input: asked.input.clone(),
        output: asked.output.clone(),
        from: None,
        to: asked.to,
        kind: asked.kind.map(As::kind),
        reading: asked.reading.options(true),
        copy_images: asked.copy_images,
        limit: asked.limit,
    };
    match asked.from {
        Some(Named::Source(source)) => return publish(shared, &request, source),
        Some(Named::Layout(layout)) => request.from = Some(layout),
        None => {}
    }
    let bar = terminal::bar(shared.quiet, "convert", asked.limit);
    let converted = convert::convert(&request, &mut || bar.inc(1));
    bar.finish_and_clear();
    let found = converted?;
    let lost = found.num_left_out();
    terminal::note(shared.quiet, found.root_above.as_ref());
    let document = json!({
        "from": found.from, "why": found.why, "to": request.to, "read": found.read, "written": found.written,
        "left_out": found.left_out, "notes": found.notes, "output": request.output,
        "left_out_list": (lost > 0).then_some(&found.list),
        "image_root": found.root_above.as_ref().map(|above| &above.path),
    });
    print(shared, &document, || {
        if shared.quiet {
            return;
        }
        println!(
            "{} ({}) to {}: {} of {} records in `{}`",
            found.from.as_str(),
            found.why,
            request.to.as_str(),
            found.written,
            found.read,
            request.output.display()
        );
        for note in &found.notes {
            println!("note: {note}");
        }
        tell(&found.left_out, &found.list);
    })?;
    if asked.strict && lost > 0 {
        bail!("{lost} records were left out");
    }
    Ok(())
}

/// A data set of the paper, with counts and warnings.
fn publish(shared: &Shared, request: &Request, source: Source) -> Result<()> {
    let found = convert::publish(request, source)?;
    for warning in &found.warnings {
        eprintln!("warning: {warning}");
    }
    let document = json!({
        "written": found.written, "dev": found.dev, "counts": found.counts, "domains": found.domains,
        "left_out": found.left_out, "left_out_list": found.list, "warnings": found.warnings, "output": request.output,
        "dev_output": found.dev_output,
    });
    print(shared, &document, || {
        println!(
            "{} records in `{}`",
            found.written,
            request.output.display()
        );
        if let Some(dev) = &found.dev_output {
            println!("{} for validation in `{}`", found.dev, dev.display());
        }
        for (name, count) in &found.counts {
            println!("  {name}: {count}");
        }
        if !found.domains.is_empty() {
            println!("pictures by image domain (tasks were assigned by us):");
        }
        for (name, count) in &found.domains {
            println!("  {name}: {count}");
        }
        tell(&found.left_out, &found.list);
    })
}

/// What was left out, and the file that names each.
fn tell(left_out: &Groups<String>, list: &Path) {
    if !left_out.is_empty() {
        let count = left_out.num_items();
        println!(
            "left out, {count} in all (`{}` names each):",
            list.display()
        );
        println!("{}", left_out.indented("  "));
    }
}
