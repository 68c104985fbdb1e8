//! What is for judging data, where none is judged, and what is for making it, where it is judged alone.

use super::unread_rule::{Unread, Values, unread};

/// Whether data is judged, as far as keys tell.
pub(super) fn judges(recipe: Values<'_>) -> bool {
    let has_judge = recipe.has("quality.checkpoint") || recipe.has("quality.endpoint");
    let makes = recipe.has("data.pairs") && !recipe.is_off("mix.synthetic");
    recipe.has("quality.data") || makes && has_judge
}

/// What the recipe's judging does not read.
pub(super) fn of_quality(recipe: Values<'_>) -> Vec<Unread> {
    let mut all = Vec::new();
    let tunes = recipe.has("synthesizer.seed_data") || recipe.has("synthesizer.train.data");
    if recipe.has("quality.data") && !recipe.has("data.pairs") && !tunes {
        all.push(unread(
            &[
                "model.checkpoint",
                "data.images",
                "data.columns",
                "data.held_out",
                "data.split_seed",
                "data.maker",
                "maker.",
                "synthesizer.",
                "filter.",
                "mix.",
                "train.",
                "evaluate.",
            ],
            &["quality.data", "data.pairs"],
            "without `data.pairs` the run is about the quality of `quality.data` alone",
        ));
    }
    if !judges(recipe) {
        all.push(unread(
            &["quality."],
            &["quality.data", "quality.checkpoint", "quality.endpoint", "mix.synthetic"],
            "it is for data that is judged; name sets in `quality.data`, or a judge of what the run synthesizes in \
             `quality.checkpoint` or `quality.endpoint`",
        ));
        return all;
    }
    if !recipe.has("quality.checkpoint") && !recipe.has("quality.endpoint") {
        all.push(unread(
            &["quality.alone"],
            &["quality.checkpoint", "quality.endpoint"],
            "it is for a model that judges, and there is none; name one in `quality.checkpoint` or `quality.endpoint`",
        ));
    }
    if !recipe.has("quality.data") {
        all.push(unread(
            &["quality.pairs"],
            &["quality.data"],
            "it is for triplets of `quality.data`, and there are none",
        ));
    }
    all
}
