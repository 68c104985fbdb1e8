//! The result of processing one sample or request.

use std::sync::Arc;

/// Token ids with their label mask and the pictures that the image tokens stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Token ids; each picture's image token is repeated `num_tokens` times in place. Length t.
    pub ids: Vec<i64>,
    /// Whether the loss of predicting this token counts. Length t; never true on an image token.
    pub learn: Vec<bool>,
    /// The pictures in the order of their tokens.
    pub images: Vec<ImageInput>,
}

/// One picture, resized, cut and normalised for a family's vision tower.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageInput {
    /// Row-major values of `shape`.
    pub pixels: Arc<Vec<f32>>,
    /// LLaVA-NeXT: `[tiles, 3, height, width]`, the overview first, then the tiles row by row. LLaVA: `[1, 3, height,
    /// width]`. Qwen2-VL: `[patches, 3, height, width]`, patches that are merged side by side. Llama 3.2: `[tiles, 3,
    /// height, width]`, row by row.
    pub shape: Vec<usize>,
    /// What the family needs to put the features back together.
    pub grid: ImageGrid,
    /// How many image tokens stand for it.
    pub num_tokens: usize,
}

/// How a picture was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageGrid {
    /// LLaVA-NeXT's any-resolution tiles.
    Tiles {
        /// Height and width of the picture before resizing, in pixels.
        original: (usize, usize),
        /// Rows and columns of tiles.
        tiles: (usize, usize),
    },
    /// LLaVA: one tile.
    Whole,
    /// Qwen2-VL: patches at the picture's own resolution.
    Patches {
        /// Rows and columns of patches before merging.
        patches: (usize, usize),
    },
    /// Llama 3.2: tiles of one of the known aspect ratios.
    Canvas {
        /// Rows and columns of tiles.
        tiles: (usize, usize),
    },
}
