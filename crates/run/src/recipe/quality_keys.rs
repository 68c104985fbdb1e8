//! The keys of judging the quality of data.

use super::key::{Key, OURS, Preset, key};
use super::shape::Shape;

pub(super) const QUALITY: &[Key] = &[
    key!(
        "quality.data",
        Shape::Texts,
        "sets of tasks to judge, each a path or `NAME=PATH`: a run folder, triplets, a maker's conversations, seed data, samples, or \
         conversations of any layout; without `data.pairs` the run is about these alone"
    ),
    key!(
        "quality.pairs",
        Shape::Path,
        "pictures and captions of triplets that do not lie in a run folder: its `pairs.jsonl`"
    ),
    key!(
        "quality.sample",
        Shape::Integer(1, 1_000_000),
        "200",
        "paper, appendix G",
        "most tasks of each set that are judged, drawn by `run.seed` and evenly over task types"
    ),
    key!(
        "quality.filter",
        Shape::Flag,
        "false",
        OURS,
        "measure the filter: of triplets with verdicts half of the sample is drawn of what was kept, half of what was dropped"
    ),
    key!(
        "quality.checkpoint",
        Shape::Model,
        "the model that judges the sample"
    ),
    key!(
        "quality.alone",
        Shape::Flag,
        "false",
        OURS,
        "show the judge one task at a time, and not those of all sets side by side"
    ),
    key!(
        "quality.answerer",
        Shape::Model,
        "a model that is asked the sample's questions with the picture and with a blank one: what it answers alike needs no picture"
    ),
    key!(
        "quality.ratings",
        Shape::Paths,
        "files of ratings that people saved from the sheet"
    ),
    key!(
        "quality.cases",
        Shape::Integer(0, 1000),
        "6",
        OURS,
        "pairs that are shown with every set's task side by side"
    ),
    key!(
        "quality.show",
        Shape::Texts,
        "ids of pairs that are shown in place of those that are drawn"
    ),
    key!(
        "quality.prompts",
        Shape::Path,
        "TOML file that replaces prompts by name: what the judge and people are asked"
    ),
];
