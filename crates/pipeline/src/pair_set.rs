//! The usable pairs of a run's files and the sides of their split. Of a pair some bytes are kept; the pairs themselves are read
//! from their files when they are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use corpus::duplicates::Duplicates;
use corpus::fingerprint::Sketch;
use corpus::looks::{self, Looks};
use corpus::sealed::{read_sealed, write_sealed};
use corpus::splits::Groups;
use corpus::{Pair, Rejected};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bad_records::{broken, problem_of};
use crate::error::Result;
use crate::pair_files::PairFiles;

/// What was seen is noted in here, beside the stages: a dry run looks at the pairs too.
pub const CHECKED: &str = "checked.json";

/// Pairs whose pictures are looked at together.
const PART: usize = 1024;

/// How pairs are split.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    /// The share that is held out.
    pub held_out: f64,
    /// Its seed.
    pub seed: u64,
    /// Of how many usable pairs; of all if none.
    pub limit: Option<usize>,
}

/// Which side a pair is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It is trained on.
    Training,
    /// It is kept for evaluation.
    HeldOut,
}

/// The pairs that can be used, and what is known of the others.
#[derive(Clone, Debug)]
pub struct PairSet<'a> {
    files: &'a PairFiles,
    /// Problem of a picture by the pair's id.
    broken: BTreeMap<String, String>,
    /// Records that cannot be used, with their reasons.
    pub rejected: Vec<Rejected>,
    /// Pairs that show the same picture, by their rows: places from 0 among the records whose pictures are there.
    pub duplicates: Vec<Vec<usize>>,
    /// Pairs that can be used, those beyond the limit too.
    pub usable: usize,
    /// Whether each of them up to the limit is held out.
    is_held_out: Vec<bool>,
    /// What is to be said of the files.
    pub notes: Vec<String>,
}

/// What was seen in the pairs' pictures, noted down so that they are decoded once and not by every start of a run.
#[derive(Debug, Serialize, Deserialize)]
struct Checked {
    /// Digests of the pairs and their pictures.
    inputs: BTreeMap<String, String>,
    /// Problem by id.
    broken: BTreeMap<String, String>,
    /// All records that cannot be used, for who looks at a run that was refused before its first stage.
    rejected: Vec<Rejected>,
    /// Rows of pairs that show the same picture: the same file, or one resized or compressed again.
    same_picture: Vec<Vec<usize>>,
}

impl<'a> PairSet<'a> {
    /// Looks at all pairs, and at their pictures unless that is noted in the run folder of these very pairs, which `inputs`
    /// identify.
    ///
    /// Gives [`Error::NoPairs`](crate::Error::NoPairs), [`Error::Record`](crate::Error::Record) and
    /// [`Error::Corpus`](crate::Error::Corpus).
    pub fn look(
        files: &'a PairFiles,
        split: Split,
        inputs: &BTreeMap<String, String>,
        run: &Path,
    ) -> Result<Self> {
        let place = run.join(CHECKED);
        let known = read_sealed(&place).filter(|known: &Checked| known.inputs == *inputs);
        let mut pictures = match known {
            Some(known) => Pictures::Known(known),
            None => Pictures::New(Box::new(Seen {
                looks: Looks::open(&run.join(looks::FILE)),
                found: Duplicates::default(),
                broken: BTreeMap::new(),
            })),
        };
        let mut rows = files.rows(true)?;
        let (mut rejected, mut unsound) = (Vec::new(), Vec::new());
        let (mut groups, mut usable) = (Groups::default(), 0);
        let (mut part, mut row) = (Vec::with_capacity(PART), 0);
        loop {
            let next = rows.next().transpose()?;
            let is_last = next.is_none();
            match next {
                Some(Ok(pair)) => part.push(pair),
                Some(Err(bad)) => rejected.push(bad),
                None => {}
            }
            if part.len() < PART && !is_last {
                continue;
            }
            pictures.add(row, &part)?;
            row += part.len();
            for pair in part.drain(..) {
                if let Some(detail) = pictures.broken().get(&pair.id) {
                    unsound.push(broken(&pair.id, detail.clone()));
                    continue;
                }
                if split.limit.is_none_or(|limit| usable < limit) {
                    groups.add(pair.group.as_ref().unwrap_or(&pair.id));
                }
                usable += 1;
            }
            if is_last {
                break;
            }
        }
        rejected.append(&mut unsound);
        let notes = rows.notes();
        let (broken, duplicates) = match pictures {
            Pictures::Known(known) => (known.broken, known.same_picture),
            Pictures::New(seen) => {
                let checked = Checked {
                    inputs: inputs.clone(),
                    broken: seen.broken,
                    rejected: rejected.clone(),
                    same_picture: seen.found.groups(),
                };
                write_sealed(&place, &checked)?;
                (checked.broken, checked.same_picture)
            }
        };
        Ok(Self {
            files,
            broken,
            rejected,
            duplicates,
            usable,
            is_held_out: groups.held_out(split.held_out, split.seed),
            notes,
        })
    }

    /// Pairs that are trained on.
    pub fn num_training(&self) -> usize {
        self.is_held_out.len() - self.num_held_out()
    }

    /// Pairs that are kept for evaluation.
    pub fn num_held_out(&self) -> usize {
        self.is_held_out.iter().filter(|&&held| held).count()
    }

    /// Reads the pairs of both sides, in the order of their files, with the row of each.
    ///
    /// Gives what `each` gives, and what reading the files gives.
    pub fn each(&self, mut each: impl FnMut(usize, Side, Pair) -> Result<()>) -> Result<()> {
        let mut sides = self.is_held_out.iter();
        let sound = |(_, pair): &(usize, Pair)| !self.broken.contains_key(&pair.id);
        let mut rows = self.rows()?.enumerate();
        let mut next = || -> Result<Option<(usize, Pair)>> {
            for (row, pair) in rows.by_ref() {
                let found = (row, pair?);
                if sound(&found) {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        };
        while let Some(&is_held_out) = sides.next()
            && let Some((row, pair)) = next()?
        {
            let side = if is_held_out {
                Side::HeldOut
            } else {
                Side::Training
            };
            each(row, side, pair)?;
        }
        Ok(())
    }

    /// The pairs that can be read, sound pictures or not.
    fn rows(&self) -> Result<impl Iterator<Item = Result<Pair>>> {
        let rows = self.files.rows(true)?;
        Ok(rows.filter_map(|row| row.map(std::result::Result::ok).transpose()))
    }

    /// Some of the usable pairs, by their places from 0, in the order of their files.
    ///
    /// Gives what reading the files gives.
    pub fn some(&self, places: &BTreeSet<usize>) -> Result<Vec<Pair>> {
        let mut usable = self.rows()?.filter(|pair| {
            let is_broken = pair
                .as_ref()
                .is_ok_and(|pair| self.broken.contains_key(&pair.id));
            !is_broken
        });
        let (mut out, mut at) = (Vec::with_capacity(places.len()), 0);
        for &place in places {
            let Some(pair) = usable.nth(place - at) else {
                break;
            };
            out.push(pair?);
            at = place + 1;
        }
        Ok(out)
    }

    /// Some of the pairs that are trained on, by their places from 0 among these.
    ///
    /// Gives what reading the files gives.
    pub fn some_of_training(&self, places: &[usize]) -> Result<Vec<Pair>> {
        let held = self.is_held_out.iter().enumerate();
        let training: Vec<usize> = held
            .filter(|(_, held)| !**held)
            .map(|(place, _)| place)
            .collect();
        let wanted = places.iter().filter_map(|&place| training.get(place));
        let wanted: Vec<usize> = wanted.copied().collect();
        let sorted: BTreeSet<usize> = wanted.iter().copied().collect();
        let read = self.some(&sorted)?;
        let by_place: BTreeMap<usize, &Pair> = sorted.iter().copied().zip(&read).collect();
        let found = wanted.iter().filter_map(|place| by_place.get(place));
        Ok(found.map(|pair| (*pair).clone()).collect())
    }
}

/// What the pictures show: from an earlier look, or seen now.
enum Pictures {
    Known(Checked),
    New(Box<Seen>),
}

struct Seen {
    looks: Looks,
    found: Duplicates,
    broken: BTreeMap<String, String>,
}

impl Pictures {
    fn broken(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Known(known) => &known.broken,
            Self::New(seen) => &seen.broken,
        }
    }

    /// Looks at the pictures of pairs, the first of which has this row, on all cores.
    fn add(&mut self, first: usize, pairs: &[Pair]) -> Result<()> {
        let Self::New(seen) = self else {
            return Ok(());
        };
        let look = |pair: &Pair| -> Result<Result<Vec<(u128, Sketch)>, String>> {
            let looks = pair.images.iter().map(|path| {
                let look = seen.looks.of_file(path)?;
                Ok((look.name, Sketch::from(&*look.fingerprint)))
            });
            problem_of(&pair.id, looks.collect())
        };
        let looks = pairs.par_iter().map(look);
        let looks: Vec<_> = looks.collect::<Result<_>>()?;
        for (row, (pair, looks)) in pairs.iter().zip(looks).enumerate() {
            match looks {
                Ok(looks) => {
                    for (name, sketch) in looks {
                        seen.found.add_content(name, || sketch);
                        seen.found.add_row(first + row, name);
                    }
                }
                Err(problem) => {
                    seen.broken.insert(pair.id.clone(), problem);
                }
            }
        }
        Ok(())
    }
}
