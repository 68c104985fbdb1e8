//! What a forward is given: the tokens and pictures of several sequences.
//!
//! Shapes: t packed tokens, f image features, d model width, g key-value heads, n vision tokens, e head width.

use processor::ImageInput;
use torch::Tensor;

use crate::recompute::Recompute;

/// Samples laid end to end. Attention is block-diagonal: a token sees the earlier tokens of its own sequence only.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Token ids of all sequences. Length t.
    pub ids: Vec<i64>,
    /// Position of each token within its own sequence (cached tokens included). Length t.
    pub positions: Vec<i64>,
    /// Where each sequence starts, and t at the end. Length: number of sequences + 1.
    pub starts: Vec<usize>,
    /// The pictures of all sequences, in the order of their image tokens.
    pub images: Vec<ImageInput>,
    /// The same pictures as the language model sees them, where they are encoded already; else none.
    pub pictures: Vec<Picture>,
    /// What a backward computes again; with a cache there is none.
    pub recompute: Recompute,
}

/// A picture as the language model sees it: encoded once, shown to any number of sequences. A clone is the same tensors.
#[derive(Debug)]
pub struct Picture {
    /// What takes the place of its image tokens, or what cross-attention layers look at: `[f, d]`.
    pub features: Tensor,
    /// Per cross-attention layer, keys and values `[1, g, n, e]` of its vision tokens.
    pub layers: Vec<(Tensor, Tensor)>,
}

impl Clone for Picture {
    fn clone(&self) -> Self {
        let layers = self.layers.iter();
        Self {
            features: self.features.shallow_clone(),
            layers: layers
                .map(|(k, v)| (k.shallow_clone(), v.shallow_clone()))
                .collect(),
        }
    }
}

impl Batch {
    /// Appends a sequence whose first token has position `offset`.
    pub fn push(&mut self, ids: &[i64], offset: usize, images: &[ImageInput]) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.ids.extend_from_slice(ids);
        self.positions
            .extend((0..ids.len()).map(|i| (offset + i) as i64));
        self.starts.push(self.ids.len());
        self.images.extend_from_slice(images);
    }

    /// Number of sequences.
    pub fn num_sequences(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}
