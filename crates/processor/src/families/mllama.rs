//! Llama 3.2 Vision: a picture on a canvas of up to four tiles, one token in the text.
//!
//! Mirrors `MllamaImageProcessor` (torchvision backend) of transformers 5.17.0: the canvas that scales the picture up the
//! least, or down the least, of those the smallest; black below and to the right. Tiles that fill the picture up to the
//! largest number are left to the model.

use std::cmp::Ordering;
use std::sync::Arc;

use image::RgbImage;
use serde_json::Value;

use super::conversation::{Family, Pictures};
use super::source::Source;
use crate::pixels::{Normalisation, kernel, needs, number};
use crate::resize::{Kernel, resize};
use crate::{Error, ImageGrid, ImageInput};

/// Ids behind the vocabulary that are embedded; see the model's configuration.
const EXTRA_EMBEDDINGS: u64 = 8;
const HALF: [f32; 3] = [0.5; 3];

pub(super) fn family(source: &Source) -> Result<Family, Error> {
    let canvas = source.images(|settings| Canvas::parse(settings, source.config))?;
    let rows = source.config["text_config"]["vocab_size"].as_u64();
    Ok(Family {
        image_token: source.image_token(),
        image_token_text: Some("<|image|>"),
        num_embeddings: rows.map(|rows| rows + EXTRA_EMBEDDINGS),
        pictures: Some(Box::new(canvas)),
    })
}

/// How pictures are cut and scaled.
#[derive(Clone, Debug, PartialEq)]
struct Canvas {
    /// Side of a tile in pixels.
    side: usize,
    max_tiles: usize,
    normalisation: Normalisation,
    kernel: Kernel,
}

impl Canvas {
    fn parse(settings: &Value, config: &Value) -> Result<Self, String> {
        needs(
            settings,
            &[
                "do_resize",
                "do_pad",
                "do_rescale",
                "do_normalize",
                "do_convert_rgb",
            ],
        )?;
        let vision = &config["vision_config"];
        let side = number(&settings["size"]["height"]).unwrap_or(224);
        let width = number(&settings["size"]["width"]).unwrap_or(side);
        let models = number(&vision["image_size"]).unwrap_or(448);
        if side != models || width != models || side == 0 {
            return Err(format!(
                "has tiles of {side} × {width} px, but the vision tower takes {models} × {models}"
            ));
        }
        let max_tiles = number(&settings["max_image_tiles"]).unwrap_or(4);
        let models = number(&vision["max_num_tiles"]).unwrap_or(4);
        if max_tiles != models || max_tiles == 0 {
            return Err(format!(
                "has `max_image_tiles` {max_tiles}, but the model's `max_num_tiles` is {models}"
            ));
        }
        Ok(Self {
            side,
            max_tiles,
            normalisation: Normalisation::parse(settings, (HALF, HALF))?,
            kernel: kernel(settings, 2)?,
        })
    }

    /// Rows and columns of the canvas for a picture.
    fn tiles(&self, (height, width): (usize, usize)) -> (usize, usize) {
        let mut best: Option<(f64, (usize, usize))> = None;
        for rows in 1..=self.max_tiles {
            for columns in 1..=self.max_tiles / rows {
                let scale = |tiles: usize, side: usize| (tiles * self.side) as f64 / side as f64;
                let scale = scale(rows, height).min(scale(columns, width));
                let better = best.is_none_or(|(found, (best_rows, best_columns))| {
                    let smaller = rows * columns < best_rows * best_columns;
                    match (scale >= 1.0, found >= 1.0) {
                        (true, false) => true,
                        (false, true) => false,
                        (both, _) => match scale.total_cmp(&found) {
                            Ordering::Equal => smaller,
                            order => (order == Ordering::Less) == both,
                        },
                    }
                });
                if better {
                    best = Some((scale, (rows, columns)));
                }
            }
        }
        best.map_or((1, 1), |(_, tiles)| tiles)
    }

    /// Height and width of the picture inside of the canvas.
    fn fitted(
        &self,
        (height, width): (usize, usize),
        (canvas_height, canvas_width): (usize, usize),
    ) -> (usize, usize) {
        let target_width = width.clamp(self.side, canvas_width);
        let target_height = height.clamp(self.side, canvas_height);
        let by_height = target_height as f64 / height as f64;
        let by_width = target_width as f64 / width as f64;
        if by_width < by_height {
            let shown = (height as f64 * by_width).floor() as usize;
            (shown.max(1).min(target_height), target_width)
        } else {
            let shown = (width as f64 * by_height).floor() as usize;
            (target_height, shown.max(1).min(target_width))
        }
    }
}

impl Pictures for Canvas {
    fn input(&self, picture: &RgbImage) -> Result<ImageInput, String> {
        let size = (picture.height() as usize, picture.width() as usize);
        let (rows, columns) = self.tiles(size);
        let (canvas_height, canvas_width) = (rows * self.side, columns * self.side);
        let (height, width) = self.fitted(size, (canvas_height, canvas_width));
        let resized = resize(picture, height, width, self.kernel);
        let mut canvas = vec![0_u8; canvas_height * canvas_width * 3];
        for (row, line) in resized.chunks_exact(width * 3).enumerate() {
            let to = row * canvas_width * 3;
            canvas[to..to + line.len()].copy_from_slice(line);
        }
        let mut pixels = Vec::with_capacity(canvas.len());
        for row in 0..rows {
            for column in 0..columns {
                let place = (row * self.side, column * self.side);
                let tile = (self.side, self.side);
                self.normalisation
                    .append(&canvas, canvas_width, place, tile, &mut pixels);
            }
        }
        Ok(ImageInput {
            pixels: Arc::new(pixels),
            shape: vec![rows * columns, 3, self.side, self.side],
            grid: ImageGrid::Canvas {
                tiles: (rows, columns),
            },
            num_tokens: 1,
        })
    }
}
