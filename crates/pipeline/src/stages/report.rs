//! The evidence of a run: `summary.json` and one page.

mod about;
mod changed;
mod conversations;
mod endpoints;
mod funnel;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use corpus::sealed::write_json;
use corpus::{Pair, Prediction, Triplet, Verdict, jsonl};
use evaluation::scoring::Scorer;
use evaluation::systems::{self, Items};
use evaluation::{ScoredTask, results};
use report::scores::pages;
use report::{
    Card, Curve, EndpointRow, FilterScore, Flip, Page, Pictures, Summary, System, embedded_picture,
    render,
};
use run::plan::Cost;
use run::recipe::Recipe;
use run::usage::Usage;
use run::{Node, Place, events};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use synthesis::quality::DataQuality;
use synthesis::truth::{CheckedTriplet, Truth};
use synthesis::{SyntheticTask, measure};

use self::about::about;
use self::changed::changed;
use self::conversations::as_shown;
use self::endpoints::spent;
use super::filter::{self, Filter, KEPT, KEPT_TASKS, VERDICTS};
use super::mix::Mix;
use super::pairs::{self, PAIRS, Pairs};
use super::quality::{self, QUALITY, Quality};
use super::score::{ADAPTED, BASE, SCORES, Score, Scores};
use super::synthesize::{self, Synthesize, TRIPLETS};
use super::train::Train;
use super::trainings::Trained;
use super::tune_synthesizer::TuneSynthesizer;
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::records::{self, read_if_there};
use crate::stage::{Link, Site, Stage};
use crate::tasks::Tasks;
use crate::truths;

/// Its name.
pub const NAME: &str = "report";

/// The file of its [`Summary`].
pub const SUMMARY: &str = "summary.json";
/// The page.
pub const INDEX: &str = "index.html";

/// The folder of the pages with every answer.
const ANSWERS: &str = "answers";

const CARDS: usize = 12;
const FLIPS: usize = 12;

/// The stages whose results it tells.
#[derive(Clone, Debug)]
pub struct Of {
    /// The pairs.
    pub pairs: Link<Pairs>,
    /// The synthesizer.
    pub tuned: Link<TuneSynthesizer>,
    /// Its triplets.
    pub synthesized: Link<Synthesize>,
    /// Those that stay.
    pub kept: Link<Filter>,
    /// The trainings that made the adapted model; the last one is its own.
    pub trainings: Vec<Training>,
    /// The scores.
    pub score: Link<Score>,
    /// The measures of the data, where it is measured.
    pub quality: Option<Link<Quality>>,
}

/// A training of the adapted model.
#[derive(Clone, Debug)]
pub struct Training {
    /// What it is of, as curves are called.
    name: String,
    mix: Link<Mix>,
    train: Link<Train>,
}

impl Training {
    /// Of one in the graph.
    pub fn of(trained: Trained) -> Self {
        let name = match trained.name() {
            Some(stage) => format!("adapted model, stage `{stage}`"),
            None => "adapted model".to_owned(),
        };
        let Trained { mix, train, .. } = trained;
        Self { name, mix, train }
    }
}

/// Writes the report.
#[derive(Clone, Debug)]
pub struct Report {
    of: Of,
    tasks: Tasks,
    truth: Option<PathBuf>,
    synthetic: bool,
    seed: u64,
    /// The models at endpoints by their sections of the recipe, each with its name there.
    endpoints: BTreeMap<&'static str, String>,
    /// What the page says of the run, in sentences.
    about: Vec<String>,
    /// Key, value and origin of the recipe.
    recipe: Vec<(String, String, String)>,
}

/// What it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Tasks with scores.
    pub tasks: u64,
}

impl Report {
    /// Of a recipe.
    pub fn of(recipe: &Recipe, of: Of, tasks: Tasks) -> Self {
        let keys = recipe.resolution.iter();
        Self {
            of,
            tasks,
            truth: recipe.truth.clone(),
            synthetic: recipe.mix.synthetic,
            seed: recipe.seed,
            endpoints: recipe
                .endpoint_places()
                .map(|(section, place)| (section, place.model.clone()))
                .collect(),
            about: about(recipe),
            recipe: keys
                .map(|(key, r)| (key.clone(), r.value.to_string(), r.origin.to_string()))
                .collect(),
        }
    }
}

impl Stage for Report {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 2;

    fn node(&self) -> Node {
        let of = &self.of;
        let mut from = vec![
            (pairs::NAME, of.pairs.name()),
            ("synthesizer", of.tuned.name()),
            ("synthesized", of.synthesized.name()),
            ("kept", of.kept.name()),
            ("scores", of.score.name()),
        ];
        from.extend(of.quality.as_ref().map(|link| (quality::NAME, link.name())));
        if let Some((last, earlier)) = of.trainings.split_last() {
            from.push(("samples", last.mix.name()));
            from.push(("adapted", last.train.name()));
            let earlier = earlier.iter().flat_map(|t| [t.mix.name(), t.train.name()]);
            from.extend(earlier.map(|name| (name, name)));
        }
        Node::of(NAME, Place::Rank0, &from)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["run.seed", "mix.synthetic"]);
        match &self.truth {
            Some(path) => reader.file("the truth", path),
            None => Ok(()),
        }
    }

    fn cost(&self, _: &Estimate<'_>) -> Result<Cost> {
        Ok(Cost::nothing(0))
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let scores: Scores = read_back(&site.of(&self.of.score, SCORES))?;
        let truth = truths::read(self.truth.as_deref())?;
        let trainings = self.trainings(site);
        let used = trainings.iter().filter_map(|(_, _, usage)| usage.as_ref());
        let peak_rss = used.map(|usage| usage.peak_rss_bytes);
        let summary = Summary {
            seed: self.seed,
            seconds: seconds(site),
            peak_rss_bytes: peak_rss.fold(train::peak_rss_bytes(), u64::max),
            funnel: self.funnel(site)?,
            filter: self.filter_score(site, &truth)?,
            quality: self.quality(site)?,
            tasks: scores.tasks,
            average: scores.average,
            unseen: scores.unseen,
            general: scores.general,
            against: scores.against,
            stages: scores.stages,
            strict: scores.strict,
            reference: scores.reference,
            domains: scores.domains,
            rates: scores.rates,
            endpoints: self.endpoints(site),
            notes: scores.notes,
        };
        write_json(&site.folder.join(SUMMARY), &summary)?;
        let answers = self.answers(site, &summary)?;
        let page = render(&Page {
            title: "A general multimodal model, before and after",
            about: &self.about,
            summary: &summary,
            answers: answers.as_deref(),
            cards: &self.cards(site, &truth)?,
            flips: &self.flips(site)?,
            curves: &self.curves(site)?,
            trainings: &told(&trainings),
            recipe: &self.recipe,
        });
        let index = site.folder.join(INDEX);
        std::fs::write(&index, page).map_err(Error::io("write", &index))?;
        Ok(Counts {
            tasks: summary.tasks.len() as u64,
        })
    }
}

/// What an earlier stage wrote as JSON.
fn read_back<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|source| Error::ReadBack {
        path: path.to_owned(),
        source,
    })
}

/// What trainings took, in a sentence each.
fn told(trainings: &[(&str, &str, Option<Usage>)]) -> Vec<String> {
    let told = trainings.iter();
    told.filter_map(|(_, name, usage)| Some(format!("{name}: {}", usage.as_ref()?.text())))
        .collect()
}

/// Wall time by what commands call the stages.
fn seconds(site: &Site<'_>) -> BTreeMap<String, f64> {
    let mut out: BTreeMap<String, f64> = BTreeMap::new();
    for node in site.graph.nodes() {
        if let Some(manifest) = site.manifest(&node.name) {
            *out.entry(node.group.clone()).or_default() += manifest.seconds;
        }
    }
    out
}

impl Report {
    /// The measures of the synthetic data; none where nothing measured it.
    fn quality(&self, site: &Site<'_>) -> Result<Option<DataQuality>> {
        let Some(link) = &self.of.quality else {
            return Ok(None);
        };
        Ok(Some(read_back(&site.of(link, QUALITY))?))
    }

    /// The trainings of the run: their stages, what they are of, and what their steps took together, where there are any.
    fn trainings(&self, site: &Site<'_>) -> Vec<(&str, &str, Option<Usage>)> {
        let tuned = &self.of.tuned;
        let mut out = vec![(
            tuned.name(),
            "synthesizer",
            Usage::read(&site.folder_of(tuned)),
        )];
        let trainings = self.of.trainings.iter();
        out.extend(trainings.map(|Training { name, train, .. }| {
            let used = Usage::read(&site.folder_of(train));
            (train.name(), name.as_str(), used)
        }));
        out
    }

    /// What was spent at endpoints, by place.
    fn endpoints(&self, site: &Site<'_>) -> BTreeMap<String, EndpointRow> {
        let of = &self.of;
        let stages = [
            (synthesize::SECTION, of.synthesized.name()),
            ("maker", of.synthesized.name()),
            (filter::SECTION, of.kept.name()),
        ];
        let named = stages.into_iter().filter_map(|(section, stage)| {
            let model = self.endpoints.get(section)?;
            Some((section.to_owned(), spent(site, stage, section, model)?))
        });
        named.collect()
    }

    fn filter_score(
        &self,
        site: &Site<'_>,
        truth: &BTreeMap<String, Truth>,
    ) -> Result<Option<FilterScore>> {
        if truth.is_empty() || !self.synthetic {
            return Ok(None);
        }
        let parsed: Vec<Triplet> = jsonl::read(&site.of(&self.of.synthesized, TRIPLETS))?;
        let kept: Vec<Triplet> = jsonl::read(&site.of(&self.of.kept, KEPT))?;
        let kept: BTreeSet<&str> = kept.iter().map(|t| t.id.as_str()).collect();
        let verdicts: Vec<Verdict> = read_if_there(&site.of(&self.of.kept, VERDICTS))?;
        let checked: BTreeMap<String, CheckedTriplet> = parsed
            .iter()
            .filter_map(|t| Some((t.id.clone(), truth.get(&t.pair)?.check(t)?)))
            .collect();
        let truth = |value: fn(&CheckedTriplet) -> bool| -> BTreeMap<String, bool> {
            let known = checked.iter();
            known.map(|(id, c)| (id.clone(), value(c))).collect()
        };
        let known = truth(CheckedTriplet::both);
        let kind = |id: &str| checked.get(id).map_or(String::new(), |c| c.kind.clone());
        let counts = measure::counts(&kept, &known);
        Ok((!known.is_empty()).then(|| FilterScore {
            precision: counts.precision().unwrap_or(0.0),
            recall: counts.recall().unwrap_or(0.0),
            before: counts.before().unwrap_or(0.0),
            known: known.len(),
            precise: measure::counts(&kept, &truth(|c| c.precise)),
            kinds: measure::counts_by_kind(&kept, &known, kind),
            curve: measure::threshold_curve(&verdicts, &known),
        }))
    }

    fn cards(&self, site: &Site<'_>, truth: &BTreeMap<String, Truth>) -> Result<Vec<Card>> {
        let pairs: Vec<Pair> = records::read(&site.of(&self.of.pairs, PAIRS))?;
        let pairs: BTreeMap<&str, &Pair> = pairs.iter().map(|p| (p.id.as_str(), p)).collect();
        let mut parsed: Vec<Triplet> = jsonl::read(&site.of(&self.of.synthesized, TRIPLETS))?;
        let kept: Vec<Triplet> = jsonl::read(&site.of(&self.of.kept, KEPT))?;
        let mut kept: BTreeSet<String> = kept.into_iter().map(|t| t.id).collect();
        let tasks: Vec<SyntheticTask> = read_if_there(&site.of(&self.of.kept, KEPT_TASKS))?;
        kept.extend(tasks.iter().map(|task| task.id.clone()));
        parsed.extend(tasks.into_iter().filter_map(as_shown));
        let verdicts: Vec<Verdict> = read_if_there(&site.of(&self.of.kept, VERDICTS))?;
        let verdicts: BTreeMap<&str, &Verdict> =
            verdicts.iter().map(|v| (v.id.as_str(), v)).collect();
        let step = (parsed.len() / CARDS).max(1);
        let shown = parsed.iter().step_by(step).take(CARDS);
        Ok(shown
            .filter_map(|triplet| {
                let pair = pairs.get(triplet.pair.as_str())?;
                Some(Card {
                    picture: pair.images.first().and_then(|p| embedded_picture(p)),
                    caption: pair.caption.clone(),
                    instruction: triplet.instruction.clone(),
                    informative: triplet.informative.clone(),
                    precise: triplet.precise.clone(),
                    verdict: verdicts
                        .get(triplet.id.as_str())
                        .map_or_else(|| "not asked".to_owned(), |v| v.raw.clone()),
                    kept: kept.contains(&triplet.id),
                    truth: truth
                        .get(&triplet.pair)
                        .and_then(|truth| truth.check(triplet))
                        .map(|checked| (checked.answer.clone(), checked.both())),
                })
            })
            .collect())
    }

    /// Writes the pages with every answer of every system; gives the name of their folder, where anything was asked.
    fn answers(&self, site: &Site<'_>, summary: &Summary) -> Result<Option<String>> {
        if summary.tasks.is_empty() {
            return Ok(None);
        }
        let folder = site.folder_of(&self.of.score);
        let mut all: Vec<(String, Vec<ScoredTask>)> = Vec::new();
        let stages = summary.stages.iter().map(|after| after.system.as_str());
        let controls = summary.against.iter().map(|against| against.name.as_str());
        let systems = [BASE, ADAPTED].into_iter().chain(stages).chain(controls);
        for system in systems {
            let of_system = folder.join(system);
            if results::are_in(&of_system) {
                all.push((system.to_owned(), results::read(&of_system)?));
            }
        }
        let shown: Vec<System<'_>> = all
            .iter()
            .map(|(name, tasks)| System {
                name: name.clone(),
                tasks,
            })
            .collect();
        let compared = systems::compare(&shown, 0, Scorer::Strict, Items::Common, self.seed)?;
        let to = site.folder.join(ANSWERS);
        std::fs::create_dir_all(&to).map_err(Error::io("make", &to))?;
        let mut pictures = Pictures::new(vec![site.run.to_owned()], &to);
        let mut put = |name: &str, text: String| -> Result<()> {
            let path = to.join(name);
            std::fs::write(&path, text).map_err(Error::io("write", &path))
        };
        pages(&shown, Some(&compared), &mut pictures, &mut put)?;
        Ok(Some(format!("{ANSWERS}/")))
    }

    /// A few of the questions whose answer became right or wrong, evenly drawn, so that losses are shown as gains are.
    fn flips(&self, site: &Site<'_>) -> Result<Vec<Flip>> {
        let mut flips = Vec::new();
        for questions in self.tasks.read(site)? {
            let sheet = |system: &str| -> Result<Vec<Prediction>> {
                let file = Score::file(system, questions.id());
                Ok(jsonl::read(&site.of(&self.of.score, &file))?)
            };
            flips.extend(changed(&questions, &sheet(BASE)?, &sheet(ADAPTED)?));
        }
        let step = (flips.len() / FLIPS).max(1);
        Ok(flips.into_iter().step_by(step).take(FLIPS).collect())
    }

    /// Curves of the trainings, from what they told while they ran.
    fn curves(&self, site: &Site<'_>) -> Result<Vec<Curve>> {
        let (told, torn) = site.told()?;
        if torn > 0 {
            site.report.note(format!(
                "{torn} torn or damaged lines of events are passed over"
            ));
        }
        let mut out = Vec::new();
        for (stage, name, _) in self.trainings(site) {
            let steps = events::steps(&told, stage);
            let points = |number: &str| {
                let measured = steps.iter();
                let known = measured.filter_map(|(step, n)| Some((*step as f64, *n.get(number)?)));
                known.collect()
            };
            out.push(Curve {
                name: format!("{name}: loss in nats per learned token"),
                across: "step",
                smooth: true,
                points: points("loss"),
            });
            out.push(Curve {
                name: format!("{name}: gradient norm before clipping"),
                across: "step",
                smooth: true,
                points: points("grad_norm"),
            });
        }
        out.retain(|c| c.points.len() > 1);
        Ok(out)
    }
}
