//! The domain's image-caption pairs: read, decoded once, split by group, pictures by content.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use corpus::duplicates::Duplicates;
use corpus::fingerprint::Sketch;
use corpus::formats::{self, Loaded};
use corpus::looks::{self, Looks};
use corpus::sealed::{read_sealed, write_sealed};
use corpus::{Pair, Rejected, jsonl};
use rayon::prelude::*;
use run::events::Reporter;
use run::plan::Cost;
use run::recipe::Recipe;
use run::{Node, Place, Reads};
use serde::{Deserialize, Serialize};

use crate::bad_records::{about_pictures, broken, problem_of, refuse_many};
use crate::error::{Error, Imbalance, Result};
use crate::estimate::Estimate;
use crate::pair_files::merged;
use crate::pictures::PictureStore;
use crate::reader::Reader;
use crate::records::{write, write_rejected};
use crate::stage::{Site, Stage};

/// Its name.
pub const NAME: &str = "pairs";

/// The file of the pairs that are trained on.
pub const PAIRS: &str = "pairs.jsonl";
/// The file of the pairs that are kept for evaluation.
pub const HELD_OUT: &str = "held_out.jsonl";

/// What [`Checked`] is noted in, beside the stages: a dry run looks at the pairs too.
const CHECKED: &str = "checked.json";
const ROLE: &str = "the pairs";

/// Reads the pairs.
#[derive(Clone, Debug)]
pub struct Pairs {
    paths: Vec<PathBuf>,
    reading: formats::Options,
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

/// Pairs that can be used, and what is known of the others.
#[derive(Clone, Debug)]
pub struct Usable {
    /// The pairs, pictures where they lie.
    pub pairs: Vec<Pair>,
    /// The other records with their reasons.
    pub rejected: Vec<Rejected>,
    /// Groups of pairs, by id, that show the same picture.
    pub duplicates: Vec<Vec<String>>,
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
    /// Ids of pairs that show the same picture: the same file, or one resized or compressed again.
    duplicates: Vec<Vec<String>>,
}

impl Pairs {
    /// Of a recipe.
    pub fn of(recipe: &Recipe, store: &PictureStore, limit: Option<usize>) -> Self {
        Self {
            paths: recipe.pairs.clone(),
            reading: formats::Options {
                images: recipe.images.clone(),
                columns: recipe.columns.clone(),
                unpack: Some(store.folder().to_owned()),
                ..formats::Options::default()
            },
            max_bad: recipe.max_bad,
            held_out: recipe.held_out,
            seed: recipe.split_seed.unwrap_or(recipe.seed),
            is_split_fixed: recipe.split_seed.is_some(),
            limit,
        }
    }

    /// The records of all files, and what is to be said of their pictures and ids.
    fn load(&self, check_images: bool) -> Result<(Loaded<Pair>, Vec<String>)> {
        let options = formats::Options {
            check_images,
            ..self.reading.clone()
        };
        let (mut parts, mut notes) = (Vec::new(), Vec::new());
        for path in &self.paths {
            let loaded = formats::read_pairs(path, &options)?;
            notes.extend(about_pictures(path, &loaded));
            parts.push((path.clone(), loaded));
        }
        let (whole, renamed) = merged(parts).ok_or(Error::NoPairs)?;
        notes.extend(renamed);
        Ok((whole, notes))
    }

    /// The pairs that can be used, at most as many as asked for; an error if the others are more than the recipe allows.
    /// `reads` is what identifies them, `run` the run folder; `stage` is the stage's folder, which gets the list of the
    /// others, if the stage is begun.
    ///
    /// Gives [`Error::NoPairs`], [`Error::TooManyBad`], [`Error::NoneUsable`], [`Error::Record`] and [`Error::Corpus`].
    pub fn usable(
        &self,
        report: Reporter<'_>,
        reads: &Reads,
        run: &Path,
        stage: Option<&Path>,
    ) -> Result<Usable> {
        let (mut loaded, notes) = self.load(true)?;
        for note in notes {
            report.note(note);
        }
        let checked = checked(&loaded, reads.contents.clone(), run)?;
        let rows = std::mem::take(&mut loaded.rows);
        for pair in rows {
            match checked.broken.get(&pair.id) {
                None => loaded.rows.push(pair),
                Some(detail) => loaded.rejected.push(broken(&pair.id, detail.clone())),
            }
        }
        let list = match stage {
            Some(folder) => write_rejected(folder, NAME, &loaded.rejected)?,
            None => run.join(CHECKED),
        };
        refuse_many(
            report,
            self.max_bad,
            &self.name(),
            loaded.rows.len(),
            &loaded.rejected,
            &list,
        )?;
        Ok(Usable {
            pairs: loaded.rows,
            rejected: loaded.rejected,
            duplicates: checked.duplicates,
        })
    }

    /// What the files are called in messages.
    fn name(&self) -> PathBuf {
        let names = self.paths.iter().map(|path| path.display().to_string());
        names.collect::<Vec<_>>().join("`, `").into()
    }

    /// The sides of the split: what is trained on, and what is kept for evaluation.
    pub fn split(&self, pairs: &[Pair]) -> (Vec<Pair>, Vec<Pair>) {
        let few = &pairs[..pairs.len().min(self.limit.unwrap_or(usize::MAX))];
        corpus::splits::split(few, self.held_out, self.seed)
    }

    /// What identifies the pairs alone.
    ///
    /// Gives [`Error::NoPairs`], [`Error::Pictures`], [`Error::Corpus`] and [`Error::Io`].
    pub fn contents(&self, mut reader: Reader<'_>) -> Result<Reads> {
        reader.records(ROLE, &self.load(false)?.0)?;
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
        reader.records(ROLE, &self.load(false)?.0)
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
        let usable = self.usable(site.report, &reads, site.run, Some(site.folder))?;
        let (good, unusable) = (usable.pairs.len(), usable.rejected.len());
        let (mut pairs, mut held_out) = self.split(&usable.pairs);
        tell_duplicates(site, usable.duplicates, &pairs, &held_out)?;
        {
            let mut digests = site.digests.borrow_mut();
            site.pictures.take_in(&mut pairs, &mut digests)?;
            site.pictures.take_in(&mut held_out, &mut digests)?;
        }
        write(&site.folder.join(PAIRS), &pairs)?;
        write(&site.folder.join(HELD_OUT), &held_out)?;
        let few = good.min(self.limit.unwrap_or(usize::MAX));
        if pairs.len() + held_out.len() != few {
            let found = Imbalance::Split {
                pairs: few,
                training: pairs.len(),
                held_out: held_out.len(),
            };
            return Err(found.into());
        }
        Ok(Counts {
            read: (good + unusable) as u64,
            unusable: unusable as u64,
            pairs: few as u64,
            held_out: held_out.len() as u64,
        })
    }
}

/// Decodes the pairs' pictures and looks for the same ones, unless that is noted in the run folder of these very pairs. What
/// they look like is kept there.
fn checked(loaded: &Loaded<Pair>, inputs: BTreeMap<String, String>, run: &Path) -> Result<Checked> {
    let place = &run.join(CHECKED);
    let known = read_sealed(place).filter(|known: &Checked| known.inputs == inputs);
    if let Some(known) = known {
        return Ok(known);
    }
    let known = Looks::open(&run.join(looks::FILE));
    let look = |pair: &Pair| -> Result<Result<Vec<(u128, Sketch)>, String>> {
        let looks = pair.images.iter().map(|path| {
            let look = known.of_file(path)?;
            Ok((look.name, Sketch::from(&*look.fingerprint)))
        });
        problem_of(&pair.id, looks.collect())
    };
    let looks = loaded.rows.par_iter().map(look);
    let looks: Vec<_> = looks.collect::<Result<_>>()?;
    let mut found = Duplicates::default();
    let mut broken = BTreeMap::new();
    for (row, (pair, looks)) in loaded.rows.iter().zip(looks).enumerate() {
        match looks {
            Ok(looks) => {
                for (name, sketch) in looks {
                    found.add_content(name, || sketch);
                    found.add_row(row, name);
                }
            }
            Err(problem) => {
                broken.insert(pair.id.clone(), problem);
            }
        }
    }
    let mut rejected = loaded.rejected.clone();
    for pair in &loaded.rows {
        if let Some(problem) = broken.get(&pair.id) {
            rejected.push(self::broken(&pair.id, problem.clone()));
        }
    }
    let ids = |group: Vec<usize>| {
        group
            .iter()
            .map(|&row| loaded.rows[row].id.clone())
            .collect()
    };
    let checked = Checked {
        inputs,
        broken,
        rejected,
        duplicates: found.groups().into_iter().map(ids).collect(),
    };
    write_sealed(place, &checked)?;
    Ok(checked)
}

/// Says which pairs show the same picture, and which of them lie on both sides of the split.
fn tell_duplicates(
    site: &Site<'_>,
    duplicates: Vec<Vec<String>>,
    pairs: &[Pair],
    held_out: &[Pair],
) -> Result<()> {
    let ids = |rows: &[Pair]| -> BTreeSet<String> { rows.iter().map(|p| p.id.clone()).collect() };
    let (trained, held) = (ids(pairs), ids(held_out));
    let mut groups = Vec::new();
    let mut leaks = 0;
    for mut ids in duplicates {
        // A limit may have cut some off.
        ids.retain(|id| trained.contains(id) || held.contains(id));
        if ids.len() < 2 {
            continue;
        }
        let is_trained = ids.iter().any(|id| trained.contains(id));
        let leaked: Vec<&String> = ids
            .iter()
            .filter(|id| is_trained && held.contains(*id))
            .collect();
        leaks += leaked.len();
        groups.push(serde_json::json!({"ids": ids, "held_out_of_trained": leaked}));
    }
    if groups.is_empty() {
        return Ok(());
    }
    jsonl::write(&site.folder.join("duplicates.jsonl"), &groups)?;
    site.report.note(format!(
        "{} groups of pairs show the same picture; {leaks} held-out pairs have theirs among the trained ones{} \
         (`duplicates.jsonl`)",
        groups.len(),
        if leaks > 0 { ", give such pairs a common `group`" } else { "" }
    ));
    Ok(())
}
