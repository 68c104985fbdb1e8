//! Post-training samples: the caption task and the synthetic task of a picture in one conversation (single-stage), or
//! in two files (two-stage), with general samples mixed in on demand. Responses carry loss, requests do not.

use std::collections::HashSet;

use corpus::names::Names;
use corpus::seed::{Rng, hash};
use corpus::{Pair, Rejected, Role, Sample, Triplet, Turn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::join::{Joiner, alone, join};
use crate::outcome::{Outcome, reject};
use crate::prompts::Prompts;
use crate::text;

/// Where the caption task stands in the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptionPosition {
    /// After the synthetic task (paper, figure 2).
    #[default]
    Last,
    /// Before or after it, drawn by the pair's id (reference code).
    Random,
}

corpus::words!(CaptionPosition {
    Last = "last",
    Random = "random",
});

/// What becomes of a pair without a triplet when both tasks are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WithoutTriplet {
    /// It trains the caption task alone (paper).
    #[default]
    Caption,
    /// It is left out.
    Drop,
}

corpus::words!(WithoutTriplet {
    Caption = "caption",
    Drop = "drop",
});

/// Which answers the synthetic task trains; the single ones are, with the filter off, the paper's ablation of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answers {
    /// Both, joined.
    #[default]
    Joined,
    /// The precise one.
    Precise,
    /// The informative one.
    Informative,
}

corpus::words!(Answers {
    Joined = "joined",
    Precise = "precise",
    Informative = "informative",
});

/// How samples are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixOptions {
    /// Seed of requests, templates, positions, replay and order.
    pub seed: u64,
    /// Whether the caption task is trained.
    pub caption: bool,
    /// Whether the synthetic task is trained.
    pub synthetic: bool,
    /// What becomes of a pair without a triplet.
    pub without_triplet: WithoutTriplet,
    /// How both answers become one.
    pub joiner: Joiner,
    /// Which answers are trained.
    pub answers: Answers,
    /// Where the caption task stands.
    pub caption_position: CaptionPosition,
    /// General samples for each domain sample; the paper has none.
    pub general_ratio: f64,
}

impl Default for MixOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            caption: true,
            synthetic: true,
            without_triplet: WithoutTriplet::Caption,
            joiner: Joiner::Paper,
            answers: Answers::Joined,
            caption_position: CaptionPosition::Last,
            general_ratio: 0.0,
        }
    }
}

/// The two files of two-stage training.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoStage {
    /// The caption task of every pair.
    pub caption: Outcome<Sample>,
    /// The synthetic tasks; with captions reused, the single-stage mix.
    pub synthetic: Outcome<Sample>,
}

/// What a pair trains besides its caption: one exchange from a triplet, or the conversation that a baseline made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyntheticTask {
    /// Of the triplet or conversation.
    pub id: String,
    /// Id of the pair.
    pub pair: String,
    /// Request and response of each exchange, in order.
    pub exchanges: Vec<[String; 2]>,
    /// The form that the answers were brought into.
    pub template: String,
    /// Who made it, with which prompts, and the raw generation. A task of a triplet leaves that to the triplet.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub origin: Value,
}

/// Single-stage mixing: one conversation a pair, in a drawn order, with general samples in between.
pub fn mix(
    pairs: &[Pair],
    triplets: &[Triplet],
    general: &[Sample],
    options: &MixOptions,
    prompts: &Prompts,
) -> Outcome<Sample> {
    mix_tasks(
        pairs,
        &synthetic_tasks(triplets, options, prompts),
        general,
        options,
        prompts,
    )
}

/// Two-stage training: captions first, then the synthetic tasks, with captions again if `reuse_captions` is on.
/// General samples go into the second stage.
pub fn two_stage(
    pairs: &[Pair],
    tasks: &[SyntheticTask],
    general: &[Sample],
    options: &MixOptions,
    reuse_captions: bool,
    prompts: &Prompts,
) -> TwoStage {
    let first = MixOptions {
        caption: true,
        synthetic: false,
        general_ratio: 0.0,
        ..*options
    };
    let second = MixOptions {
        caption: reuse_captions,
        synthetic: true,
        ..*options
    };
    TwoStage {
        caption: mix_tasks(pairs, &[], &[], &first, prompts),
        synthetic: mix_tasks(pairs, tasks, general, &second, prompts),
    }
}

/// The task that each triplet trains.
pub fn synthetic_tasks(
    triplets: &[Triplet],
    options: &MixOptions,
    prompts: &Prompts,
) -> Vec<SyntheticTask> {
    let task = |triplet: &Triplet| synthetic_task(triplet, options, prompts);
    triplets.iter().map(task).collect()
}

/// The task that a triplet trains.
pub fn synthetic_task(triplet: &Triplet, options: &MixOptions, prompts: &Prompts) -> SyntheticTask {
    let (joiner, seed, prompts) = (options.joiner, options.seed, &prompts.joiners);
    let single = |answer: &str| {
        let name = options.answers.as_str();
        alone(triplet, answer, name, joiner, seed, prompts)
    };
    let turns = match options.answers {
        Answers::Joined => join(triplet, joiner, seed, prompts),
        Answers::Precise => single(&triplet.precise),
        Answers::Informative => single(&triplet.informative),
    };
    SyntheticTask {
        id: triplet.id.clone(),
        pair: triplet.pair.clone(),
        exchanges: vec![[turns.user, turns.assistant]],
        template: turns.template,
        origin: Value::Null,
    }
}

/// [`mix`] for tasks of any source: what baselines made is trained by the same pipelines.
pub fn mix_tasks(
    pairs: &[Pair],
    tasks: &[SyntheticTask],
    general: &[Sample],
    options: &MixOptions,
    prompts: &Prompts,
) -> Outcome<Sample> {
    let mut outcome = Outcome::default();
    let mut mixing = Mixing::new(options, prompts);
    for pair in pairs {
        mixing.know(&pair.id);
    }
    for task in tasks {
        let rejected = mixing.task(&task.id, &task.pair, task.exchanges.len());
        outcome.rejected.extend(rejected);
    }
    for pair in pairs {
        outcome.rejected.extend(mixing.pair(pair));
    }
    for place in mixing.order(general.len()) {
        match place {
            MixEntry::Pair(row) => {
                let pair = &pairs[row as usize];
                let task = mixing.task_of(&pair.id).map(|at| &tasks[at]);
                outcome.items.extend(mixing.sample(pair, task));
            }
            MixEntry::General { at, round } => {
                outcome
                    .items
                    .push(again(general[at as usize].clone(), round));
            }
        }
    }
    outcome
}

/// What makes a sample of a mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MixEntry {
    /// The sample of a pair, by the pair's row from 0.
    Pair(u32),
    /// A general sample.
    General {
        /// Its row from 0.
        at: u32,
        /// For the how many-th time it comes, from 1.
        round: u32,
    },
}

/// Mixing of records that come one by one and are read again when their sample is made: of a pair its id is kept, and some
/// bytes. Pairs have to be [known](Mixing::know) before [tasks](Mixing::task) are told, and these before it is asked
/// [which pairs](Mixing::pair) make a sample; then the [order](Mixing::order) can be drawn.
///
/// ```
/// use synthesis::{MixEntry, MixOptions, Mixing, Prompts};
/// let pair = serde_json::from_str(r#"{"id": "a", "images": ["a.png"], "caption": "A cup of tea."}"#)?;
/// let (options, prompts) = (MixOptions::default(), Prompts::default());
/// let mut mixing = Mixing::new(&options, &prompts);
/// mixing.know("a");
/// let refused = mixing.pair(&pair);
/// assert!(refused.is_none() && mixing.order(0) == [MixEntry::Pair(0)]);
/// let sample = mixing.sample(&pair, None).expect("it was not refused");
/// assert_eq!(sample.turns[1].text, "A cup of tea.");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mixing<'a> {
    options: &'a MixOptions,
    prompts: &'a Prompts,
    pairs: Names,
    /// By the number of a pair, the row of its task from 1, or 0.
    tasks: Vec<u32>,
    /// Tasks without exchanges, by their rows from 1.
    empty: HashSet<u32>,
    num_tasks: u32,
    num_pairs: u32,
    /// The rows of pairs that make a sample.
    kept: Vec<u32>,
}

impl<'a> Mixing<'a> {
    /// Nothing is mixed yet.
    pub fn new(options: &'a MixOptions, prompts: &'a Prompts) -> Self {
        Self {
            options,
            prompts,
            pairs: Names::default(),
            tasks: Vec::new(),
            empty: HashSet::new(),
            num_tasks: 0,
            num_pairs: 0,
            kept: Vec::new(),
        }
    }

    /// There is a pair of this id.
    pub fn know(&mut self, id: &str) {
        if self.pairs.add(id).1 {
            self.tasks.push(0);
        }
    }

    /// The next task, by its id and that of its pair, with the number of its exchanges; rejected if no pair is known by that
    /// id, or has a task already.
    pub fn task(&mut self, id: &str, pair: &str, exchanges: usize) -> Option<Rejected> {
        self.num_tasks += 1;
        let Some(number) = self.pairs.find(pair) else {
            return Some(reject(id, "unknown-pair", pair));
        };
        let task = &mut self.tasks[number];
        if *task != 0 {
            return Some(reject(id, "second-triplet", pair));
        }
        *task = self.num_tasks;
        if exchanges == 0 {
            self.empty.insert(self.num_tasks);
        }
        None
    }

    /// The next pair; rejected if it makes no sample.
    pub fn pair(&mut self, pair: &Pair) -> Option<Rejected> {
        let row = self.num_pairs;
        self.num_pairs += 1;
        let task = self
            .pairs
            .find(&pair.id)
            .map_or(0, |number| self.tasks[number]);
        let has_task = task != 0 && !self.empty.contains(&task);
        match parts(pair, has_task, self.options) {
            Ok(_) => {
                self.kept.push(row);
                None
            }
            Err((reason, detail)) => Some(reject(&pair.id, reason, detail)),
        }
    }

    /// What comes when, with so many general samples to draw from.
    pub fn order(&self, general: usize) -> Vec<MixEntry> {
        let (options, of_pairs) = (self.options, self.kept.len());
        let wanted = (of_pairs as f64 * options.general_ratio.max(0.0)).round() as usize;
        let mut places = Vec::with_capacity(of_pairs + if general > 0 { wanted } else { 0 });
        places.extend(self.kept.iter().map(|&row| MixEntry::Pair(row)));
        replay(&mut places, general, wanted, options.seed);
        Rng::new(hash(options.seed, "mix order")).shuffle(&mut places);
        places
    }

    /// The row of the task of a pair, from 0.
    pub fn task_of(&self, pair: &str) -> Option<usize> {
        let task = self.tasks[self.pairs.find(pair)?];
        task.checked_sub(1).map(|row| row as usize)
    }

    /// The sample of a pair that was not rejected, with its task.
    pub fn sample(&self, pair: &Pair, task: Option<&SyntheticTask>) -> Option<Sample> {
        sample(pair, task, self.options, self.prompts)
    }
}

/// General samples in a drawn order; once all are used, they come again.
fn replay(places: &mut Vec<MixEntry>, general: usize, wanted: usize, seed: u64) {
    let mut order: Vec<u32> = (0..general as u32).collect();
    let end = places.len() + wanted;
    let mut round = 1;
    while places.len() < end && !order.is_empty() {
        Rng::new(hash(seed, &format!("replay {round}"))).shuffle(&mut order);
        let drawn = order.iter().take(end - places.len());
        places.extend(drawn.map(|&at| MixEntry::General { at, round }));
        round += 1;
    }
}

/// A general sample as it is replayed.
///
/// ```
/// let sample = corpus::Sample::exchange("7", Vec::new(), "What is it?", "A stew.");
/// assert_eq!(synthesis::again(sample, 2).id, "general/7/2");
/// ```
#[must_use]
pub fn again(sample: Sample, round: u32) -> Sample {
    Sample {
        id: format!("general/{}/{round}", sample.id),
        ..sample
    }
}

/// Which tasks a pair trains: its caption, its task. One at least, or why there is none.
fn parts(
    pair: &Pair,
    has_task: bool,
    options: &MixOptions,
) -> Result<[bool; 2], (&'static str, &'static str)> {
    if pair.images.is_empty() {
        return Err(("no-image", "the pair names no picture"));
    }
    let has_task = has_task && options.synthetic;
    if options.synthetic && !has_task {
        if !options.caption {
            return Err((
                "no-triplet",
                "no triplet was kept, and the caption task is off",
            ));
        }
        if options.without_triplet == WithoutTriplet::Drop {
            return Err((
                "no-triplet",
                "no triplet was kept; `without_triplet` is `drop`",
            ));
        }
    }
    let has_caption = options.caption && !pair.caption.trim().is_empty();
    if !has_caption && !has_task {
        return Err((
            "empty-caption",
            "there is neither a caption nor a triplet to train",
        ));
    }
    Ok([has_caption, has_task])
}

fn sample(
    pair: &Pair,
    task: Option<&SyntheticTask>,
    options: &MixOptions,
    prompts: &Prompts,
) -> Option<Sample> {
    let task = task.filter(|t| options.synthetic && !t.exchanges.is_empty());
    let [has_caption, _] = parts(pair, task.is_some(), options).ok()?;
    let mut rng = Rng::new(hash(options.seed, &format!("mix {}", pair.id)));
    let caption = caption_task(pair, &mut rng, prompts).filter(|_| has_caption);
    let caption_first = options.caption_position == CaptionPosition::Random && rng.chance(0.5);
    let position = match (&caption, task) {
        (Some(_), Some(_)) if caption_first => Some("first"),
        (Some(_), Some(_)) => Some("last"),
        _ => None,
    };
    let synthetic = task.map(|t| t.exchanges.clone()).unwrap_or_default();
    let caption = Vec::from_iter(caption);
    let exchanges = if caption_first {
        [caption, synthetic]
    } else {
        [synthetic, caption]
    };

    let mut turns = Vec::new();
    if !prompts.captioning.system.trim().is_empty() {
        turns.push(Turn::new(Role::System, prompts.captioning.system.trim()));
    }
    for (at, [user, assistant]) in exchanges.into_iter().flatten().enumerate() {
        let user = if at == 0 {
            Turn::new(Role::User, text::with_marks(pair.images.len(), &user)).with_marks()
        } else {
            Turn::new(Role::User, text::without_marks(&user))
        };
        turns.extend([user, Turn::new(Role::Assistant, assistant).learned()]);
    }
    let origin = json!({
        "pair": pair.id,
        "source": pair.source,
        "triplet": task.map(|t| &t.id),
        "template": task.map(|t| &t.template),
        "caption": position,
    });
    Some(Sample {
        id: pair.id.clone(),
        images: pair.images.clone(),
        turns,
        end: false,
        origin,
    })
}

fn caption_task(pair: &Pair, rng: &mut Rng, prompts: &Prompts) -> Option<[String; 2]> {
    // Drawn in any case, so that a pair with its own request does not change what else is drawn for it.
    let drawn = rng.choose(&prompts.captioning.requests);
    let own = pair
        .request
        .as_deref()
        .map(text::without_marks)
        .filter(|r| !r.is_empty());
    let caption = pair.caption.trim();
    (!caption.is_empty()).then(|| [own.unwrap_or_else(|| drawn.clone()), caption.to_owned()])
}

#[cfg(test)]
mod tests;
