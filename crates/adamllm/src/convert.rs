//! `adamllm convert`: data from one layout into another, record by record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use corpus::formats::{self, Entry, Format, Kind, Reader, Row, Writer};
use corpus::jsonl::Appender;
use corpus::sources::{self, Imported, SOURCES, Source};
use corpus::{Error, Rejected};
use serde_json::{Value, json};

use crate::cli::Shared;
use crate::output::print;
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

/// How a data file is read.
#[derive(Clone, Debug, Default, Args)]
pub struct Reading {
    /// Folder of relative image paths; the file's folder when absent.
    #[arg(long)]
    pub image_root: Option<PathBuf>,
    /// Our name of a key and the file's, as in `caption=title`; repeatable, the same as `[data.columns]`.
    #[arg(long = "column", value_name = "OURS=THEIRS", value_parser = column)]
    pub columns: Vec<(String, String)>,
}

impl Reading {
    /// The same for the crate that reads.
    pub fn options(&self, check_images: bool) -> formats::Options {
        formats::Options {
            images: self.image_root.clone(),
            columns: self.columns.iter().cloned().collect(),
            check_images,
            unpack: None,
        }
    }
}

/// What records are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum As {
    /// A picture and a caption; of a conversation its first answer.
    Pairs,
    /// Whole conversations.
    Samples,
    /// Captions with tasks.
    Seeds,
}

/// A layout by its name.
pub fn layout(name: &str) -> Result<Format, String> {
    let name = match name {
        "llama-factory" | "llamafactory" | "messages" => "sharegpt",
        "imagefolder" => "image-folder",
        "json" => "json-array",
        "tsv" => "csv",
        other => other,
    };
    let known = Format::ALL.iter().find(|format| format.as_str() == name);
    known.copied().ok_or_else(|| {
        let names = Format::ALL.map(Format::as_str);
        format!("layouts are {}", names.join(", "))
    })
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

fn column(text: &str) -> Result<(String, String), String> {
    let (ours, theirs) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not OURS=THEIRS"))?;
    Ok((ours.to_owned(), theirs.to_owned()))
}

/// Converts.
pub fn run(shared: &Shared, convert: &Convert) -> Result<()> {
    if let Some(Named::Source(source)) = convert.from {
        return import(shared, convert, source);
    }
    let options = convert.reading.options(true);
    let kind = match convert.kind {
        Some(kind) => kind,
        None => match Reader::pairs(&convert.input, &options)?.kind() {
            Kind::Pairs => As::Pairs,
            Kind::Samples => As::Samples,
            Kind::Seeds => As::Seeds,
        },
    };
    match kind {
        As::Pairs => {
            let reader = Reader::pairs(&convert.input, &options)?;
            stream(shared, convert, reader, Writer::pair)
        }
        As::Samples => {
            let reader = Reader::samples(&convert.input, &options)?;
            stream(shared, convert, reader, Writer::sample)
        }
        As::Seeds => {
            let reader = Reader::seeds(&convert.input, &options)?;
            stream(shared, convert, reader, Writer::seed)
        }
    }
}

/// Where the records that are left out are listed.
struct LeftOut {
    path: PathBuf,
    file: Option<Appender>,
    reasons: BTreeMap<String, usize>,
}

impl LeftOut {
    fn add(&mut self, rejected: &Rejected) -> Result<()> {
        if self.file.is_none() {
            self.file = Some(Appender::open(&self.path, 0)?);
        }
        if let Some(file) = &mut self.file {
            file.write(std::slice::from_ref(rejected))?;
        }
        *self.reasons.entry(rejected.reason.clone()).or_default() += 1;
        Ok(())
    }
}

fn stream<T: Row>(
    shared: &Shared,
    convert: &Convert,
    mut reader: Reader<T>,
    put: impl Fn(&mut Writer, &Entry<T>) -> Result<Option<Rejected>, Error>,
) -> Result<()> {
    let found = reader.format();
    if let Some(Named::Layout(from)) = convert.from
        && from != found
    {
        bail!(
            "`{}` is not {}: it looks like {} ({}); leave `--from` out, or name that",
            convert.input.display(),
            from.as_str(),
            found.as_str(),
            reader.why()
        );
    }
    if same_place(&convert.input, &convert.output) {
        bail!("input and output are the same; name another output");
    }
    if let Some(folder) = convert.output.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    }
    let mut writer = Writer::create(&convert.output, convert.to, convert.copy_images)?;
    let mut name = convert.output.clone().into_os_string();
    name.push(".rejected.jsonl");
    let mut left_out = LeftOut {
        path: PathBuf::from(name),
        file: None,
        reasons: BTreeMap::new(),
    };
    // A list of an earlier try says nothing about this one.
    let _ = std::fs::remove_file(&left_out.path);
    let bar = terminal::bar(shared.quiet, "convert", convert.limit);
    let limit = convert.limit.unwrap_or(usize::MAX);
    let mut read = 0;
    while read < limit
        && let Some(found) = reader.next()
    {
        read += 1;
        match found? {
            Ok(entry) => {
                if let Some(rejected) = put(&mut writer, &entry)? {
                    left_out.add(&rejected)?;
                }
            }
            Err(bad) => left_out.add(&reader.rejected(bad))?,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut notes = reader.notes();
    notes.extend(writer.notes());
    let rows = writer.num_rows();
    if rows == 0 {
        let reasons = shown(&left_out.reasons);
        bail!(
            "none of {read} records of `{}` can be written ({reasons}); `{}` names each",
            convert.input.display(),
            left_out.path.display()
        );
    }
    writer.finish()?;
    if matches!(convert.to, Format::ShareGpt | Format::Alpaca) {
        notes.push(register(convert)?);
    }
    let lost: usize = left_out.reasons.values().sum();
    let document = json!({
        "from": found, "why": reader.why(), "to": convert.to, "read": read, "written": rows,
        "left_out": left_out.reasons, "notes": notes, "output": convert.output,
    });
    print(shared, &document, || {
        if shared.quiet {
            return;
        }
        println!(
            "{} ({}) to {}: {rows} of {read} records in `{}`",
            found.as_str(),
            reader.why(),
            convert.to.as_str(),
            convert.output.display()
        );
        for note in &notes {
            println!("note: {note}");
        }
        if lost > 0 {
            let (reasons, path) = (shown(&left_out.reasons), left_out.path.display());
            println!("left out: {reasons}; `{path}` names each");
        }
    })?;
    if convert.strict && lost > 0 {
        bail!("{lost} records were left out");
    }
    Ok(())
}

/// A data set of the paper, with counts and warnings.
fn import(shared: &Shared, convert: &Convert, source: Source) -> Result<()> {
    let root = convert.reading.image_root.as_deref();
    let (input, output) = (&convert.input, &convert.output);
    if source == Source::VisionFlanAllava {
        let found = sources::seeds(input, root)?;
        let dev = output.with_extension("dev.jsonl");
        written(convert, &dev, &found.dev, Writer::seed)?;
        written(convert, output, &found.rows, Writer::seed)?;
        return told(shared, convert, &found, Some(&dev));
    }
    let found = sources::pairs(source, input, root, SEED)?;
    written(convert, output, &found.rows, Writer::pair)?;
    told(shared, convert, &found, None)
}

/// Seed of the requests that are drawn for the paper's data sets.
const SEED: u64 = 42;

fn written<T: Clone>(
    convert: &Convert,
    path: &Path,
    rows: &[T],
    put: impl Fn(&mut Writer, &Entry<T>) -> Result<Option<Rejected>, Error>,
) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    }
    let mut writer = Writer::create(path, convert.to, convert.copy_images)?;
    for (at, row) in rows
        .iter()
        .take(convert.limit.unwrap_or(usize::MAX))
        .enumerate()
    {
        let entry = Entry {
            record: row.clone(),
            line: at + 1,
            inside: Vec::new(),
        };
        if let Some(rejected) = put(&mut writer, &entry)? {
            bail!(
                "`{}`: {} ({})",
                rejected.id,
                rejected.reason,
                rejected.detail
            );
        }
    }
    Ok(writer.finish()?)
}

fn told<T>(
    shared: &Shared,
    convert: &Convert,
    found: &Imported<T>,
    dev: Option<&Path>,
) -> Result<()> {
    let mut list = convert.output.clone().into_os_string();
    list.push(".rejected.jsonl");
    let list = PathBuf::from(list);
    corpus::jsonl::write(&list, &found.rejected)?;
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for row in &found.rejected {
        *reasons.entry(row.reason.clone()).or_default() += 1;
    }
    for warning in &found.warnings {
        eprintln!("warning: {warning}");
    }
    let document = json!({
        "written": found.rows.len(), "dev": found.dev.len(), "counts": found.counts,
        "domains": found.domains, "left_out": reasons,
        "warnings": found.warnings, "output": convert.output, "dev_output": dev,
    });
    print(shared, &document, || {
        println!(
            "{} records in `{}`",
            found.rows.len(),
            convert.output.display()
        );
        if let Some(dev) = dev {
            println!("{} for validation in `{}`", found.dev.len(), dev.display());
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
        if !reasons.is_empty() {
            println!(
                "left out: {}; `{}` names each",
                shown(&reasons),
                list.display()
            );
        }
    })
}

fn shown(reasons: &BTreeMap<String, usize>) -> String {
    let each = reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"));
    each.collect::<Vec<_>>().join(", ")
}

fn same_place(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// Enters the file into the `dataset_info.json` beside it, which LLaMA-Factory looks names up in.
fn register(convert: &Convert) -> Result<String> {
    let place = convert.output.with_file_name("dataset_info.json");
    let file = convert
        .output
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let name = convert
        .output
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let entry = formats::dataset_info(&file, convert.to);
    let mut entries = match std::fs::read(&place) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(Value::Object(entries)) => entries,
            _ => {
                return Ok(format!(
                    "`{}` is no JSON object; enter there `{name}`: {entry}",
                    place.display()
                ));
            }
        },
        Err(_) => serde_json::Map::new(),
    };
    entries.insert(name.clone().into_owned(), entry);
    let aside = place.with_extension("json.part");
    std::fs::write(&aside, serde_json::to_string_pretty(&entries)?)
        .and_then(|()| std::fs::rename(&aside, &place))
        .with_context(|| format!("cannot write `{}`", place.display()))?;
    Ok(format!(
        "registered as `{name}` in `{}`, for LLaMA-Factory",
        place.display()
    ))
}
