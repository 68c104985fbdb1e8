//! LLaVA-NeXT's any-resolution tiles, as the image processor of `transformers` cuts them.
//!
//! Mirrors `LlavaNextImageProcessor` of transformers 5.17.0: best grid, resize that keeps the aspect, centred black
//! padding, tiles row by row behind a squeezed overview. The resizing kernel is the same antialiased bicubic (a = -0.5)
//! as torchvision's and Pillow's. On pictures without sharp edges all agree within one level; where the kernel
//! overshoots, the three clip between their two passes in different orders and were seen to differ by up to ten levels.

use std::sync::Arc;

use corpus::images::ImageError;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use serde_json::Value;

use crate::{ImageGrid, ImageInput};

/// How pictures are cut and scaled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tiling {
    /// Side of a tile in pixels.
    pub side: usize,
    /// Patches along a tile's side.
    pub patches: usize,
    /// Height and width of each possible grid in pixels.
    pub grids: Vec<(usize, usize)>,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    pub rescale: f32,
    pub filter: FilterType,
    /// Whether the class token is kept beside the patches.
    pub full: bool,
}

impl Tiling {
    /// From `preprocessor_config.json` and `config.json`; what is wrong is said in words.
    pub fn parse(processor: &Value, config: &Value) -> Result<Self, String> {
        let number = |value: &Value| value.as_u64().map(|n| n as usize);
        let vision = &config["vision_config"];
        let side = number(&processor["crop_size"]["height"])
            .or_else(|| number(&processor["size"]["height"]))
            .or_else(|| number(&processor["size"]["shortest_edge"]))
            .or_else(|| number(&vision["image_size"]))
            .unwrap_or(336);
        let patch = number(&vision["patch_size"]).unwrap_or(14);
        let pinpoints = if processor["image_grid_pinpoints"].is_array() { processor } else { config };
        let grids: Vec<(usize, usize)> = pinpoints["image_grid_pinpoints"]
            .as_array()
            .map(|list| list.iter().filter_map(|p| Some((number(&p[0])?, number(&p[1])?))).collect())
            .unwrap_or_default();
        if grids.is_empty() || grids.iter().any(|&(h, w)| h == 0 || w == 0 || h % side != 0 || w % side != 0) {
            return Err(format!("needs `image_grid_pinpoints`: pairs of multiples of the tile's side {side}"));
        }
        if patch == 0 || !side.is_multiple_of(patch) {
            return Err(format!("has tiles of {side} px, which patches of {patch} px do not divide"));
        }
        let three = |key: &str, preset: [f32; 3]| {
            let list = processor[key].as_array();
            let values: Vec<f32> = list.map(|l| l.iter().filter_map(|v| v.as_f64().map(|x| x as f32)).collect()).unwrap_or_default();
            values.try_into().unwrap_or(preset)
        };
        let filter = match processor["resample"].as_u64().unwrap_or(3) {
            1 => FilterType::Lanczos3,
            2 => FilterType::Bilinear,
            3 => FilterType::CatmullRom,
            other => return Err(format!("has `resample` {other}; known: 1 (Lanczos), 2 (bilinear), 3 (bicubic)")),
        };
        Ok(Self {
            side,
            patches: side / patch,
            grids,
            mean: three("image_mean", [0.481_454_66, 0.457_827_5, 0.408_210_73]),
            std: three("image_std", [0.268_629_54, 0.261_302_6, 0.275_777_1]),
            rescale: processor["rescale_factor"].as_f64().map_or(1.0 / 255.0, |x| x as f32),
            filter,
            full: config["vision_feature_select_strategy"] == "full",
        })
    }

    /// Cuts and normalises a picture: `[tiles, 3, side, side]`, the overview first.
    pub fn input(&self, picture: &RgbImage) -> Result<ImageInput, ImageError> {
        let original = (picture.height() as usize, picture.width() as usize);
        let best = self.best_grid(original);
        let (height, width) = fitted(original, best);
        let mut canvas = vec![0_u8; best.0 * best.1 * 3];
        let resized = self.resize(picture, height, width)?;
        let (top, left) = ((best.0 - height) / 2, (best.1 - width) / 2);
        for row in 0..height {
            let to = ((top + row) * best.1 + left) * 3;
            canvas[to..to + width * 3].copy_from_slice(&resized[row * width * 3..(row + 1) * width * 3]);
        }
        let tiles = (best.0 / self.side, best.1 / self.side);
        let mut pixels = Vec::with_capacity((1 + tiles.0 * tiles.1) * 3 * self.side * self.side);
        self.normalise(&self.resize(picture, self.side, self.side)?, self.side, (0, 0), &mut pixels);
        for row in 0..tiles.0 {
            for column in 0..tiles.1 {
                self.normalise(&canvas, best.1, (row * self.side, column * self.side), &mut pixels);
            }
        }
        Ok(ImageInput {
            pixels: Arc::new(pixels),
            shape: vec![1 + tiles.0 * tiles.1, 3, self.side, self.side],
            grid: ImageGrid::Tiles { original, tiles },
            num_tokens: self.num_tokens(original, tiles),
        })
    }

    /// The grid that shows the most of the picture's pixels, and of those the one with the least waste.
    fn best_grid(&self, (height, width): (usize, usize)) -> (usize, usize) {
        let mut best = (0, usize::MAX, self.grids[0]);
        for &(grid_height, grid_width) in &self.grids {
            let scale = (grid_width as f64 / width as f64).min(grid_height as f64 / height as f64);
            let (shown_width, shown_height) = ((width as f64 * scale) as usize, (height as f64 * scale) as usize);
            let effective = (shown_width * shown_height).min(width * height);
            let waste = grid_width * grid_height - effective;
            if effective > best.0 || effective == best.0 && waste < best.1 {
                best = (effective, waste, (grid_height, grid_width));
            }
        }
        best.2
    }

    /// Image tokens: the overview, and the tiles without their padding with one newline a row.
    pub fn num_tokens(&self, (height, width): (usize, usize), tiles: (usize, usize)) -> usize {
        let (mut rows, mut columns) = (self.patches * tiles.0, self.patches * tiles.1);
        if width as f64 / height as f64 > columns as f64 / rows as f64 {
            let shown = rounded(height as f64 * (columns as f64 / width as f64));
            rows -= (rows - shown.min(rows)) / 2 * 2;
        } else {
            let shown = rounded(width as f64 * (rows as f64 / height as f64));
            columns -= (columns - shown.min(columns)) / 2 * 2;
        }
        self.patches * self.patches + usize::from(self.full) + rows * (columns + 1)
    }

    fn resize(&self, picture: &RgbImage, height: usize, width: usize) -> Result<Vec<u8>, ImageError> {
        let broken = |e: &dyn std::fmt::Display| ImageError::Decode { path: "picture".into(), problem: e.to_string() };
        if (picture.width() as usize, picture.height() as usize) == (width, height) {
            return Ok(picture.as_raw().clone());
        }
        let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3).map_err(|e| broken(&e))?;
        let mut target = Image::new(width as u32, height as u32, PixelType::U8x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(self.filter));
        Resizer::new().resize(&source, &mut target, &options).map_err(|e| broken(&e))?;
        Ok(target.into_vec())
    }

    /// Appends one tile, channel by channel.
    fn normalise(&self, rgb: &[u8], width: usize, (top, left): (usize, usize), out: &mut Vec<f32>) {
        for channel in 0..3 {
            let (mean, std) = (self.mean[channel] / self.rescale, self.std[channel] / self.rescale);
            for row in 0..self.side {
                let start = ((top + row) * width + left) * 3 + channel;
                out.extend((0..self.side).map(|x| (f32::from(rgb[start + x * 3]) - mean) / std));
            }
        }
    }
}

/// Height and width of the picture inside of the grid, with its aspect kept.
fn fitted((height, width): (usize, usize), (grid_height, grid_width): (usize, usize)) -> (usize, usize) {
    let (by_width, by_height) = (grid_width as f64 / width as f64, grid_height as f64 / height as f64);
    if by_width < by_height {
        (((height as f64 * by_width).ceil() as usize).clamp(1, grid_height), grid_width)
    } else {
        (grid_height, ((width as f64 * by_height).ceil() as usize).clamp(1, grid_width))
    }
}

/// Whole part after rounding to seven decimals, as in `transformers`.
fn rounded(value: f64) -> usize {
    ((value * 1e7).round_ties_even() / 1e7) as usize
}
