//! The layouts in which checkpoints of the LLaVA-shaped families (`llava`, `llava_next`, `mllama`) have been published,
//! and how ours are named in them. Only a CLIP tower was ever nested.
//!
//! | written by | language model | tower | projector, newline |
//! |---|---|---|---|
//! | `transformers` before 4.52 | `language_model.model.`, `language_model.lm_head.` | `vision_tower.vision_model.` | bare |
//! | 4.52 and later, in memory | `model.language_model.`, `lm_head.` | `model.vision_tower.vision_model.` | `model.` |
//! | 5.17, saved fresh | `language_model.model.`, `language_model.lm_head.` | `vision_tower.` | bare |
//! | 5.17, in memory | `model.language_model.`, `lm_head.` | `model.vision_tower.` | `model.` |

use torch::{Device, Kind};

use crate::weights::{Source, Weights};

/// How a checkpoint names its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `model.` comes before all but the head.
    pub prefixed: bool,
    /// `vision_model.` comes after `vision_tower.`.
    pub nested_tower: bool,
}

impl Layout {
    /// What `transformers` 5.17.0 writes for a fresh model.
    pub const CURRENT: Self = Self {
        prefixed: false,
        nested_tower: false,
    };

    /// The layout of these names.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut layout = Self::CURRENT;
        for name in names {
            layout.prefixed |= name.starts_with("model.");
            layout.nested_tower |= name.contains("vision_tower.vision_model.");
        }
        layout
    }

    /// The layout of a source, and its weights by the names of `transformers` 5.17.0.
    pub fn weights(source: Source, device: Device, kind: Kind) -> (Self, Weights) {
        let layout = source
            .checkpoint()
            .map_or(Self::CURRENT, |found| Self::of(found.names()));
        let published = Box::new(move |name: &str| layout.published(name));
        (layout, Weights::new(source, published, device, kind))
    }

    /// The published name of a parameter of `transformers` 5.17.0.
    pub fn published(self, name: &str) -> String {
        let mut name = name.to_owned();
        if self.nested_tower {
            name = name.replacen("vision_tower.", "vision_tower.vision_model.", 1);
        }
        if self.prefixed {
            return name;
        }
        if let Some(rest) = name.strip_prefix("model.language_model.") {
            return format!("language_model.model.{rest}");
        }
        if name.starts_with("lm_head.") {
            return format!("language_model.{name}");
        }
        name.strip_prefix("model.")
            .map(str::to_owned)
            .unwrap_or(name)
    }
}

/// Buffers that old versions stored and no version needs.
pub fn is_buffer(name: &str) -> bool {
    name.ends_with(".position_ids") || name.ends_with("rotary_emb.inv_freq")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_layout() {
        let tower = "model.vision_tower.encoder.layers.0.mlp.fc1.bias";
        for (prefixed, nested_tower, tower_name, text, head) in [
            (
                false,
                true,
                "vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias",
                "language_model.model.norm.weight",
                "language_model.lm_head.weight",
            ),
            (
                true,
                true,
                "model.vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias",
                "model.language_model.norm.weight",
                "lm_head.weight",
            ),
            (
                false,
                false,
                "vision_tower.encoder.layers.0.mlp.fc1.bias",
                "language_model.model.norm.weight",
                "language_model.lm_head.weight",
            ),
            (
                true,
                false,
                tower,
                "model.language_model.norm.weight",
                "lm_head.weight",
            ),
        ] {
            let layout = Layout {
                prefixed,
                nested_tower,
            };
            assert_eq!(layout.published(tower), tower_name);
            assert_eq!(layout.published("model.language_model.norm.weight"), text);
            assert_eq!(layout.published("lm_head.weight"), head);
            assert_eq!(Layout::of([tower_name, text, head].into_iter()), layout);
        }
    }
}
