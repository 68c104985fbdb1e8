//! Qwen2-VL: pictures keep their aspect and nearly their size, in whole blocks of merged patches, within a budget of
//! pixels.
//!
//! Mirrors `Qwen2VLImageProcessor` (torchvision backend) of transformers 5.17.0. Patches come block by block; the second
//! frame that the processor there repeats is left to the model.

use std::sync::Arc;

use corpus::images::Alpha;
use image::RgbImage;
use serde_json::Value;

use super::conversation::{Family, Pictures};
use super::source::Source;
use crate::pixels::{CLIP, Normalisation, kernel, needs, number};
use crate::resize::{Kernel, resize};
use crate::{Error, ImageGrid, ImageInput, Options};

/// The most that one side of a picture may be of the other.
const MAX_ASPECT: f64 = 200.0;

pub(super) fn family(source: &Source) -> Result<Family, Error> {
    let patches =
        source.images(|settings| Patches::parse(settings, source.config, source.options))?;
    let config = source.config;
    let rows = config["text_config"]["vocab_size"].as_u64();
    Ok(Family {
        image_token: source.image_token(),
        image_token_text: Some("<|image_pad|>"),
        num_embeddings: rows.or_else(|| config["vocab_size"].as_u64()),
        pictures: Some(Box::new(patches)),
    })
}

/// How pictures are cut and scaled.
#[derive(Clone, Debug, PartialEq)]
struct Patches {
    /// Side of a patch in pixels.
    patch: usize,
    /// Patches along a side of what becomes one feature.
    merge: usize,
    /// Fewest and most pixels of a resized picture.
    budget: (usize, usize),
    normalisation: Normalisation,
    kernel: Kernel,
}

impl Patches {
    fn parse(settings: &Value, config: &Value, options: &Options) -> Result<Self, String> {
        needs(
            settings,
            &["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"],
        )?;
        let vision = &config["vision_config"];
        let same = |key: &str, model: &str, preset: usize| {
            let own = number(&settings[key]).unwrap_or(preset);
            let models = number(&vision[model]).unwrap_or(preset);
            if own == models && own > 0 {
                Ok(own)
            } else {
                Err(format!(
                    "has `{key}` {own}, but the model's `{model}` is {models}; they must be the same"
                ))
            }
        };
        let patch = same("patch_size", "patch_size", 14)?;
        let merge = same("merge_size", "spatial_merge_size", 2)?;
        same("temporal_patch_size", "temporal_patch_size", 2)?;
        let size = &settings["size"];
        let own = |key: &str, edge: &str, preset: usize| {
            number(&settings[key])
                .or_else(|| number(&size[edge]))
                .unwrap_or(preset)
        };
        let fewest = own("min_pixels", "shortest_edge", 56 * 56);
        let most = own("max_pixels", "longest_edge", 28 * 28 * 1280);
        let budget = (
            options.min_pixels.unwrap_or(fewest),
            options.max_pixels.unwrap_or(most),
        );
        if budget.0 > budget.1 || budget.1 == 0 {
            return Err(format!(
                "gives pictures from {} to {} pixels; the first must not be more than the second",
                budget.0, budget.1
            ));
        }
        Ok(Self {
            patch,
            merge,
            budget,
            normalisation: Normalisation::parse(settings, CLIP)?,
            kernel: kernel(settings, 3)?,
        })
    }

    /// Height and width after resizing: `smart_resize`.
    fn fitted(&self, (height, width): (usize, usize)) -> Result<(usize, usize), String> {
        let (h, w) = (height as f64, width as f64);
        let aspect = h.max(w) / h.min(w);
        if aspect > MAX_ASPECT {
            return Err(format!(
                "is {width} × {height}; one side may be at most {MAX_ASPECT} times the other"
            ));
        }
        let factor = self.patch * self.merge;
        let f = factor as f64;
        let (fewest, most) = self.budget;
        // Python rounds half to even.
        let rounded = |side: f64| (side / f).round_ties_even() as usize * factor;
        let (mut new_height, mut new_width) = (rounded(h), rounded(w));
        if new_height * new_width > most {
            let beta = (h * w / most as f64).sqrt();
            let shrunk = |side: f64| ((side / beta / f).floor() as usize * factor).max(factor);
            (new_height, new_width) = (shrunk(h), shrunk(w));
        } else if new_height * new_width < fewest {
            let beta = (fewest as f64 / (h * w)).sqrt();
            let grown = |side: f64| (side * beta / f).ceil() as usize * factor;
            (new_height, new_width) = (grown(h), grown(w));
        }
        if new_height == 0 || new_width == 0 {
            return Err(format!(
                "is {width} × {height}, too small for blocks of {factor} pixels; raise `min_pixels`"
            ));
        }
        Ok((new_height, new_width))
    }
}

impl Pictures for Patches {
    fn alpha(&self) -> Alpha {
        Alpha::Dropped
    }

    fn input(&self, picture: &RgbImage) -> Result<ImageInput, String> {
        let size = (picture.height() as usize, picture.width() as usize);
        let (height, width) = self.fitted(size)?;
        let resized = resize(picture, height, width, self.kernel);
        let (patch, merge) = (self.patch, self.merge);
        let (rows, columns) = (height / patch, width / patch);
        let mut pixels = Vec::with_capacity(height * width * 3);
        for block_row in (0..rows).step_by(merge) {
            for block_column in (0..columns).step_by(merge) {
                for place in 0..merge * merge {
                    let row = (block_row + place / merge) * patch;
                    let column = (block_column + place % merge) * patch;
                    let tile = (patch, patch);
                    self.normalisation
                        .append(&resized, width, (row, column), tile, &mut pixels);
                }
            }
        }
        Ok(ImageInput {
            pixels: Arc::new(pixels),
            shape: vec![rows * columns, 3, patch, patch],
            grid: ImageGrid::Patches {
                patches: (rows, columns),
            },
            num_tokens: rows * columns / (merge * merge),
        })
    }
}
