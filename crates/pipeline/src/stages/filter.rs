//! A judge looks whether a triplet's precise answer follows from its informative one; only such triplets stay.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use corpus::{Request, Triplet, jsonl};
use endpoint::Need;
use generate::Likelihood;
use run::plan::Cost;
use run::recipe::{EndpointPlace, Recipe};
use run::{Node, Place as NodePlace};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use synthesis::judge::RAW_YES;
use synthesis::{JudgeKind, JudgeOptions, KeepRule, Prompts, SyntheticTask};

use super::synthesize::{Synthesize, TASKS, TRIPLETS};
use crate::answering::{Answerer, Local, There};
use crate::bad_records::tell_left_out;
use crate::endpoints::{AskedPlace, AskedThere};
use crate::error::{Error, Imbalance, Result};
use crate::estimate::{Asked, Estimate};
use crate::reader::Reader;
use crate::records::{write, write_rejected};
use crate::runner::Progress;
use crate::sources::Sources;
use crate::stage::{Link, Site, Stage};

/// Its name.
pub const NAME: &str = "filter";

/// The file of the triplets that stay.
pub const KEPT: &str = TRIPLETS;
/// The file of conversations, which all stay.
pub const KEPT_TASKS: &str = TASKS;
/// The file of what the judge said.
pub const VERDICTS: &str = "verdicts.jsonl";

/// The file of what the judge wrote.
pub const COMPLETIONS: &str = "completions.jsonl";

/// Its section of the recipe.
pub(crate) const SECTION: &str = "filter";

/// Tokens that a judge's answer is taken to have, for a plan.
const ANSWER_TOKENS: f64 = 16.0;

/// Keeps consistent triplets.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of the recipe of its own"
)]
pub struct Filter {
    triplets: Link<Synthesize>,
    /// Whether there are triplets to judge: conversations have no two answers to compare.
    judges: bool,
    enabled: bool,
    synthetic: bool,
    judge: PathBuf,
    judge_key: &'static str,
    /// A judge that is asked at an endpoint.
    endpoint: Option<EndpointPlace>,
    /// Whether no judge is named and the general model of the user judges.
    is_general: bool,
    kind: JudgeKind,
    threshold: Option<f64>,
    prompts: Prompts,
    prompts_file: Option<PathBuf>,
    seed: u64,
}

/// What it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Triplets that the judge was asked about.
    pub judged: u64,
    /// Triplets that stay.
    pub kept: u64,
    /// What a judge at an endpoint was asked.
    #[serde(flatten)]
    pub endpoint: Option<AskedThere>,
}

impl Filter {
    /// Of a recipe.
    pub fn of(recipe: &Recipe, sources: &Sources, triplets: Link<Synthesize>) -> Self {
        let settings = &recipe.filter;
        Self {
            triplets,
            judges: recipe.making.maker.gives_triplets(),
            enabled: settings.enabled,
            synthetic: recipe.mix.synthetic,
            judge: sources.judge.clone().unwrap_or(sources.base.clone()),
            judge_key: if sources.judge.is_some() {
                "filter.checkpoint"
            } else {
                "model.checkpoint"
            },
            endpoint: settings.endpoint.clone(),
            is_general: sources.judge.is_none()
                && settings.endpoint.is_none()
                && !recipe.uses_demo_base(),
            kind: settings.judge,
            threshold: settings.threshold,
            prompts: sources.prompts.clone(),
            prompts_file: recipe.prompts().cloned(),
            seed: recipe.seed,
        }
    }
}

impl Filter {
    /// What asking about so many triplets takes at an endpoint. Each is asked for a verdict, and how likely yes is.
    fn asked(&self, place: &EndpointPlace, estimate: &Estimate<'_>, triplets: usize) -> Cost {
        let options = JudgeOptions::new(self.kind);
        // What they will say is not known yet, but how long it will be.
        let empty = Triplet {
            id: String::new(),
            pair: String::new(),
            instruction: String::new(),
            informative: String::new(),
            precise: String::new(),
            origin: Value::Null,
        };
        estimate.asked(&Asked {
            stage: NAME,
            section: SECTION,
            place,
            answers: triplets,
            requests_each: 2,
            few: &synthesis::judge_requests(&[empty], options, &self.prompts),
            beside: estimate.prompts.map_or(0.0, |prompts| prompts.task_tokens),
            max_new_tokens: options.max_new_tokens,
        })
    }
}

impl Stage for Filter {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 2;

    fn node(&self) -> Node {
        Node::of(
            NAME,
            NodePlace::Blocks,
            &[("triplets", self.triplets.name())],
        )
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        if !self.judges {
            return Ok(());
        }
        reader.keys(&["filter"]);
        if !self.enabled || !self.synthetic {
            return Ok(());
        }
        if let Some(path) = &self.prompts_file {
            reader.file("the prompts", path)?;
        }
        if self.endpoint.is_some() {
            reader.endpoint(SECTION, false);
            return Ok(());
        }
        reader.model_settings();
        match self.kind {
            // Its prompt is raw: a base model will do.
            JudgeKind::Verdict => reader.raw_model("the judge", self.judge_key, &self.judge),
            JudgeKind::TunedVerdict | JudgeKind::Extraction => {
                reader.model("the judge", self.judge_key, &self.judge)
            }
        }
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let triplets = estimate.records(self.triplets.name());
        if !self.judges || !self.enabled || !self.synthetic {
            return Ok(Cost::nothing(triplets));
        }
        let cost = match &self.endpoint {
            None => estimate.answers_of(triplets, ANSWER_TOKENS),
            Some(place) => self.asked(place, estimate, triplets),
        };
        Ok(cost.with("judged", triplets))
    }

    fn endpoint(&self) -> Option<AskedPlace<'_>> {
        let place = self.endpoint.as_ref();
        let place = place.filter(|_| self.judges && self.enabled && self.synthetic)?;
        Some(AskedPlace {
            section: SECTION,
            place,
            need: self.need(),
        })
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let folder = site.folder;
        if !self.judges {
            return self.pass(site);
        }
        let given = site.of(&self.triplets, TRIPLETS);
        if !self.enabled || jsonl::rows::<Triplet>(&given)?.next().is_none() {
            let kept = passed::<Triplet>(&given, &folder.join(KEPT))?;
            write_rejected(folder, site.stage(), &[])?;
            return Ok(Counts {
                judged: 0,
                kept,
                endpoint: None,
            });
        }
        let triplets: Vec<Triplet> = jsonl::read(&given)?;
        if self.is_general {
            site.report
                .note("no judge is named: the general model itself judges");
        }
        let opened;
        let mut answerer = if let Some(asked) = Stage::endpoint(self) {
            Answerer::Endpoint(There::open(site, asked, self.seed)?)
        } else {
            opened = site.engine.open(&self.judge)?;
            Local {
                model: opened.0.as_ref(),
                processor: opened.1.as_ref(),
                generation: site.engine.generation,
                seed: self.seed,
            }
            .of_stage(site)
        };
        let options = JudgeOptions::new(self.kind);
        let requests = synthesis::judge_requests(&triplets, options, &self.prompts);
        write(&folder.join("requests.jsonl"), &requests)?;
        let progress = Progress {
            label: site.stage(),
            report: site.report,
            stop: site.stop,
        };
        let path = folder.join(COMPLETIONS);
        let completions = answerer.write(&requests, &path, progress)?;
        let mut judged = synthesis::verdicts(self.kind, &triplets, &completions);
        let by_id = if self.kind == JudgeKind::Verdict {
            let judged: BTreeSet<&str> = judged.items.iter().map(|v| v.id.as_str()).collect();
            let asked = requests.iter().filter(|r| judged.contains(r.id.as_str()));
            let asked: Vec<&Request> = asked.collect();
            let found = answerer.likely(&asked, RAW_YES, progress);
            by_id(
                asked.iter().map(|request| request.id.as_str()),
                self.told(found, progress)?,
            )
        } else {
            let samples = synthesis::judge::likelihood_samples(self.kind, &triplets, &self.prompts);
            let found = answerer.likely_turns(&samples, &requests, &completions, progress);
            by_id(
                samples.iter().map(|sample| sample.id.as_str()),
                self.told(found, progress)?,
            )
        };
        synthesis::judge::with_likelihood(&mut judged.items, &by_id);
        jsonl::write(&folder.join(VERDICTS), &judged.items)?;
        let rule = KeepRule {
            threshold: self.threshold,
            ..KeepRule::default()
        };
        let kept = synthesis::keep(&triplets, &judged.items, &rule);
        let list = write_rejected(folder, site.stage(), &kept.rejected)?;
        let (all, rejected) = (triplets.len(), &kept.rejected);
        tell_left_out(site.report, "tasks are left out", all, rejected, &list);
        jsonl::write(&folder.join(KEPT), &kept.items)?;
        if kept.items.len() + kept.rejected.len() != triplets.len() {
            let found = Imbalance::Filter {
                triplets: triplets.len(),
                kept: kept.items.len(),
                left_out: kept.rejected.len(),
            };
            return Err(found.into());
        }
        let endpoint = answerer.asked_there(&completions);
        Ok(Counts {
            judged: triplets.len() as u64,
            kept: kept.items.len() as u64,
            endpoint,
        })
    }
}

impl Filter {
    /// Passes conversations through.
    fn pass(&self, site: &Site<'_>) -> Result<Counts> {
        let (given, kept) = (site.of(&self.triplets, TASKS), site.folder.join(KEPT_TASKS));
        jsonl::write(&site.folder.join(KEPT), Vec::<Triplet>::new().iter())?;
        let tasks = if given.exists() {
            passed::<SyntheticTask>(&given, &kept)?
        } else {
            jsonl::write(&kept, Vec::<SyntheticTask>::new().iter())?;
            0
        };
        write_rejected(site.folder, site.stage(), &[])?;
        if tasks > 0 {
            site.report.note(format!(
                "{tasks} tasks pass as they are: they have one answer each, and the filter compares two"
            ));
        }
        Ok(Counts {
            judged: 0,
            kept: tasks,
            endpoint: None,
        })
    }

    /// What is asked of a judge at an endpoint.
    fn need(&self) -> Need {
        match self.kind {
            JudgeKind::Verdict => Need::Completions,
            JudgeKind::TunedVerdict | JudgeKind::Extraction => Need::Chat,
        }
    }

    /// The likelihoods of a judge. One at an endpoint that gives none judges by its words alone, unless a threshold asks for
    /// them.
    fn told(
        &self,
        found: Result<Vec<Option<Likelihood>>>,
        progress: Progress<'_>,
    ) -> Result<Vec<Option<Likelihood>>> {
        match found {
            Err(Error::Endpoint {
                source: endpoint::Error::NoLikelihoods { address, problem },
                ..
            }) if self.threshold.is_none() => {
                progress.report.warn(format!(
                    "the endpoint `{address}` does not tell how likely an answer is ({problem}): verdicts have no `p_yes`"
                ));
                Ok(Vec::new())
            }
            found => found,
        }
    }
}

/// Hands on all records of a file and gives how many they are.
fn passed<T: Serialize + DeserializeOwned>(from: &Path, to: &Path) -> Result<u64> {
    let mut out = jsonl::Writer::create(to)?;
    let mut count = 0;
    for row in jsonl::rows::<T>(from)? {
        out.write(&row?)?;
        count += 1;
    }
    out.commit()?;
    Ok(count)
}

/// Log-probabilities by the ids of what they are of.
fn by_id<'a>(
    ids: impl Iterator<Item = &'a str>,
    found: Vec<Option<Likelihood>>,
) -> BTreeMap<String, f64> {
    let known = ids.zip(found);
    known
        .filter_map(|(id, found)| Some((id.to_owned(), found?.log_probability)))
        .collect()
}
