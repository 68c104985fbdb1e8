//! How a synthesizer's conversation begins: the request for the caption with the picture, and the caption. Tuning and
//! asking share it, so that the synthesizer is asked exactly as it was tuned.

use std::path::PathBuf;

use corpus::{Role, Turn};
use serde::{Deserialize, Serialize};

use crate::prompts::SynthesizerPrompts;
use crate::text;

/// What the synthesizer sees (paper, table 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// Picture and caption.
    #[default]
    Both,
    /// The picture alone, as Genixer does.
    Image,
    /// The caption alone, as Instruction Pre-Training does.
    Caption,
    /// Neither: what it writes without looking.
    None,
}

corpus::words!(Input {
    Both = "both",
    Image = "image",
    Caption = "caption",
    None = "none",
});

impl Input {
    /// Whether pictures are shown.
    pub fn has_image(self) -> bool {
        matches!(self, Self::Both | Self::Image)
    }

    /// Whether captions are shown.
    pub fn has_caption(self) -> bool {
        matches!(self, Self::Both | Self::Caption)
    }
}

/// The pictures and turns that come before what the synthesizer writes; none of them is learned.
pub(crate) fn opening(
    images: &[PathBuf],
    caption: &str,
    input: Input,
    prompts: &SynthesizerPrompts,
) -> (Vec<PathBuf>, Vec<Turn>) {
    let images = if input.has_image() {
        images.to_vec()
    } else {
        Vec::new()
    };
    let mut turns = Vec::new();
    if !prompts.system.trim().is_empty() {
        turns.push(Turn::new(Role::System, prompts.system.trim()));
    }
    let request = text::with_marks(images.len(), &prompts.caption_request);
    turns.push(Turn::new(Role::User, request).with_marks());
    let caption = if input.has_caption() {
        caption.trim()
    } else {
        prompts.without_caption.trim()
    };
    turns.push(Turn::new(Role::Assistant, caption));
    (images, turns)
}

/// What is missing of a pair or seed for this input: the reason and its detail.
pub(crate) fn missing(
    images: &[PathBuf],
    caption: &str,
    input: Input,
) -> Option<(&'static str, &'static str)> {
    if input.has_image() && images.is_empty() {
        return Some(("no-image", "the record names no picture"));
    }
    if input.has_caption() && caption.trim().is_empty() {
        return Some(("empty-caption", "the caption is empty"));
    }
    None
}
