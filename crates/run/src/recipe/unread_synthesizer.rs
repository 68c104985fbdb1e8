//! What of `[synthesizer]` the paper's ablations leave unread.

use synthesis::{Corruption, Input};
use toml::Value;

use super::unread_rule::{Unread, Values, unread};

/// What is for a tuned synthesizer, where the general model itself synthesizes.
pub(super) fn untuned(recipe: Values<'_>) -> Option<Unread> {
    let is_served = recipe.has("synthesizer.endpoint");
    let is_untuned = recipe.is_off("synthesizer.tuned") && !is_served;
    is_untuned.then(|| {
        unread(
            &[
                "synthesizer.checkpoint",
                "synthesizer.seed_data",
                "synthesizer.blank_images",
                "synthesizer.train.",
            ],
            &["synthesizer.tuned"],
            "it is for a tuned synthesizer, and with `synthesizer.tuned` off the general model itself synthesizes",
        )
    })
}

/// A corruption of what the synthesizer is not shown.
pub(super) fn corruption(recipe: Values<'_>) -> Option<Unread> {
    let word = |key: &str| recipe.get(key).and_then(Value::as_str);
    let corruption: Corruption = word("synthesizer.corrupt")?.parse().ok()?;
    let input: Input = word("synthesizer.input")?.parse().ok()?;
    let what = if corruption.is_of_pictures() {
        "pictures"
    } else {
        "captions"
    };
    let is_shown = corruption.shown_by(input) == corruption;
    (!is_shown).then(|| {
        let why = format!("it is for {what}, and `synthesizer.input` shows the synthesizer none");
        unread(&["synthesizer.corrupt"], &["synthesizer.input"], &why)
    })
}
