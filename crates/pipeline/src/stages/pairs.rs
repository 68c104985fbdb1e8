//! The domain's image-caption pairs: read, decoded once, split by group, pictures by content.

use std::path::Path;

use corpus::names::Texts;
use corpus::{Pair, formats, jsonl};
use run::events::Reporter;
use run::plan::Cost;
use run::recipe::Recipe;
use run::{Node, Place, Reads};
use serde::{Deserialize, Serialize};

use crate::bad_records::refuse_many;
use crate::error::{Imbalance, Result};
use crate::estimate::Estimate;
use crate::pair_files::PairFiles;
use crate::pair_set::{CHECKED, PairSet, Side, Split};
use crate::pictures::{Laid, PictureStore};
use crate::reader::Reader;
use crate::records::{Writer, write_rejected};
use crate::stage::{Site, Stage};

/// Its name.
pub const NAME: &str = "pairs";

/// The file of the pairs that are trained on.
pub const PAIRS: &str = "pairs.jsonl";
/// The file of the pairs that are kept for evaluation.
pub const HELD_OUT: &str = "held_out.jsonl";

const ROLE: &str = "the pairs";

/// Reads the pairs.
#[derive(Clone, Debug)]
pub struct Pairs {
    files: PairFiles,
    max_bad: f64,
    held_out: f64,
    seed: u64,
    /// Whether the seed is the split's own, whatever that of the run.
    is_split_fixed: bool,
    limit: Option<usize>,
}

/// What it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records of the file.
    pub read: u64,
    /// Of these, how many cannot be used.
    pub unusable: u64,
    /// Pairs on both sides of the split.
    pub pairs: u64,
    /// Of these, how many are kept for evaluation.
    #[serde(rename = "held out")]
    pub held_out: u64,
}

impl Pairs {
    /// Of a recipe.
    pub fn of(recipe: &Recipe, store: &PictureStore, limit: Option<usize>) -> Self {
        Self {
            files: PairFiles {
                paths: recipe.pairs.clone(),
                reading: formats::Options {
                    images: recipe.images.clone(),
                    columns: recipe.columns.clone(),
                    unpack: Some(store.folder().to_owned()),
                    in_place: true,
                    ..formats::Options::default()
                },
            },
            max_bad: recipe.max_bad,
            held_out: recipe.held_out,
            seed: recipe.split_seed.unwrap_or(recipe.seed),
            is_split_fixed: recipe.split_seed.is_some(),
            limit,
        }
    }

    /// The pairs that can be used with the sides of their split; an error if the others are more than the recipe allows.
    /// `reads` is what identifies them, `run` the run folder; `stage` is the stage's folder, which gets the list of the
    /// others, if the stage is begun.
    ///
    /// Gives [`Error::TooManyBad`](crate::Error::TooManyBad), [`Error::NoneUsable`](crate::Error::NoneUsable) and what
    /// looking at the files gives.
    pub fn usable(
        &self,
        report: Reporter<'_>,
        reads: &Reads,
        run: &Path,
        stage: Option<&Path>,
    ) -> Result<PairSet<'_>> {
        let split = Split {
            held_out: self.held_out,
            seed: self.seed,
            limit: self.limit,
        };
        let set = PairSet::look(&self.files, split, &reads.contents, run)?;
        for note in &set.notes {
            report.note(note);
        }
        let list = match stage {
            Some(folder) => write_rejected(folder, NAME, &set.rejected)?,
            None => run.join(CHECKED),
        };
        let name = self.files.name();
        let rejected = &set.rejected;
        refuse_many(report, self.max_bad, &name, set.usable, rejected, &list)?;
        Ok(set)
    }

    /// What identifies the pairs alone.
    ///
    /// Gives [`Error::NoPairs`](crate::Error::NoPairs) and what [`Reader::records`] gives.
    pub fn contents(&self, mut reader: Reader<'_>) -> Result<Reads> {
        reader.records(ROLE, self.files.rows(false)?)?;
        Ok(reader.done().0)
    }
}

impl Stage for Pairs {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        Node::of(NAME, Place::Rank0, &[])
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        let seed = if self.is_split_fixed {
            "data.split_seed"
        } else {
            "run.seed"
        };
        reader.keys(&[seed, "data.held_out"]);
        reader.setting("--limit", self.limit);
        reader.records(ROLE, self.files.rows(false)?)
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        Ok(Estimate::records_of(estimate.training)
            .with("pairs", estimate.training + estimate.held_out)
            .with("held out", estimate.held_out))
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let reads = {
            let mut digests = site.digests.borrow_mut();
            self.contents(Reader::of_contents(site.pictures, &mut digests))?
        };
        let set = self.usable(site.report, &reads, site.run, Some(site.folder))?;
        let mut told = Repeated::new(&set.duplicates);
        let mut sides = Sides::begin(site)?;
        set.each(|row, side, pair| {
            told.add(row, side, &pair.id);
            sides.add(side, pair)
        })?;
        let [pairs, held_out] = sides.end()?;
        told.tell(site, &set.duplicates)?;
        let (good, unusable) = (set.usable, set.rejected.len());
        let few = good.min(self.limit.unwrap_or(usize::MAX));
        if pairs + held_out != few {
            let found = Imbalance::Split {
                pairs: few,
                training: pairs,
                held_out,
            };
            return Err(found.into());
        }
        Ok(Counts {
            read: (good + unusable) as u64,
            unusable: unusable as u64,
            pairs: few as u64,
            held_out: held_out as u64,
        })
    }
}

/// Pairs whose pictures are taken in together.
const PART: usize = 1024;

/// Writes the files of both sides as pairs come.
struct Sides<'a> {
    site: &'a Site<'a>,
    files: [Writer; 2],
    counts: [usize; 2],
    part: Vec<Pair>,
    /// Of each of these, which file it goes to.
    of_part: Vec<usize>,
    laid: Laid,
}

impl<'a> Sides<'a> {
    fn begin(site: &'a Site<'_>) -> Result<Self> {
        Ok(Self {
            site,
            files: [
                Writer::create(&site.folder.join(PAIRS))?,
                Writer::create(&site.folder.join(HELD_OUT))?,
            ],
            counts: [0; 2],
            part: Vec::new(),
            of_part: Vec::new(),
            laid: Laid::default(),
        })
    }

    fn add(&mut self, side: Side, pair: Pair) -> Result<()> {
        self.part.push(pair);
        self.of_part.push(usize::from(side == Side::HeldOut));
        if self.part.len() < PART {
            return Ok(());
        }
        self.site.stop.check()?;
        self.write()
    }

    /// Writes what came, with the run's names for the pictures.
    fn write(&mut self) -> Result<()> {
        let mut digests = self.site.digests.borrow_mut();
        let store = self.site.pictures;
        store.take_in_part(&mut self.part, &mut digests, &mut self.laid)?;
        for (pair, file) in self.part.drain(..).zip(self.of_part.drain(..)) {
            self.files[file].write(pair)?;
            self.counts[file] += 1;
        }
        Ok(())
    }

    /// Puts both files in their places and gives how many pairs each has.
    fn end(mut self) -> Result<[usize; 2]> {
        self.write()?;
        for file in self.files {
            file.commit()?;
        }
        Ok(self.counts)
    }
}

/// The pairs that show the picture of another one.
struct Repeated {
    /// Their rows, in order.
    rows: Vec<usize>,
    /// The ids of those that are on a side; a limit may have cut the last ones off.
    ids: Texts,
    sides: Vec<Side>,
}

impl Repeated {
    fn new(groups: &[Vec<usize>]) -> Self {
        let mut rows: Vec<usize> = groups.iter().flatten().copied().collect();
        rows.sort_unstable();
        rows.dedup();
        Self {
            rows,
            ids: Texts::default(),
            sides: Vec::new(),
        }
    }

    /// The next pair; rows come in order, but for those of pairs that cannot be used, which show nothing.
    fn add(&mut self, row: usize, side: Side, id: &str) {
        if self.rows.get(self.sides.len()) == Some(&row) {
            self.ids.push(id);
            self.sides.push(side);
        }
    }

    /// Says which pairs show the same picture, and which of them lie on both sides of the split.
    fn tell(&self, site: &Site<'_>, groups: &[Vec<usize>]) -> Result<()> {
        let path = site.folder.join("duplicates.jsonl");
        let mut file = None;
        let (mut count, mut leaks) = (0, 0);
        for group in groups {
            let places = group
                .iter()
                .filter_map(|row| self.rows.binary_search(row).ok());
            let places: Vec<usize> = places.filter(|place| *place < self.sides.len()).collect();
            if places.len() < 2 {
                continue;
            }
            let of = |side: Side| places.iter().filter(move |&&at| self.sides[at] == side);
            let is_trained = of(Side::Training).next().is_some();
            let leaked = of(Side::HeldOut).filter(|_| is_trained);
            let leaked: Vec<&str> = leaked.map(|&at| self.ids.get(at)).collect();
            let ids: Vec<&str> = places.iter().map(|&at| self.ids.get(at)).collect();
            count += 1;
            leaks += leaked.len();
            let file = match &mut file {
                Some(file) => file,
                none => none.insert(jsonl::Writer::create(&path)?),
            };
            file.write(&SamePicture {
                ids,
                held_out_of_trained: leaked,
            })?;
        }
        let Some(file) = file else {
            return Ok(());
        };
        file.commit()?;
        site.report.note(format!(
            "{count} groups of pairs show the same picture; {leaks} held-out pairs have theirs among the trained ones{} \
             (`duplicates.jsonl`)",
            if leaks > 0 { ", give such pairs a common `group`" } else { "" }
        ));
        Ok(())
    }
}

/// A line of `duplicates.jsonl`.
#[derive(Serialize)]
struct SamePicture<'a> {
    ids: Vec<&'a str>,
    held_out_of_trained: Vec<&'a str>,
}
