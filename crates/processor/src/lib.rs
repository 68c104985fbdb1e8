//! What a multimodal model eats: a conversation and its pictures become token ids, a label mask and pixels. No tensors.

pub mod encoded;

pub use encoded::{Encoded, ImageGrid, ImageInput};
