//! A model judges the sample by the rubrics, twice.

use std::path::PathBuf;

use corpus::jsonl;
use corpus::sealed::{read_sealed, write_sealed};
use endpoint::Need;
use quality::assessment::RaterRatings;
use quality::judge::{self, JudgeOptions};
use quality::{Aspect, Ground, Rater, Scale};
use run::plan::Cost;
use run::recipe::{EndpointPlace, Recipe};
use run::{Node, Place};
use serde::{Deserialize, Serialize};
use synthesis::Prompts;

use super::sample::{self, DrawSample};
use crate::answering::{Answerer, Local, There};
use crate::endpoints::{AskedPlace, AskedThere};
use crate::error::{Error, Result};
use crate::estimate::{Asked, Estimate};
use crate::reader::Reader;
use crate::records::write;
use crate::runner::Progress;
use crate::sources::folder_of;
use crate::stage::{Link, Site, Stage};

/// Its name.
pub const NAME: &str = "judge-data";

/// Its section of the recipe.
const SECTION: &str = "quality";

/// The recipe key of its model.
const MODEL: &str = "quality.checkpoint";

/// The file of what was asked.
const QUESTIONS: &str = "questions.jsonl";
/// The file of what the judge wrote.
const COMPLETIONS: &str = "completions.jsonl";
/// The file of what was read of it.
const SAID: &str = "ratings.json";

/// Tokens that an answer is taken to have, for a plan.
const ANSWER_TOKENS: f64 = 8.0;

/// The most tokens of an answer, for a plan.
const MOST_TOKENS: usize = 64;

/// Words of rubric and tasks of a request, for a plan.
const REQUEST_TOKENS: f64 = 400.0;

/// Asks a judge.
#[derive(Clone, Debug)]
pub struct Judge {
    sample: Link<DrawSample>,
    model: Model,
    options: JudgeOptions,
    /// Most items of a set.
    count: usize,
    /// Sets that are named, or the run's own; a run folder may be two.
    sets: usize,
    prompts: Prompts,
    prompts_file: Option<PathBuf>,
    seed: u64,
}

/// The model that judges.
#[derive(Clone, Debug)]
enum Model {
    /// A folder.
    Local(PathBuf),
    /// At an endpoint.
    There(EndpointPlace),
}

/// What it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests.
    pub asked: u64,
    /// Ratings that could be read.
    pub rated: u64,
    /// Ratings that could not.
    pub unread: u64,
    /// What a judge at an endpoint was asked.
    #[serde(flatten)]
    pub endpoint: Option<AskedThere>,
}

impl Judge {
    /// Of a recipe, in the run folder `run`; none where it names no judge.
    ///
    /// Gives [`Error::Io`] and [`Error::Prompts`] for the file of prompts.
    pub fn of(
        recipe: &Recipe,
        run: &std::path::Path,
        sample: Link<DrawSample>,
    ) -> Result<Option<Self>> {
        let judging = &recipe.judging;
        let model = match (&judging.checkpoint, &judging.endpoint) {
            (Some(checkpoint), _) => Model::Local(folder_of(checkpoint, run)),
            (None, Some(place)) => Model::There(place.clone()),
            (None, None) => return Ok(None),
        };
        Ok(Some(Self {
            sample,
            model,
            options: JudgeOptions {
                alone: judging.alone,
                ..JudgeOptions::default()
            },
            count: judging.sample,
            sets: judging.data.len().max(1),
            prompts: prompts(recipe)?,
            prompts_file: judging.prompts.clone(),
            seed: recipe.seed,
        }))
    }

    /// What the judge said.
    pub fn said(site: &Site<'_>, link: &Link<Self>) -> Result<RaterRatings> {
        read_sealed(&site.of(link, SAID)).ok_or_else(|| Error::NoManifest {
            stage: link.name().to_owned(),
        })
    }

    /// Requests, for a plan: each aspect twice, once for all sets unless tasks are shown alone; classes once a task.
    fn requests(&self) -> usize {
        let of = |aspect: &Aspect| match aspect.scale() {
            Scale::Classes => self.sets,
            Scale::Levels | Scale::YesNo if self.options.alone => 2 * self.sets,
            Scale::Levels | Scale::YesNo => 2,
        };
        self.count * self.options.aspects.iter().map(of).sum::<usize>()
    }
}

/// The rubrics of a recipe, which a judge and people go by.
///
/// Gives [`Error::Io`] and [`Error::Prompts`] for the file of prompts.
pub fn prompts(recipe: &Recipe) -> Result<Prompts> {
    let Some(path) = &recipe.judging.prompts else {
        return Ok(Prompts::default());
    };
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    Prompts::with_overrides(&text).map_err(|source| Error::Prompts {
        path: path.clone(),
        source,
    })
}

/// What it is asked for at an endpoint.
fn asked(place: &EndpointPlace) -> AskedPlace<'_> {
    AskedPlace {
        section: SECTION,
        place,
        need: Need::Chat,
    }
}

impl Stage for Judge {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let folder = PathBuf::from(sample::GROUP).join(NAME);
        let inputs = [(sample::NAME, self.sample.name())];
        Node::of(NAME, Place::Blocks, &inputs).within(sample::GROUP, folder)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["quality.alone"]);
        if let Some(path) = &self.prompts_file {
            reader.file("the prompts", path)?;
        }
        match &self.model {
            Model::Local(folder) => {
                reader.model_settings();
                reader.model("the judge of data", MODEL, folder)
            }
            Model::There(_) => {
                reader.endpoint(SECTION, true);
                Ok(())
            }
        }
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let answers = self.requests();
        let cost = match &self.model {
            Model::Local(_) => estimate.answers_of(answers, ANSWER_TOKENS),
            Model::There(place) => estimate.asked(&Asked {
                stage: NAME,
                section: SECTION,
                place,
                answers,
                requests_each: 1,
                few: &[],
                beside: REQUEST_TOKENS,
                max_new_tokens: MOST_TOKENS,
            }),
        };
        Ok(cost.with("asked", answers))
    }

    fn endpoint(&self) -> Option<AskedPlace<'_>> {
        match &self.model {
            Model::Local(_) => None,
            Model::There(place) => Some(asked(place)),
        }
    }

    fn loads(&self) -> &'static [&'static str] {
        &[]
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let sample = DrawSample::sample(site, &self.sample)?;
        let questions = judge::questions(&sample, &self.options);
        let requests = judge::requests(&sample, &questions, &self.prompts);
        jsonl::write(&site.folder.join(QUESTIONS), &questions)?;
        write(&site.folder.join("requests.jsonl"), &requests)?;
        let opened;
        let (mut answerer, name, author) = match &self.model {
            Model::There(place) => {
                let there = There::open(site, asked(place), self.seed)?;
                (Answerer::Endpoint(there), place.model.clone(), None)
            }
            Model::Local(folder) => {
                opened = site.engine.open(folder)?;
                let local = Local {
                    model: opened.0.as_ref(),
                    processor: opened.1.as_ref(),
                    generation: site.engine.generation,
                    seed: self.seed,
                };
                let digest = site.digests.borrow_mut().model(folder)?;
                // Where it lies is nobody's business.
                let name = format!("model {}", &digest[..8.min(digest.len())]);
                (local.of_stage(site), name, Some(digest))
            }
        };
        let progress = Progress {
            label: site.stage(),
            report: site.report,
            stop: site.stop,
        };
        let path = site.folder.join(COMPLETIONS);
        let completions = answerer.write(&requests, &path, progress)?;
        let reading = judge::read(&questions, &completions, &self.prompts);
        let rated = reading
            .ratings
            .iter()
            .filter(|rating| rating.value.is_some());
        let rated = rated.count() as u64;
        let counts = Counts {
            asked: requests.len() as u64,
            rated,
            unread: reading.ratings.len() as u64 - rated,
            endpoint: answerer.asked_there(&completions),
        };
        if counts.unread > 0 {
            site.report.warn(format!(
                "{} of {} ratings of the judge cannot be read: it wrote something else than the number that was asked for, or \
                 nothing; `{}` has what it wrote",
                counts.unread,
                reading.ratings.len(),
                path.display()
            ));
        }
        let said = RaterRatings {
            rater: Rater {
                ground: Ground::Model,
                name,
            },
            author,
            ratings: reading.ratings,
            unread: reading.unread,
        };
        write_sealed(&site.folder.join(SAID), &said)?;
        Ok(counts)
    }
}
