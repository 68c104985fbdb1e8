//! The length audit: every sample is prepared once before the first step, so that what does not fit, or cannot be
//! prepared at all, is known by id before hours are spent. Nothing is cut here.

use std::path::Path;

use serde::{Deserialize, Serialize};
use train::{Config, Dropped, SampleSource, TooLong, left_out};

use corpus::Rejected;
use corpus::rejects::{self, Groups, SHOWN};
use corpus::sealed::{read_sealed, write_sealed};
use run::Stop;

use super::data::Task;
use super::token_counts;
use crate::error::{LengthError, LongSamples, Result};
use crate::records::{read_rejected, write_rejected};
use crate::stage::Site;

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
    /// Of those that are not left out, the tokens that carry loss, before anything is cut.
    #[serde(default)]
    pub learned: u64,
    /// The longest of them.
    pub longest: usize,
    /// Those over the limit.
    pub too_long: Vec<Long>,
    /// Those that the training leaves out, be it for their length or since they teach nothing.
    pub left_out: Vec<Dropped>,
    /// The tokens of each sample, before anything is cut; in a file of its own.
    #[serde(skip)]
    pub of_samples: Vec<u32>,
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
/// error, and so it is when more records are lost than the recipe allows.
pub fn audit(
    site: &Site<'_>,
    source: &dyn SampleSource,
    task: &Task<'_>,
    config: &Config,
) -> Result<Lengths> {
    let path = site.folder.join("lengths.json");
    let counts = site.folder.join(token_counts::FILE);
    let known = read_sealed(&path).filter(|known: &Lengths| {
        (known.limit, known.samples) == (config.max_seq_len, source.len())
    });
    let known = known.and_then(|known| {
        let of_samples = token_counts::read(&counts, source.len())?;
        Some(Lengths {
            of_samples,
            ..known
        })
    });
    let (lengths, is_new) = match known {
        Some(known) => (known, false),
        None => (measured(site, source, config)?, true),
    };
    if is_new {
        token_counts::write(&counts, &lengths.of_samples)?;
        write_sealed(&path, &lengths)?;
    }
    say_what_is_long(site, &path, &lengths, config, is_new)?;
    let counts = Counts {
        samples: task.data.samples.len(),
        read: task.data.read,
        unusable: task.data.unusable,
    };
    refuse_many_lost(task.max_bad, counts, &lengths.left_out, &path)?;
    Ok(lengths)
}

impl Lengths {
    /// The settings of a training on these samples that learns so many tokens, and as many more as its last batch has over.
    pub fn learning(&self, tokens: u64, config: Config) -> Config {
        Config {
            epochs: tokens as f64 / self.learned.max(1) as f64,
            max_steps: None,
            ..config
        }
    }
}

/// Before tasks are written for pairs: whether their pictures can be read, and whether they fit with their captions alone.
/// With a task they are longer still, so what does not fit now never will.
pub fn audit_captions(
    site: &Site<'_>,
    source: &dyn SampleSource,
    config: &Config,
    max_bad: f64,
) -> Result<()> {
    let path = site.folder.join("caption-lengths.json");
    let known = read_sealed(&path).filter(|known: &Lengths| {
        (known.limit, known.samples) == (config.max_seq_len, source.len())
    });
    if known.is_some() {
        return Ok(());
    }
    let lengths = measured(site, source, config)?;
    write_sealed(&path, &lengths)?;
    say_what_is_long(site, &path, &lengths, config, true)?;
    let counts = Counts {
        samples: source.len(),
        read: source.len(),
        unusable: 0,
    };
    Ok(refuse_many_lost(max_bad, counts, &lengths.left_out, &path)?)
}

fn say_what_is_long(
    site: &Site<'_>,
    path: &Path,
    lengths: &Lengths,
    config: &Config,
    is_new: bool,
) -> Result<(), LengthError> {
    let long = &lengths.too_long;
    if long.is_empty() {
        return Ok(());
    }
    let first = long.iter().take(SHOWN).map(|l| (l.id.clone(), l.tokens));
    let told = LongSamples {
        count: long.len(),
        samples: lengths.samples,
        limit: lengths.limit,
        path: path.to_owned(),
        first: first.collect(),
    };
    let becomes = match config.too_long {
        TooLong::Error => return Err(LengthError::TooLong(told)),
        TooLong::TruncateText => {
            "the end of their text is cut, never an image token; one whose pictures alone do not fit is left out"
        }
        TooLong::Drop => "they are left out",
    };
    if is_new {
        site.report.note(format!("{told}\n  {becomes}"));
    }
    Ok(())
}

/// What a training is given.
#[derive(Clone, Copy)]
struct Counts {
    samples: usize,
    /// Records that were read for them.
    read: usize,
    /// Of these, how many cannot be used.
    unusable: usize,
}

/// Stops a training whose records were lost in larger number than the recipe allows, on the whole way up to here:
/// unreadable, with broken pictures, too long, or without anything to learn.
/// `place` is the file that names those that are left out.
fn refuse_many_lost(
    max_bad: f64,
    data: Counts,
    left_out: &[Dropped],
    place: &Path,
) -> Result<(), LengthError> {
    let (samples, read) = (data.samples.max(1), data.read.max(1));
    // Samples may be fewer than records (`--limit`) or more (replay), so shares are what can be put together.
    let usable = 1.0 - data.unusable as f64 / read as f64;
    let lost = 1.0 - usable * (1.0 - left_out.len() as f64 / samples as f64);
    if left_out.is_empty() || lost <= max_bad + 1e-9 {
        return Ok(());
    }
    let mut groups = Groups::default();
    for dropped in left_out {
        let line = || rejects::line(&dropped.id, &dropped.detail);
        groups.add(dropped.reason.clone(), line);
    }
    Err(LengthError::Lost {
        lost,
        max_bad,
        read: data.read,
        unusable: data.unusable,
        samples: data.samples,
        left_out: left_out.len(),
        list: place.to_owned(),
        groups,
    })
}

/// The tokens of a sample, those that carry loss, and why it is left out, or why it cannot be prepared.
type Look = Result<([usize; 2], Option<Dropped>), String>;

/// The lengths of all samples; an error if one cannot be prepared, after each of those is in the list of rejects.
fn measured(site: &Site<'_>, source: &dyn SampleSource, config: &Config) -> Result<Lengths> {
    let (lengths, broken) = measure(site.stop, source, config)?;
    if broken.is_empty() {
        return Ok(lengths);
    }
    let mut rejected = read_rejected(site.folder)?;
    rejected.extend(broken.iter().cloned());
    let error = LengthError::Unprepared {
        count: broken.len(),
        samples: lengths.samples,
        list: write_rejected(site.folder, site.stage(), &rejected)?,
        groups: Groups::of_rejected(&broken),
    };
    Err(error.into())
}

/// The lengths, and the samples that cannot be prepared.
fn measure(
    stop: Stop<'_>,
    source: &dyn SampleSource,
    config: &Config,
) -> Result<(Lengths, Vec<Rejected>)> {
    let limit = config.max_seq_len;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut lengths = Lengths {
        limit,
        samples: source.len(),
        ..Lengths::default()
    };
    let mut broken = Vec::new();
    for start in (0..source.len()).step_by(PART) {
        stop.check()?;
        let part: Vec<usize> = (start..source.len().min(start + PART)).collect();
        let share = part.len().div_ceil(workers).max(1);
        let look = |&i: &usize| -> Look {
            let encoded = source.encode(i)?;
            let tokens = [encoded.ids.len(), train::num_learned(&encoded)];
            Ok((tokens, left_out(encoded, source.id(i), config)))
        };
        let found: Vec<Look> = std::thread::scope(|scope| {
            let threads: Vec<_> = part
                .chunks(share)
                .map(|few| scope.spawn(move || few.iter().map(look).collect::<Vec<_>>()))
                .collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<_>>| {
                thread.join().unwrap_or_else(|_| {
                    vec![Err("preparing it panicked; this is a bug".to_owned())]
                })
            };
            threads.into_iter().flat_map(join).collect()
        });
        for (&index, found) in part.iter().zip(found) {
            let id = || source.id(index).to_owned();
            match found {
                Ok(([tokens, learned], dropped)) => {
                    if dropped.is_none() {
                        lengths.learned += learned as u64;
                    }
                    lengths.left_out.extend(dropped);
                    lengths.tokens += tokens as u64;
                    let count = u32::try_from(tokens).unwrap_or(u32::MAX);
                    lengths.of_samples.push(count);
                    lengths.longest = lengths.longest.max(tokens);
                    if tokens > limit {
                        lengths.too_long.push(Long { id: id(), tokens });
                    }
                }
                Err(detail) => broken.push(Rejected {
                    id: id(),
                    stage: String::new(),
                    reason: UNPREPARED.to_owned(),
                    detail,
                }),
            }
        }
    }
    Ok((lengths, broken))
}

/// The reason of samples that the processor refuses.
const UNPREPARED: &str = "cannot-be-prepared";

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples that no processor takes.
    struct Broken;

    impl SampleSource for Broken {
        fn len(&self) -> usize {
            SHOWN + 1
        }

        fn id(&self, _: usize) -> &'static str {
            "a"
        }

        fn encode(&self, _: usize) -> Result<processor::Encoded, String> {
            Err("no turns".to_owned())
        }
    }

    #[test]
    fn samples_that_cannot_be_prepared_are_counted() {
        let never = std::sync::atomic::AtomicBool::new(false);
        let (_, broken) =
            measure(Stop::when(&never), &Broken, &Config::small(0.1, 1, 1)).expect("not stopped");
        assert_eq!(broken.len(), SHOWN + 1);
        let error = LengthError::Unprepared {
            count: broken.len(),
            samples: SHOWN + 1,
            list: "train/rejected.jsonl".into(),
            groups: Groups::of_rejected(&broken),
        };
        assert_eq!(
            error.to_string(),
            "4 of 4 samples cannot be prepared (`train/rejected.jsonl` names each):\n  4 × cannot-be-prepared, the first \
             3:\n    `a`: no turns\n    `a`: no turns\n    `a`: no turns"
        );
    }

    #[test]
    fn long_samples_are_told_by_their_tokens() {
        let first = vec![("a".to_owned(), 9), ("b".to_owned(), 12)];
        let error = LengthError::TooLong(LongSamples {
            count: 2,
            samples: 5,
            limit: 8,
            path: "train/lengths.json".into(),
            first,
        });
        assert_eq!(
            error.to_string(),
            "2 of 5 samples have more than `max_seq_len` = 8 tokens with their pictures expanded; all of them are in \
             `train/lengths.json`:\n  `a`: 9 tokens\n  `b`: 12 tokens\nraise it, or set `too_long` to `truncate_text` \
             or `drop`"
        );
    }

    fn refused(unusable: usize, read: usize, left_out: usize, samples: usize) -> Option<String> {
        let data = Counts {
            samples,
            read,
            unusable,
        };
        let dropped = |i: usize| Dropped {
            id: format!("s{i}"),
            reason: "too-long".to_owned(),
            detail: "9 tokens, at most 8".to_owned(),
        };
        let left_out: Vec<Dropped> = (0..left_out).map(dropped).collect();
        let refused = refuse_many_lost(0.01, data, &left_out, Path::new("lengths.json"));
        assert!(matches!(refused, Ok(()) | Err(LengthError::Lost { .. })));
        refused.err().map(|e| e.to_string())
    }

    #[test]
    fn what_was_lost_on_the_way_counts_together() {
        assert_eq!(refused(0, 100, 1, 100), None);
        assert_eq!(refused(1, 100, 0, 99), None);
        let said = refused(1, 100, 1, 99).expect("2 of 100");
        assert!(
            said.starts_with("2.0 % of the records are lost")
                && said.contains("1 of 100 that were read")
                && said.contains("1 of 99 samples")
                && said.contains(
                    "(`lengths.json` names each):\n  1 × too-long:\n    `s0`: 9 tokens, at most 8\n"
                ),
            "{said}"
        );
        // With `--limit` few samples stand for all records.
        assert_eq!(refused(10, 10_000, 0, 5), None);
        assert!(refused(10, 10_000, 1, 5).is_some());
    }
}
