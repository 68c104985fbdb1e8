//! Sets of tasks are measured without a judge, and a sample of each is drawn for judges.

use std::path::{Path, PathBuf};

use corpus::jsonl;
use corpus::sealed::{read_sealed, write_sealed};
use quality::draw::Drawing;
use quality::{Draw, Measurer, Measures, Sample, Source};
use run::plan::Cost;
use run::recipe::{NamedData, Recipe};
use run::{Node, Place};
use serde::{Deserialize, Serialize};

use super::filter::{Filter, KEPT, KEPT_TASKS, VERDICTS};
use super::pairs::{self, PAIRS, Pairs};
use super::synthesize::{Synthesize, TRIPLETS};
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::records::{joined, relative};
use crate::sources::Sources;
use crate::stage::{Link, Site, Stage};

/// Its name.
pub const NAME: &str = "draw-sample";

/// What commands call the stages of judging data, and the folder of all of them.
pub const GROUP: &str = "judging";

/// The set of what a run trains on.
pub const TRAINED: &str = "trained on";
/// The set of what a run's filter judged.
pub const BEFORE: &str = "before the filter";

/// The file of the [`Sample`].
const SAMPLE: &str = "sample.json";
/// The file of the sets' [`Measures`].
const MEASURES: &str = "measures.jsonl";

/// Draws a sample.
#[derive(Clone, Debug)]
pub struct DrawSample {
    /// Sets that lie somewhere.
    data: Vec<NamedData>,
    /// What this run makes.
    made: Option<Made>,
    /// Pairs of triplets outside of a run folder.
    pairs: Option<PathBuf>,
    filter: bool,
    draw: Draw,
    joining: quality::Joining,
}

/// What a run makes.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its pairs.
    pub pairs: Link<Pairs>,
    /// What was synthesized of them.
    pub synthesized: Link<Synthesize>,
    /// What the filter kept of that.
    pub kept: Link<Filter>,
    /// Whether it is of triplets that a judge looked at.
    pub is_judged: bool,
    /// Whether it is of triplets.
    pub is_of_triplets: bool,
}

/// What it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Sets.
    pub sets: u64,
    /// Tasks in them.
    pub tasks: u64,
    /// Tasks that were drawn.
    pub drawn: u64,
    /// Records that cannot be used.
    pub rejected: u64,
}

impl DrawSample {
    /// Of a recipe, with what the run itself makes.
    pub fn of(recipe: &Recipe, sources: &Sources, made: Option<Made>) -> Self {
        let judging = &recipe.judging;
        Self {
            data: judging.data.clone(),
            made,
            pairs: judging.pairs.clone(),
            filter: judging.filter,
            draw: Draw {
                count: judging.sample,
                each: judging.sample.div_ceil(2),
                ..Draw::new(recipe.seed)
            },
            joining: quality::Joining {
                answers: recipe.mix.answers,
                joiner: recipe.mix.joiner,
                seed: recipe.seed,
                prompts: sources.prompts.joiners.clone(),
            },
        }
    }

    /// The sample that it drew.
    pub fn sample(site: &Site<'_>, link: &Link<Self>) -> Result<Sample> {
        let path = site.of(link, SAMPLE);
        let mut sample: Sample = read_sealed(&path).ok_or_else(|| Error::NoManifest {
            stage: link.name().to_owned(),
        })?;
        let folder = site.folder_of(link);
        for image in sample.items.iter_mut().flat_map(|item| &mut item.images) {
            *image = folder.join(&*image);
        }
        Ok(sample)
    }

    /// How it measured its sets.
    ///
    /// Gives [`Error::Corpus`].
    pub fn measured(site: &Site<'_>, link: &Link<Self>) -> Result<Vec<Measures>> {
        Ok(jsonl::read(&site.of(link, MEASURES))?)
    }

    /// The sets that lie somewhere.
    fn lying(&self) -> Result<Vec<Source>> {
        let mut all = Vec::new();
        for set in &self.data {
            let found = quality::sources(&set.name, &set.path)?;
            all.extend(found.into_iter().map(|source| self.finish(source)));
        }
        Ok(all)
    }

    fn finish(&self, mut source: Source) -> Source {
        if source.pairs.is_empty() {
            source.pairs.extend(self.pairs.clone());
        }
        source.is_of_filter =
            self.filter && source.verdicts.is_some() && source.kept.as_ref() != Some(&source.path);
        source
    }

    /// All sets.
    fn sources(&self, site: &Site<'_>) -> Result<Vec<Source>> {
        let mut all = Vec::new();
        if let Some(made) = &self.made {
            let source = |name: &str, path: PathBuf| Source {
                pairs: vec![site.of(&made.pairs, PAIRS)],
                verdicts: made.is_judged.then(|| site.of(&made.kept, VERDICTS)),
                kept: made.is_judged.then(|| site.of(&made.kept, KEPT)),
                joining: self.joining.clone(),
                ..Source::new(name, path)
            };
            let filled = |source: Source| -> Result<Option<Source>> {
                let found = std::fs::metadata(&source.path);
                let is_filled = found.map_err(Error::io("read", &source.path))?.len() > 0;
                if !is_filled {
                    site.report.warn(format!(
                        "set `{}` is empty: it has no task to judge",
                        source.name
                    ));
                }
                Ok(is_filled.then_some(source))
            };
            if made.is_judged {
                let before = source(BEFORE, site.of(&made.synthesized, TRIPLETS));
                all.extend(filled(self.finish(before))?);
            }
            let kept = if made.is_of_triplets {
                KEPT
            } else {
                KEPT_TASKS
            };
            let trained = source(TRAINED, site.of(&made.kept, kept));
            all.extend(filled(trained)?);
        }
        let mut lying = self.lying()?;
        for source in &mut lying {
            source.unpack = Some(site.pictures.folder().to_owned());
        }
        all.extend(lying);
        Ok(all)
    }

    /// Refuses to measure a filter where no set has one.
    fn check_filter(&self, lying: &[Source]) -> Result<()> {
        let is_own = self.made.as_ref().is_some_and(|made| made.is_judged);
        if !self.filter || is_own || lying.iter().any(|set| set.is_of_filter) {
            return Ok(());
        }
        let own = self.made.as_ref().map(|_| TRAINED);
        let set = own.or(lying.first().map(|set| set.name.as_str()));
        Err(quality::sets::Error::NotJudged {
            set: set.unwrap_or_default().to_owned(),
        }
        .into())
    }
}

impl Stage for DrawSample {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let inputs: Vec<(&str, &str)> = match &self.made {
            Some(made) => vec![
                (pairs::NAME, made.pairs.name()),
                ("synthesized", made.synthesized.name()),
                ("kept", made.kept.name()),
            ],
            None => Vec::new(),
        };
        let folder = PathBuf::from(GROUP).join(NAME);
        Node::of(NAME, Place::Rank0, &inputs).within(GROUP, folder)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["quality.sample", "quality.filter", "run.seed"]);
        if self.made.is_some() {
            reader.keys(&["mix.answers", "mix.joiner"]);
        }
        let mut names = Vec::new();
        let lying = self.lying()?;
        self.check_filter(&lying)?;
        if self.made.is_none() {
            quality::sets::check_names(&lying)?;
        }
        for source in lying {
            let beside = source
                .pairs
                .iter()
                .chain(&source.verdicts)
                .chain(&source.kept);
            for (at, path) in std::iter::once(&source.path).chain(beside).enumerate() {
                reader.data(&format!("set {} {at}", source.name), path)?;
            }
            names.push(source.name);
        }
        reader.setting("sets", names);
        Ok(())
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let made = self.made.as_ref();
        let made = made.map_or(0, |made| estimate.records(made.kept.name()));
        let sets = self.data.len() + usize::from(self.made.is_some());
        Ok(Cost::nothing(made.max(self.draw.count * sets)))
    }

    fn loads(&self) -> &'static [&'static str] {
        &[]
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let sources = self.sources(site)?;
        if sources.is_empty() {
            let nothing = quality::draw::sample(self.draw.seed, Vec::new(), Vec::new());
            write_sealed(&site.folder.join(SAMPLE), &nothing)?;
            jsonl::write(&site.folder.join(MEASURES), Vec::<Measures>::new().iter())?;
            return Ok(Counts::default());
        }
        quality::sets::check_names(&sources)?;
        let mut counts = Counts::default();
        let (mut measured, mut sets, mut items) = (Vec::new(), Vec::new(), Vec::new());
        for source in &sources {
            site.stop.check()?;
            let mut drawing = Drawing::new(source, &self.draw);
            let mut counting = Measurer::new(&source.name, self.draw.seed);
            let read = quality::read(source, |item| {
                counting.add(&item);
                drawing.add(&item);
            })?;
            measured.push(counting.finish());
            let (set, of_set) = drawing.finish()?;
            if let Some(short) = set.short(&self.draw) {
                site.report.warn(short);
            }
            sets.push(set);
            items.extend(of_set);
            counts.sets += 1;
            counts.tasks += read.items as u64;
            let rejected = read.rejected.num_items();
            counts.rejected += rejected as u64;
            for note in &read.notes {
                site.report.note(format!("set `{}`: {note}", source.name));
            }
            if rejected > 0 {
                site.report.warn(format!(
                    "set `{}`: {} of {} records cannot be used: {}",
                    source.name,
                    rejected,
                    rejected + read.items,
                    read.rejected.indented("  ").trim_start()
                ));
            }
        }
        let mut sample = quality::draw::sample(self.draw.seed, sets, items);
        for source in &sources {
            quality::write_pictures(source, &sample.items)?;
        }
        let mut digests = site.digests.borrow_mut();
        site.pictures.take_in(&mut sample.items, &mut digests)?;
        drop(digests);
        for image in sample.items.iter_mut().flat_map(|item| &mut item.images) {
            *image = joined(Path::new("/"), image);
            if image.starts_with(site.run) {
                *image = relative(image, site.folder)?;
            }
        }
        counts.drawn = sample.items.len() as u64;
        write_sealed(&site.folder.join(SAMPLE), &sample)?;
        jsonl::write(&site.folder.join(MEASURES), &measured)?;
        Ok(counts)
    }
}
