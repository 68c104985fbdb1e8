//! The keys of trainings of several stages: which stages there are, and the keys that each of them has.

use super::key::{Key, Preset, key};
use super::shape::Shape;
use super::stages::{Pipeline, STAGES};
use super::training_keys::TRAINING;

pub(super) const OF_STAGES: &[Key] = &[
    key!(
        "train.pipeline",
        Shape::Word(&Pipeline::WORDS),
        "\"single\"",
        "paper, section 3.3",
        "stages of the training: captions and tasks together, captions before tasks, or before both together"
    ),
    key!(
        "train.stages",
        Shape::Stages,
        "stages of your own, `[[train.stages]]` each, in order: a `name`, its `data` (mix, caption, synthetic, general or a \
         sample file), and any key of `[train]`, whose value it else takes"
    ),
];

/// What a stage trains on. Its words are no places, but what they mean enters a stage's identity through its samples.
const DATA: Key = key!(
    "train.stages.data",
    Shape::Path,
    "what the stage trains on: mix, caption, synthetic, general, or a sample file"
);

/// The keys that a stage has beside its name and `data`, with their names in a stage: those of `[train]`.
pub(super) fn of_stage() -> impl Iterator<Item = (&'static str, &'static Key)> {
    let all = TRAINING.iter();
    let named = all.filter_map(|key| Some((key.name.strip_prefix("train.")?, key)));
    named.filter(|(name, _)| *name != "data")
}

/// The key behind a stage's dotted name, `train.stages.<stage>.<key>`.
pub(super) fn key_of_stage(name: &str) -> Option<&'static Key> {
    let of = name.strip_prefix(STAGES)?.strip_prefix('.')?;
    let (_, last) = of.split_once('.')?;
    if last == "data" {
        return Some(&DATA);
    }
    of_stage()
        .find(|(name, _)| *name == last)
        .map(|(_, key)| key)
}

/// The name that somebody may have meant in a stage.
pub(super) fn nearest(name: &str) -> &'static str {
    let mut names: Vec<&str> = of_stage().map(|(name, _)| name).collect();
    names.extend(["data", "name"]);
    names.sort_unstable();
    corpus::nearest(name, names).unwrap_or("data")
}
