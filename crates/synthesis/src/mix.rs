//! Post-training samples: the caption task and the synthetic task of a picture in one conversation (single-stage), or
//! in two files (two-stage), with general samples mixed in on demand. Responses carry loss, requests do not.

use std::collections::{HashMap, HashSet};

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
    let task = |triplet: &Triplet| {
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
    };
    triplets.iter().map(task).collect()
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
    let by_pair = by_pair(pairs, tasks, &mut outcome.rejected);
    for pair in pairs {
        match sample(
            pair,
            by_pair.get(pair.id.as_str()).copied(),
            options,
            prompts,
        ) {
            Ok(sample) => outcome.items.push(sample),
            Err((reason, detail)) => outcome.rejected.push(reject(&pair.id, reason, detail)),
        }
    }
    let wanted = (outcome.items.len() as f64 * options.general_ratio.max(0.0)).round() as usize;
    outcome.items.extend(replay(general, wanted, options.seed));
    Rng::new(hash(options.seed, "mix order")).shuffle(&mut outcome.items);
    outcome
}

/// The first task of each pair.
fn by_pair<'a>(
    pairs: &[Pair],
    tasks: &'a [SyntheticTask],
    rejected: &mut Vec<Rejected>,
) -> HashMap<&'a str, &'a SyntheticTask> {
    let known: HashSet<&str> = pairs.iter().map(|p| p.id.as_str()).collect();
    let mut found = HashMap::new();
    for task in tasks {
        let pair = task.pair.as_str();
        if !known.contains(pair) {
            rejected.push(reject(&task.id, "unknown-pair", pair));
        } else if found.contains_key(pair) {
            rejected.push(reject(&task.id, "second-triplet", pair));
        } else {
            found.insert(pair, task);
        }
    }
    found
}

fn sample(
    pair: &Pair,
    task: Option<&SyntheticTask>,
    options: &MixOptions,
    prompts: &Prompts,
) -> Result<Sample, (&'static str, &'static str)> {
    if pair.images.is_empty() {
        return Err(("no-image", "the pair names no picture"));
    }
    let task = task.filter(|t| options.synthetic && !t.exchanges.is_empty());
    if options.synthetic && task.is_none() {
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
    let mut rng = Rng::new(hash(options.seed, &format!("mix {}", pair.id)));
    let caption = caption_task(pair, &mut rng, prompts).filter(|_| options.caption);
    let caption_first = options.caption_position == CaptionPosition::Random && rng.chance(0.5);
    let position = match (&caption, task) {
        (None, None) => {
            return Err((
                "empty-caption",
                "there is neither a caption nor a triplet to train",
            ));
        }
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
    Ok(Sample {
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

/// General samples in a drawn order; once all are used, they come again.
fn replay(general: &[Sample], wanted: usize, seed: u64) -> Vec<Sample> {
    let mut order: Vec<usize> = (0..general.len()).collect();
    let mut out = Vec::with_capacity(wanted);
    let mut round = 1;
    while out.len() < wanted && !order.is_empty() {
        Rng::new(hash(seed, &format!("replay {round}"))).shuffle(&mut order);
        for &at in order.iter().take(wanted - out.len()) {
            let id = format!("general/{}/{round}", general[at].id);
            out.push(Sample {
                id,
                ..general[at].clone()
            });
        }
        round += 1;
    }
    out
}

#[cfg(test)]
mod tests;
