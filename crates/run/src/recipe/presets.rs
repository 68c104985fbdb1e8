//! The paper's settings as constructors, for whoever writes no recipe. They are the presets of the recipe's keys, so that
//! there is one table of them.
//!
//! ```
//! use run::recipe::{Family, Training};
//! let training = Training { batch_size: 16, ..Training::post_training(Family::Qwen2Vl) };
//! assert_eq!((training.learning_rate.vision_tower, training.weight_decay), (1e-5, 0.1));
//! ```

use std::path::Path;

use super::family::Family;
use super::keys::keys;
use super::resolution::{Resolution, pixels, preset_of};
use super::training::Training;
use super::values::Values;
use crate::hub::Hub;

impl Training {
    /// Tuning of the synthesizer: table 9, whose only column is LLaVA-v1.6.
    pub fn synthesizer() -> Self {
        of(Family::LlavaNext, "synthesizer.train")
    }

    /// Post-training of a model of this family: its column of table 10. The learning rates are those of single-stage
    /// training, and of the second of two stages.
    pub fn post_training(family: Family) -> Self {
        of(family, "train")
    }
}

impl Family {
    /// The fewest and most pixels of a question's picture in the paper's evaluation; the model's own where there is none.
    ///
    /// ```
    /// assert_eq!(run::recipe::Family::Qwen2Vl.evaluation_pixels(), [Some(224 * 224), Some(1280 * 28 * 28)]);
    /// ```
    pub fn evaluation_pixels(self) -> [Option<usize>; 2] {
        pixels(Some(self))
    }
}

/// What a training's section is in a recipe that says nothing of it.
fn of(family: Family, section: &str) -> Training {
    let presets =
        keys().filter_map(|key| Some((key.name.to_owned(), preset_of(key, Some(family))?)));
    let presets: Resolution = presets.collect();
    let hub = Hub::default();
    // No preset of a training is a path, so that nothing is looked for.
    let mut values = Values::new(presets, Path::new(""), &hub);
    values.training(section)
}
