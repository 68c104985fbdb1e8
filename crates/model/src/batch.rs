//! What a forward is given: the tokens and pictures of several sequences.
//!
//! Shape: t packed tokens.

use processor::ImageInput;

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
