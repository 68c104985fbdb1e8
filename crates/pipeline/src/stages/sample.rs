//! Sets of tasks are measured without a judge, and a sample of each is drawn for judges.

use std::path::PathBuf;

use corpus::jsonl;
use corpus::sealed::{read_sealed, write_sealed};
use quality::draw::Drawing;
use quality::{Draw, Measurer, Measures, Sample};
use run::plan::Cost;
use run::recipe::Recipe;
use run::{Node, Place};
use serde::{Deserialize, Serialize};

use super::judged_sets::{JudgedSets, take_in, with_folder};
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::stage::{Link, Site, Stage};

/// Its name.
pub const NAME: &str = "draw-sample";

/// What commands call the stages of judging data, and the folder of all of them.
pub const GROUP: &str = "judging";

/// The file of the [`Sample`].
const SAMPLE: &str = "sample.json";
/// The file of the sets' [`Measures`].
const MEASURES: &str = "measures.jsonl";

/// Draws a sample.
#[derive(Clone, Debug)]
pub struct DrawSample {
    sets: JudgedSets,
    draw: Draw,
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
    /// Of a recipe's sets.
    pub fn of(recipe: &Recipe, sets: JudgedSets) -> Self {
        let judging = &recipe.judging;
        Self {
            sets,
            draw: Draw {
                count: judging.sample,
                each: judging.sample.div_ceil(2),
                ..Draw::new(recipe.seed)
            },
        }
    }

    /// The sample that it drew.
    pub fn sample(site: &Site<'_>, link: &Link<Self>) -> Result<Sample> {
        let path = site.of(link, SAMPLE);
        let mut sample: Sample = read_sealed(&path).ok_or_else(|| Error::NoManifest {
            stage: link.name().to_owned(),
        })?;
        with_folder(&site.folder_of(link), &mut sample.items);
        Ok(sample)
    }

    /// How it measured its sets.
    ///
    /// Gives [`Error::Corpus`].
    pub fn measured(site: &Site<'_>, link: &Link<Self>) -> Result<Vec<Measures>> {
        Ok(jsonl::read(&site.of(link, MEASURES))?)
    }
}

impl Stage for DrawSample {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let inputs = self.sets.inputs();
        let folder = PathBuf::from(GROUP).join(NAME);
        Node::of(NAME, Place::Rank0, &inputs).within(GROUP, folder)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["quality.sample"]);
        self.sets.reads(reader)
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let made = self.sets.made.as_ref();
        let made = made.map_or(0, |made| estimate.records(made.kept.name()));
        Ok(Cost::nothing(made.max(self.draw.count * self.sets.count())))
    }

    fn loads(&self) -> &'static [&'static str] {
        &[]
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let sources = self.sets.sources(site, |name| {
            let text = format!("set `{name}` is empty: it has no task to judge");
            site.report.warn(text);
        })?;
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
        take_in(site, &sources, &mut sample.items)?;
        counts.drawn = sample.items.len() as u64;
        write_sealed(&site.folder.join(SAMPLE), &sample)?;
        jsonl::write(&site.folder.join(MEASURES), &measured)?;
        Ok(counts)
    }
}
