//! What a run is, in sentences.

use run::recipe::Recipe;
use synthesis::Maker;

/// What the page says of the run before its numbers.
pub(super) fn about(recipe: &Recipe) -> Vec<String> {
    let how = if recipe.stages.is_empty() {
        "captions and tasks were trained together in a single stage".to_owned()
    } else {
        let stages = recipe.stages.iter();
        let stages = stages.map(|stage| format!("{} (`{}`)", stage.about(), stage.name));
        let stages: Vec<String> = stages.collect();
        format!(
            "the model was trained in stages: {}",
            stages.join(", then ")
        )
    };
    let mut out = vec![format!(
        "The model was adapted to a domain from image-caption pairs alone: {}, and {how}.",
        who_wrote(recipe)
    )];
    if recipe.uses_demo_base() {
        out.push(
            "The base is the demo's own toy model of a few million parameters, trained from scratch on pictograms. Its \
             numbers say whether the road works, and nothing about any real model or benchmark."
                .to_owned(),
        );
    }
    if recipe.mix.general.is_some() && recipe.mix.general_ratio > 0.0 {
        out.push(format!(
            "General replay is on ({} samples for each domain sample), which the paper does not have.",
            recipe.mix.general_ratio
        ));
    }
    let ranked = &recipe.evaluate.by_likelihood;
    if !ranked.is_empty() {
        out.push(format!(
            "The options of the task {} are ranked by likelihood, for the base and the adapted model alike: nobody loses \
             points for the form of an answer.",
            ranked.join(", ")
        ));
    }
    out
}

/// Who wrote the tasks, and who looked at them.
fn who_wrote(recipe: &Recipe) -> String {
    let maker = recipe.making.maker;
    if maker == Maker::Synthesizer {
        return "a synthesizer tuned on seed data wrote tasks for each pair, a judge left out the inconsistent ones".to_owned();
    }
    let judged = if maker.gives_triplets() {
        ", of which a judge left out the inconsistent ones"
    } else {
        ""
    };
    format!("it learned tasks {}{judged}", maker.about())
}
