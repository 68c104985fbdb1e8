//! Floating-point operations of a training by arithmetic: from a model's sizes and what a sample holds, without weights and
//! without a tensor library.
//!
//! A product of `n` rows with a weight of `p` values takes `2·n·p` operations, attention of query width `q` takes `4·q` a pair
//! of what sees each other (a text sees what stands before it, which is half), and a training of the whole model is three times
//! its forward. Norms, activations, the optimizer, and what is computed for padding or a second time count for nothing.

use crate::memory::{Architecture, Text, Tower, Vision};

/// What a training sample holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Content {
    /// Tokens in the language model, those of pictures among them where they stand in its text.
    pub tokens: f64,
    /// Tokens that are learned; only these reach the head.
    pub learned: f64,
    /// Patches of its pictures in the tower.
    pub patches: f64,
    /// Patches that see each other: those of a tile for LLaVA, of a picture for others.
    pub seen_together: f64,
}

/// Operations of one step of training on one sample, all weights trained.
///
/// ```
/// use run::memory::Architecture;
/// use run::operations::{Content, of_training};
///
/// let config = serde_json::json!({
///     "model_type": "llama", "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1,
///     "num_attention_heads": 2, "vocab_size": 10,
/// });
/// let model = Architecture::of_config(&config)?;
/// let text = Content { tokens: 4.0, learned: 2.0, patches: 0.0, seen_together: 0.0 };
/// // Four maps of attention, three of the feed-forward part, 16/2 pairs, and the head for two tokens.
/// let forward = 4.0 * 2.0 * (4.0 * 64.0 + 3.0 * 128.0) + 8.0 * 4.0 * 8.0 + 2.0 * 2.0 * 80.0;
/// assert_eq!(of_training(&model, &text), 3.0 * forward);
/// # Ok::<(), run::memory::MemoryError>(())
/// ```
pub fn of_training(model: &Architecture, content: &Content) -> f64 {
    let vision = model.vision.as_ref();
    let seen = vision.map_or(0.0, |vision| of_vision(vision, model.text.width, content));
    3.0 * (seen + of_text(&model.text, content))
}

fn of_text(text: &Text, content: &Content) -> f64 {
    let count = |n: u64| n as f64;
    let (width, queries, keys) = (count(text.width), count(text.queries()), count(text.keys()));
    let inner = 3.0 * width * count(text.inner);
    let around = 2.0 * width * queries;
    let of_keys = 2.0 * width * keys;
    let (cross, tokens) = (count(text.cross_layers), content.tokens);
    let own = count(text.layers) - cross;
    let of_own =
        own * (2.0 * tokens * (around + of_keys + inner) + 4.0 * queries * tokens * tokens / 2.0);
    let of_cross = cross
        * (2.0 * tokens * (around + inner)
            + 2.0 * content.patches * of_keys
            + 4.0 * queries * tokens * content.patches);
    of_own + of_cross + 2.0 * content.learned * width * count(text.vocabulary)
}

fn of_vision(vision: &Vision, text_width: u64, content: &Content) -> f64 {
    let count = |n: u64| n as f64;
    let (width, inner, text) = (count(vision.width), count(vision.inner), count(text_width));
    let pixels = count(vision.channels * vision.patch * vision.patch);
    let layer = 4.0 * width * width + 2.0 * width * inner;
    // Layers that are run, values that a patch is made of, and those of the projector's maps for each patch.
    let (layers, values, projector) = match vision.tower {
        Tower::Tiles { run, .. } => (run, pixels, width * text + text * text),
        Tower::Merged { merge, frames } => {
            let merged = count(merge * merge);
            let wide = width * merged;
            (
                vision.layers,
                pixels * count(frames),
                (wide * wide + wide * text) / merged,
            )
        }
        Tower::Canvas { global, states, .. } => {
            let all = width * (1.0 + count(states));
            (vision.layers + global, pixels, all * text)
        }
    };
    let of_patch = 2.0 * (width * values + count(layers) * layer + projector);
    content.patches * (of_patch + 4.0 * width * count(layers) * content.seen_together)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What the paper's pictures and texts come to for each model, with the operations that were counted for them
    /// by hand from their shapes, in 10¹².
    const COUNTED: [(&str, Content, f64); 3] = [
        (
            "open-llava-next-llama3-8b",
            Content {
                tokens: 2620.0,
                learned: 250.0,
                patches: 2880.0,
                seen_together: 577.0,
            },
            122.0,
        ),
        (
            "qwen2-vl-2b-instruct",
            Content {
                tokens: 572.0,
                learned: 250.0,
                patches: 1008.0,
                seen_together: 1008.0,
            },
            9.3,
        ),
        (
            "llama-3.2-11b-vision-instruct",
            Content {
                tokens: 320.0,
                learned: 250.0,
                patches: 1601.0,
                seen_together: 1601.0,
            },
            27.8,
        ),
    ];

    #[test]
    fn the_papers_models_take_what_was_counted() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../model/tests/golden/sizes.json"
        );
        let sizes: Value =
            serde_json::from_str(&std::fs::read_to_string(path).expect("sizes")).expect("JSON");
        for (name, content, counted) in COUNTED {
            let model = Architecture::of_config(&sizes[name]["config"]).expect("known");
            let found = of_training(&model, &content) / 1e12;
            assert!((found / counted - 1.0).abs() < 0.02, "{name}: {found}");
        }
    }
}
