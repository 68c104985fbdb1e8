//! The layouts in which Qwen2-VL checkpoints have been published.
//!
//! | written by | language model | tower |
//! |---|---|---|
//! | the hub, and `save_pretrained` of all versions | `model.`, `lm_head.` | `visual.` |
//! | a state dict of 4.52 and later | `model.language_model.`, `lm_head.` | `model.visual.` |

/// Whether names are those of a state dict of `transformers` 4.52 and later.
pub fn is_nested<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| name.starts_with("model.visual.") || name.starts_with("model.language_model."))
}

/// The published name of a parameter of `transformers` 5.17.0.
pub fn published(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("model.language_model.") {
        return format!("model.{rest}");
    }
    if let Some(rest) = name.strip_prefix("model.visual.") {
        return format!("visual.{rest}");
    }
    name.to_owned()
}
