//! The length audit: every sample is prepared once before the first step, so that what does not fit, or cannot be
//! prepared at all, is known by id before hours are spent. Nothing is cut here.

use std::path::Path;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use train::{Config, SampleSource, TooLong};

use crate::context::Context;
use crate::run_folder::{read_sealed, write_sealed};
use crate::signals;

/// How many ids a message names; the file holds all of them.
const SHOWN: usize = 10;
/// Samples between two looks at whether the run is asked to stop.
const PART: usize = 256;

/// `lengths.json`: how long the samples of a training are, in tokens with pictures expanded.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lengths {
    /// `max_seq_len`.
    pub limit: usize,
    /// Samples that were looked at.
    pub samples: usize,
    /// Their tokens in all.
    pub tokens: u64,
    /// The longest of them.
    pub longest: usize,
    /// Those over the limit.
    pub too_long: Vec<Long>,
}

/// A sample over the limit.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Long {
    /// Its id.
    pub id: String,
    /// Its tokens.
    pub tokens: usize,
}

/// Looks at all samples on all cores, once a stage, and says what is over the limit. With `too_long = error` that is an
/// error.
pub fn audit(
    context: &Context,
    folder: &Path,
    source: &dyn SampleSource,
    config: &Config,
) -> Result<()> {
    let path = folder.join("lengths.json");
    let known = read_sealed(&path).filter(|known: &Lengths| {
        (known.limit, known.samples) == (config.max_seq_len, source.len())
    });
    let (lengths, is_new) = match known {
        Some(known) => (known, false),
        None => (measure(source, config.max_seq_len)?, true),
    };
    if is_new {
        write_sealed(&path, &lengths)?;
    }
    let long = &lengths.too_long;
    if long.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = long
        .iter()
        .take(SHOWN)
        .map(|l| format!("  `{}`: {} tokens", l.id, l.tokens))
        .collect();
    let text = format!(
        "{} of {} samples have more than `max_seq_len` = {} tokens with their pictures expanded; all of them are in \
         `{}`:\n{}",
        long.len(),
        lengths.samples,
        lengths.limit,
        path.display(),
        named.join("\n")
    );
    let becomes = match config.too_long {
        TooLong::Error => bail!("{text}\nraise it, or set `too_long` to `truncate_text` or `drop`"),
        TooLong::TruncateText => {
            "the end of their text is cut, never an image token; one whose pictures alone do not fit is left out"
        }
        TooLong::Drop => "they are left out",
    };
    if is_new {
        context.say(&format!("  {text}\n  {becomes}"));
    }
    Ok(())
}

fn measure(source: &dyn SampleSource, limit: usize) -> Result<Lengths> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let indices: Vec<usize> = (0..source.len()).collect();
    let mut lengths = Lengths {
        limit,
        samples: source.len(),
        ..Lengths::default()
    };
    let mut broken = Vec::new();
    for part in indices.chunks(PART) {
        signals::check()?;
        let share = part.len().div_ceil(workers).max(1);
        let length = |&i: &usize| source.encode(i).map(|encoded| encoded.ids.len());
        let found: Vec<Result<usize, String>> = std::thread::scope(|scope| {
            let threads: Vec<_> = part
                .chunks(share)
                .map(|few| scope.spawn(move || few.iter().map(length).collect::<Vec<_>>()))
                .collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<_>>| {
                thread.join().unwrap_or_else(|_| {
                    vec![Err("preparing it panicked; this is a bug".to_owned())]
                })
            };
            threads.into_iter().flat_map(join).collect()
        });
        for (&index, found) in part.iter().zip(found) {
            let id = source.id(index).to_owned();
            match found {
                Ok(tokens) => {
                    lengths.tokens += tokens as u64;
                    lengths.longest = lengths.longest.max(tokens);
                    if tokens > limit {
                        lengths.too_long.push(Long { id, tokens });
                    }
                }
                Err(problem) => broken.push(format!("  `{id}`: {problem}")),
            }
        }
    }
    if broken.is_empty() {
        return Ok(lengths);
    }
    let count = broken.len();
    broken.truncate(SHOWN);
    bail!(
        "{count} of {} samples cannot be prepared:\n{}",
        lengths.samples,
        broken.join("\n")
    )
}
