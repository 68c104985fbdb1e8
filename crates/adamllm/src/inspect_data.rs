//! `adamllm inspect data`: what a file or folder holds, with every bad row, sizes, lengths, duplicates and a sample.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use corpus::Reason;
use corpus::formats::{Kind, Lengths, Summary};
use corpus::inspect::{self, Bin, Inspection, Measure, Measured, PictureFindings, histogram};
use processor::{Encoded, Processor};

use crate::flags::Shared;
use crate::output::print;
use crate::reading::{As, Reading};
use crate::terminal::{self, colour};

/// Groups of repeated pictures that are shown of a long list.
const SHOWN: usize = 10;

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
    /// Look at the text alone: no picture is opened, and none that is missing counts.
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

/// Looks.
pub fn run(shared: &Shared, asked: &InspectData) -> Result<()> {
    let tokens = match &asked.model {
        Some(folder) => Some(Tokens(processor::load(
            folder,
            &processor::Options::default(),
        )?)),
        None => None,
    };
    let bar = terminal::bar(shared.quiet, "inspect", asked.limit);
    let inspected = inspect::inspect(
        &inspect::Request {
            file: asked.file.clone(),
            kind: asked.kind.map(As::kind),
            reading: asked.reading.options(!asked.no_images),
            pictures: !asked.no_images,
            index: asked.index,
            limit: asked.limit,
        },
        tokens.as_ref().map(|tokens| tokens as &dyn Measure),
        &mut |more| bar.inc(more as u64),
    );
    bar.finish_and_clear();
    let found = inspected.map_err(|error| match error {
        inspect::Error::Measure(problem) => anyhow!(problem),
        other @ inspect::Error::Data(_) => other.into(),
    })?;
    terminal::note(shared.quiet, found.root_above.as_ref());
    print(shared, &found.document(), || show(asked, &found))?;
    if asked.strict && !found.rejected.is_empty() {
        bail!(
            "{} rows of `{}` cannot be used",
            found.rejected.len(),
            asked.file.display()
        );
    }
    Ok(())
}

/// Counts the tokens of a model.
struct Tokens(Box<dyn Processor>);

impl Measure for Tokens {
    fn length(
        &self,
        record: &Measured,
    ) -> Result<u32, Box<dyn std::error::Error + Send + Sync + 'static>> {
        Ok(self.encoded(record)?.ids.len() as u32)
    }

    fn spans(
        &self,
        record: &Measured,
    ) -> Result<Vec<(String, bool)>, Box<dyn std::error::Error + Send + Sync + 'static>> {
        Ok(self.0.spans(&self.encoded(record)?))
    }
}

impl Tokens {
    /// The tokens of a record; pictures inside the data file get files for that time.
    fn encoded(&self, record: &Measured) -> Result<Encoded> {
        let mut sample = record.sample.clone();
        // A folder of its own: records are looked at side by side, and each removes what it wrote.
        let name = format!("adamllm-{}-{}", std::process::id(), record.line);
        let folder = std::env::temp_dir().join(name);
        let mut written = Vec::new();
        for image in &mut sample.images {
            if let Some(picture) = record.inside.iter().find(|picture| picture.path == *image) {
                std::fs::create_dir_all(&folder)?;
                let place = folder.join(&*image);
                std::fs::write(&place, &picture.bytes)
                    .with_context(|| format!("cannot write `{}`", place.display()))?;
                written.push(place.clone());
                *image = place;
            }
        }
        let encoded = self.0.sample(&sample);
        for place in written {
            let _ = std::fs::remove_file(place);
        }
        let _ = std::fs::remove_dir(&folder);
        Ok(encoded?)
    }
}

fn show(asked: &InspectData, found: &Inspection) {
    let summary = &found.summary;
    println!(
        "`{}`\n{summary}",
        asked.file.display().to_string().trim_end()
    );
    if let Some(pictures) = &found.pictures
        && !pictures.widths.is_empty()
    {
        show_pictures(pictures);
    }
    if found.lengths.is_empty() {
        println!("\nno record can be used{}", hint(found.kind, summary));
    } else {
        bars(&format!("{} of records", found.unit), &found.lengths);
        if asked.model.is_none() {
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
            asked.index
        );
        println!("{}", marked(&found.shown));
    }
    if !summary.rejected.is_empty() {
        println!("\nleft out (--json lists all):");
        println!("{}", summary.rejected.indented("  "));
    }
}

fn show_pictures(found: &PictureFindings) {
    let (w, h) = (
        Lengths::of(found.widths.clone()),
        Lengths::of(found.heights.clone()),
    );
    println!(
        "sizes of pictures: {} × {} to {} × {}, median {} × {}",
        w.min, h.min, w.max, h.max, w.median, h.median
    );
    let (exact, near, doubles) = (found.exact, found.near, found.doubles);
    println!(
        "duplicates: {exact} rows repeat a picture's file, {near} more show one resized or compressed again, \
         {doubles} with the same caption too"
    );
    for group in found.groups.iter().take(SHOWN) {
        println!("  {}", group.join(" = "));
    }
    if found.groups.len() > SHOWN {
        println!(
            "  … {} groups in all; --json lists them",
            found.groups.len()
        );
    }
    bars("pixels of pictures", &found.pixels);
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

/// What to do about records none of which can be used.
fn hint(kind: Kind, summary: &Summary) -> &'static str {
    let no_image = Reason::NoImage.as_str();
    let left_out = &summary.rejected;
    let all_without = left_out.count(no_image) == left_out.num_items();
    if kind == Kind::Pairs && !left_out.is_empty() && all_without {
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
