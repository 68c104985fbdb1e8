//! `adamllm inspect data`: what a file or folder holds, with every bad row, sizes, lengths, duplicates and a sample.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corpus::duplicates::Duplicates;
use corpus::fingerprint::{Fingerprint, Sketch};
use corpus::formats::{Entry, Inside, Kind, Lengths, Reader, Row, Summary, Tally};
use corpus::{Pair, Reason, Rejected, Role, Sample, Seed, Turn, digest, images};
use processor::Processor;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::Shared;
use crate::convert::{As, Reading};
use crate::output::print;
use crate::terminal::{self, colour};

/// Records that are looked at in one go.
const CHUNK: usize = 256;
/// Records that are shown of a long list.
const SHOWN: usize = 10;
/// Bad records that are told; one page.
const BAD_SHOWN: usize = 50;

/// `adamllm inspect data`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adamllm inspect data pairs.jsonl
  adamllm inspect data photos/ --model models/llava --index 3
  adamllm inspect data pairs.parquet --no-images --json")]
pub struct InspectData {
    /// A data file or a folder, in any layout.
    pub file: PathBuf,
    /// Fail if there is a bad row.
    #[arg(long)]
    pub strict: bool,
    /// Look at the text alone: no picture is opened or looked for.
    #[arg(long)]
    pub no_images: bool,
    /// A model folder: lengths are then tokens, pictures among them.
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// Which usable record is shown, from 0.
    #[arg(long, default_value_t = 0)]
    pub index: usize,
    /// At most so many records.
    #[arg(long)]
    pub limit: Option<usize>,
    /// What the records are; found by their keys when absent.
    #[arg(long = "as", value_name = "KIND")]
    pub kind: Option<As>,
    /// How the data is read.
    #[command(flatten)]
    pub reading: Reading,
}

/// What was found beside the counts of the text.
#[derive(Default)]
struct Findings {
    rejected: Vec<Rejected>,
    widths: Vec<u32>,
    heights: Vec<u32>,
    pixels: Vec<u32>,
    duplicates: Duplicates,
    /// Ids and normalised captions of the rows whose pictures were looked at.
    ids: Vec<(String, u128)>,
    /// Files that were looked at, by their path.
    seen: HashMap<u128, Result<u128, String>>,
    lengths: Vec<u32>,
    longest: Vec<(u32, String)>,
    sample: Option<Value>,
    shown: Vec<(String, bool)>,
}

/// Looks.
pub fn run(shared: &Shared, inspect: &InspectData) -> Result<()> {
    let options = inspect.reading.options(!inspect.no_images);
    let kind = match inspect.kind {
        Some(kind) => kind,
        None => match Reader::pairs(&inspect.file, &options)?.kind() {
            Kind::Pairs => As::Pairs,
            Kind::Samples => As::Samples,
            Kind::Seeds => As::Seeds,
        },
    };
    let path = &inspect.file;
    match kind {
        As::Pairs => look(shared, inspect, kind, Reader::pairs(path, &options)?, pair),
        As::Samples => look(
            shared,
            inspect,
            kind,
            Reader::samples(path, &options)?,
            Sample::clone,
        ),
        As::Seeds => look(shared, inspect, kind, Reader::seeds(path, &options)?, seed),
    }
}

/// A pair as it would be trained on.
fn pair(pair: &Pair) -> Sample {
    let marks = "<image>\n".repeat(pair.images.len());
    let request = pair.request.as_deref().unwrap_or("Describe the image.");
    Sample {
        id: pair.id.clone(),
        images: pair.images.clone(),
        turns: vec![
            Turn::new(Role::User, format!("{marks}{request}")).with_marks(),
            Turn::new(Role::Assistant, pair.caption.clone()).learned(),
        ],
        end: false,
        origin: Value::Null,
    }
}

/// Seed data with its tasks as plain turns; the synthesizer's own samples are made with its prompts.
fn seed(seed: &Seed) -> Sample {
    let marks = "<image>\n".repeat(seed.images.len());
    let mut turns = vec![
        Turn::new(Role::User, format!("{marks}Describe the image.")).with_marks(),
        Turn::new(Role::Assistant, seed.caption.clone()),
    ];
    for task in &seed.tasks {
        for answer in [&task.informative, &task.precise] {
            turns.push(Turn::new(Role::User, task.instruction.clone()).learned());
            turns.push(Turn::new(Role::Assistant, answer.clone()).learned());
        }
    }
    Sample {
        id: seed.id.clone(),
        images: seed.images.clone(),
        turns,
        end: true,
        origin: Value::Null,
    }
}

/// What one picture is: content's name, size, and what it looks like.
struct Look {
    name: u128,
    width: u32,
    height: u32,
    sketch: Sketch,
}

fn look_at(path: &Path, inside: &[Inside]) -> Result<Look, String> {
    let content = match inside.iter().find(|picture| picture.path == path) {
        Some(picture) => picture.bytes.clone(),
        None => images::read(path).map_err(|e| e.to_string())?,
    };
    let picture = images::decode_bytes(&content, path).map_err(|e| e.to_string())?;
    Ok(Look {
        name: Duplicates::name(&content),
        width: picture.width(),
        height: picture.height(),
        sketch: (&Fingerprint::new(&picture)).into(),
    })
}

/// Words alone, in lower case, so that captions differ only where they say something else.
fn normalised(text: &str) -> String {
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

fn look<T: Row + Send + Sync>(
    shared: &Shared,
    inspect: &InspectData,
    kind: As,
    mut reader: Reader<T>,
    as_sample: fn(&T) -> Sample,
) -> Result<()> {
    let processor = match &inspect.model {
        Some(folder) => Some(processor::load(folder, &processor::Options::default())?),
        None => None,
    };
    let mut tally = Tally::default();
    let mut found = Findings::default();
    let bar = terminal::bar(shared.quiet, "inspect", inspect.limit);
    let limit = inspect.limit.unwrap_or(usize::MAX);
    let mut read = 0;
    let mut ended = false;
    while !ended && read < limit {
        let mut chunk = Vec::new();
        while chunk.len() < CHUNK && read < limit {
            let Some(next) = reader.next() else {
                ended = true;
                break;
            };
            read += 1;
            match next? {
                Ok(entry) => chunk.push(entry),
                Err(bad) => {
                    let rejected = reader.rejected(bad);
                    tally.reject(&rejected.reason);
                    found.rejected.push(rejected);
                }
            }
        }
        bar.inc(chunk.len() as u64);
        let chunk = if inspect.no_images {
            chunk
        } else {
            found.pictures(chunk, &mut tally)
        };
        for entry in &chunk {
            tally.add(&entry.record);
        }
        found.texts(&chunk, inspect, processor.as_deref(), as_sample, &tally)?;
    }
    bar.finish_and_clear();
    let summary = tally.summary(reader.format(), reader.why(), reader.notes());
    let groups = found.duplicates.groups();
    let doubles = found.doubles(&groups);
    report(shared, inspect, kind, &summary, &found, &groups, doubles)?;
    if inspect.strict && !found.rejected.is_empty() {
        bail!(
            "{} rows of `{}` cannot be used",
            found.rejected.len(),
            inspect.file.display()
        );
    }
    Ok(())
}

impl Findings {
    /// Looks at the pictures on all cores; gives the records whose pictures are sound.
    fn pictures<T: Row + Send + Sync>(
        &mut self,
        chunk: Vec<Entry<T>>,
        tally: &mut Tally,
    ) -> Vec<Entry<T>> {
        let mut wanted: Vec<(u128, &Path, &[Inside])> = Vec::new();
        for entry in &chunk {
            for path in entry.record.images() {
                let key = digest::short(path.as_os_str().as_encoded_bytes());
                if !self.seen.contains_key(&key) && !wanted.iter().any(|(k, ..)| *k == key) {
                    wanted.push((key, path, &entry.inside));
                }
            }
        }
        let looks: Vec<(u128, Result<Look, String>)> = wanted
            .into_par_iter()
            .map(|(key, path, inside)| (key, look_at(path, inside)))
            .collect();
        for (key, look) in looks {
            let known = match look {
                Ok(look) => {
                    self.widths.push(look.width);
                    self.heights.push(look.height);
                    self.pixels.push(look.width.saturating_mul(look.height));
                    self.duplicates.add_content(look.name, || look.sketch);
                    Ok(look.name)
                }
                Err(problem) => Err(problem),
            };
            self.seen.insert(key, known);
        }
        let mut sound = Vec::with_capacity(chunk.len());
        'rows: for entry in chunk {
            let mut names = Vec::new();
            for path in entry.record.images() {
                let key = digest::short(path.as_os_str().as_encoded_bytes());
                match &self.seen[&key] {
                    Ok(name) => names.push(*name),
                    Err(problem) => {
                        tally.reject("broken-image");
                        self.rejected.push(Rejected {
                            id: entry.record.id().to_owned(),
                            stage: "read".to_owned(),
                            reason: "broken-image".to_owned(),
                            detail: problem.clone(),
                        });
                        continue 'rows;
                    }
                }
            }
            let row = self.ids.len();
            let caption = digest::short(normalised(&entry.record.text()));
            self.ids.push((entry.record.id().to_owned(), caption));
            for name in names {
                self.duplicates.add_row(row, name);
            }
            sound.push(entry);
        }
        sound
    }

    /// Lengths, the longest, and the record that is shown.
    fn texts<T: Row + Sync + Send>(
        &mut self,
        chunk: &[Entry<T>],
        inspect: &InspectData,
        processor: Option<&dyn Processor>,
        as_sample: fn(&T) -> Sample,
        tally: &Tally,
    ) -> Result<()> {
        let first = tally.lengths().len() - chunk.len();
        let lengths: Vec<u32> = match processor {
            None => tally.lengths()[first..].to_vec(),
            Some(processor) => chunk
                .par_iter()
                .map(|entry| {
                    tokens(entry, processor, as_sample).map(|encoded| encoded.ids.len() as u32)
                })
                .collect::<Result<_>>()?,
        };
        for (entry, &length) in chunk.iter().zip(&lengths) {
            if self.longest.len() < SHOWN || self.longest.last().is_some_and(|last| last.0 < length)
            {
                self.longest.push((length, entry.record.id().to_owned()));
                self.longest
                    .sort_by_key(|(length, _)| std::cmp::Reverse(*length));
                self.longest.truncate(SHOWN);
            }
        }
        self.lengths.extend(lengths);
        if let Some(entry) = inspect
            .index
            .checked_sub(first)
            .and_then(|at| chunk.get(at))
        {
            let sample = as_sample(&entry.record);
            self.shown = if let Some(processor) = processor {
                processor.spans(&tokens(entry, processor, as_sample)?)
            } else {
                let said = |turn: &Turn| {
                    let header = format!("\n[{}] ", turn.role.as_str());
                    [(header, false), (turn.text.clone(), turn.learn)]
                };
                sample.turns.iter().flat_map(said).collect()
            };
            self.sample = Some(serde_json::to_value(sample)?);
        }
        Ok(())
    }

    /// Rows that repeat both the picture and the caption of an earlier one.
    fn doubles(&self, groups: &[Vec<usize>]) -> usize {
        let again = |group: &Vec<usize>| {
            let mut captions: Vec<u128> = group.iter().map(|&row| self.ids[row].1).collect();
            captions.sort_unstable();
            let all = captions.len();
            captions.dedup();
            all - captions.len()
        };
        groups.iter().map(again).sum()
    }
}

/// The tokens of a record; pictures inside the data file get files for that time.
fn tokens<T: Row>(
    entry: &Entry<T>,
    processor: &dyn Processor,
    as_sample: fn(&T) -> Sample,
) -> Result<processor::Encoded> {
    let mut sample = as_sample(&entry.record);
    let folder = std::env::temp_dir().join(format!("adamllm-{}", std::process::id()));
    let mut written = Vec::new();
    for image in &mut sample.images {
        if let Some(picture) = entry.inside.iter().find(|picture| picture.path == *image) {
            std::fs::create_dir_all(&folder)?;
            let place = folder.join(format!("{}-{}", entry.line, image.display()));
            std::fs::write(&place, &picture.bytes)
                .with_context(|| format!("cannot write `{}`", place.display()))?;
            written.push(place.clone());
            *image = place;
        }
    }
    let encoded = processor.sample(&sample);
    for place in written {
        let _ = std::fs::remove_file(place);
    }
    let _ = std::fs::remove_dir(&folder);
    Ok(encoded?)
}

#[derive(Serialize)]
struct Bin {
    from: u32,
    to: u32,
    count: usize,
}

/// Counts between powers of two, or of `step` where that is finer.
fn histogram(values: &[u32]) -> Vec<Bin> {
    let mut bins: BTreeMap<u32, usize> = BTreeMap::new();
    for &value in values {
        *bins.entry(value.max(1).ilog2()).or_default() += 1;
    }
    let bin = |(power, count): (u32, usize)| Bin {
        from: if power == 0 { 0 } else { 1 << power },
        to: ((2_u64 << power) - 1).min(u64::from(u32::MAX)) as u32,
        count,
    };
    bins.into_iter().map(bin).collect()
}

fn bars(title: &str, values: &[u32]) {
    let bins = histogram(values);
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1);
    println!("\n{title}");
    for Bin { from, to, count } in bins {
        let bar = "█".repeat((count * 40).div_ceil(most));
        println!("  {from:>9} – {to:<9} {count:>8}  {bar}");
    }
}

fn report(
    shared: &Shared,
    inspect: &InspectData,
    kind: As,
    summary: &Summary,
    found: &Findings,
    groups: &[Vec<usize>],
    doubles: usize,
) -> Result<()> {
    let exact = found.duplicates.num_exact();
    let rows: usize = groups.iter().map(|group| group.len() - 1).sum();
    let near = rows.saturating_sub(exact);
    let ids = |group: &Vec<usize>| -> Vec<&str> {
        group.iter().map(|&row| found.ids[row].0.as_str()).collect()
    };
    let unit = if inspect.model.is_some() {
        "tokens"
    } else {
        "characters"
    };
    let longest: Vec<Value> = found
        .longest
        .iter()
        .map(|(length, id)| json!({"id": id, "length": length}))
        .collect();
    let pictures = (!inspect.no_images).then(|| {
        json!({
            "width": Lengths::of(found.widths.clone()), "height": Lengths::of(found.heights.clone()),
            "pixels": histogram(&found.pixels), "contents": found.duplicates.num_contents(),
        })
    });
    let duplicates = (!inspect.no_images).then(|| {
        json!({
            "exact": exact, "near": near, "pairs": doubles,
            "groups": groups.iter().map(ids).collect::<Vec<_>>(),
        })
    });
    let document = json!({
        "summary": summary, "rejected": found.rejected, "kind": format!("{kind:?}").to_lowercase(),
        "pictures": pictures, "duplicates": duplicates,
        "lengths": {"unit": unit, "summary": Lengths::of(found.lengths.clone()), "histogram": histogram(&found.lengths)},
        "longest": longest, "sample": found.sample,
    });
    print(shared, &document, || {
        println!(
            "`{}`\n{summary}",
            inspect.file.display().to_string().trim_end()
        );
        if !inspect.no_images && !found.widths.is_empty() {
            let (w, h) = (
                Lengths::of(found.widths.clone()),
                Lengths::of(found.heights.clone()),
            );
            println!(
                "sizes of pictures: {} × {} to {} × {}, median {} × {}",
                w.min, h.min, w.max, h.max, w.median, h.median
            );
            println!(
                "duplicates: {exact} rows repeat a picture's file, {near} more show one resized or compressed again, \
                 {doubles} with the same caption too"
            );
            for group in groups.iter().take(SHOWN) {
                println!("  {}", ids(group).join(" = "));
            }
            if groups.len() > SHOWN {
                println!("  … {} groups in all; --json lists them", groups.len());
            }
            bars("pixels of pictures", &found.pixels);
        }
        if found.lengths.is_empty() {
            println!("\nno record can be used{}", hint(kind, summary));
        } else {
            bars(&format!("{unit} of records"), &found.lengths);
            if inspect.model.is_none() {
                println!("  (--model DIR counts tokens, pictures among them)");
            }
            println!("\nlongest");
            for (length, id) in &found.longest {
                println!("  {length:>9}  {id}");
            }
        }
        if !found.shown.is_empty() {
            println!(
                "\nrecord {} as it would be trained on, learned text marked:",
                inspect.index
            );
            println!("{}", marked(&found.shown));
        }
        if !found.rejected.is_empty() {
            println!("\nleft out:");
        }
        for bad in found.rejected.iter().take(BAD_SHOWN) {
            println!("  `{}`: {} ({})", bad.id, bad.reason, bad.detail);
        }
        if found.rejected.len() > BAD_SHOWN {
            println!("  … {} in all; --json lists them", found.rejected.len());
        }
    })
}

/// What to do about records none of which can be used.
fn hint(kind: As, summary: &Summary) -> &'static str {
    let no_image = Reason::NoImage.as_str();
    let all_without = summary.rejected.keys().all(|reason| reason == no_image);
    if kind == As::Pairs && !summary.rejected.is_empty() && all_without {
        ": a pair needs a picture, and these name none; conversations of text alone are training samples (`--as samples`), and \
         pictures under another key are named by `--column image=KEY`"
    } else {
        ""
    }
}

/// Texts with the learned ones in colour, or between « and » where there is none.
pub fn marked(spans: &[(impl AsRef<str>, bool)]) -> String {
    let colour = colour();
    let one = |(text, learned): &(_, bool)| {
        let text: &str = AsRef::<str>::as_ref(text);
        match (learned, colour) {
            (true, true) => format!("\x1b[30;42m{text}\x1b[0m"),
            (true, false) => format!("«{text}»"),
            (false, _) => text.to_owned(),
        }
    };
    spans
        .iter()
        .map(one)
        .collect::<String>()
        .trim_start()
        .to_owned()
}
