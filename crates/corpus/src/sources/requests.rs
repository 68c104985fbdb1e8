//! What is asked about the pictures of a data set, since most are published without.

use super::source::Source;
use crate::seed::{Rng, hash};

/// Requests that a caption answers, in our words; one is drawn for each pair.
pub(super) fn pool(source: Source) -> &'static [&'static str] {
    match source {
        Source::LlavaMed | Source::PubMedVision => &[
            "Describe this medical picture.",
            "What does this figure show?",
            "Tell me what can be seen in this image.",
            "Give an account of the findings in this picture.",
            "Explain what is shown here.",
            "Write a caption for this biomedical figure.",
        ],
        Source::Recipe1M => &[
            "How is the dish in this picture made?",
            "Write the recipe of this dish.",
            "What are the ingredients and the steps for this meal?",
            "I would like to cook this. What do I need, and what do I do?",
            "Give the title, ingredients and instructions for what is shown.",
            "Which recipe gives a dish like this one?",
        ],
        _ => &[
            "Describe this aerial picture in one sentence.",
            "What does this satellite image show?",
            "Write a short caption for this view from above.",
            "What can be seen on the ground here?",
            "Summarise this remote-sensing image.",
            "Say in a sentence what lies in this scene.",
        ],
    }
}

pub(super) fn request(source: Source, seed: u64, id: &str) -> String {
    let mut rng = Rng::new(hash(seed, id));
    (*rng.choose(pool(source))).to_owned()
}
