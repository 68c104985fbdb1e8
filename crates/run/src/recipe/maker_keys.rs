//! The keys of makers of data other than the synthesizer.

use super::key::{Key, OURS, Preset, key};
use super::shape::Shape;

pub(super) const MAKER: &[Key] = &[
    key!(
        "maker.checkpoint",
        Shape::Model,
        "the model that `data.maker` asks, if that is text-only, with-picture or one-shot"
    ),
    key!(
        "maker.temperature",
        Shape::Number(0.0, 5.0),
        "0.7",
        OURS,
        "0 is greedy"
    ),
    key!(
        "maker.top_p",
        Shape::Number(0.01, 1.0),
        "1.0",
        OURS,
        "nucleus sampling"
    ),
    key!(
        "maker.max_new_tokens",
        Shape::Integer(1, 100_000),
        "1024",
        OURS,
        "most tokens of an answer"
    ),
    key!(
        "maker.rounds",
        Shape::Integer(0, 100),
        "3",
        "LLaVA-Med",
        "how often what gave no task is asked again under other seeds; each time only what still has none"
    ),
    key!(
        "maker.mentions",
        Shape::Text,
        "\"mentions\"",
        OURS,
        "the key of a record, with a text or a list of texts, under which passages stand that mention the picture"
    ),
    key!(
        "maker.prompts",
        Shape::Path,
        "TOML file that replaces prompts by name, those of filter and samples too"
    ),
];
