//! LLaVA-NeXT's any-resolution tiles, as the image processor of `transformers` cuts them.
//!
//! Mirrors `LlavaNextImageProcessor` (torchvision backend) of transformers 5.17.0 and torchvision 0.26.0 to the bit:
//! best grid, resize that keeps the aspect, centred black padding, tiles row by row behind a squeezed overview.
//! The Pillow backend (`LlavaNextImageProcessorPil`) may differ by a level: see `resize`.

use std::sync::Arc;

use corpus::images::Alpha;
use image::RgbImage;
use serde_json::Value;

use crate::families::conversation::Pictures;
use crate::pixels::{CLIP, Normalisation, kernel, needs, number};
use crate::resize::{Kernel, resize};
use crate::{ImageGrid, ImageInput};

/// How pictures are cut and scaled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tiling {
    /// Side of a tile in pixels.
    side: usize,
    /// Patches along a tile's side.
    patches: usize,
    /// Height and width of each possible grid in pixels.
    grids: Vec<(usize, usize)>,
    normalisation: Normalisation,
    kernel: Kernel,
}

impl Tiling {
    /// From the image processor's settings and `config.json`; what is wrong is said in words.
    pub fn parse(settings: &Value, config: &Value) -> Result<Self, String> {
        needs(
            settings,
            &[
                "do_resize",
                "do_center_crop",
                "do_rescale",
                "do_normalize",
                "do_convert_rgb",
            ],
        )?;
        let vision = &config["vision_config"];
        // What `transformers` leaves out of a saved `config.json`: CLIP's defaults, or this family's own tower.
        let (side, patch) = if vision.is_object() {
            (224, 32)
        } else {
            (336, 14)
        };
        let side = number(&vision["image_size"]).unwrap_or(side);
        let patch = number(&vision["patch_size"]).unwrap_or(patch);
        for key in ["size", "crop_size"] {
            let found = sides(&settings[key])?;
            if found.iter().any(|&found| found != side) {
                let found = &settings[key];
                return Err(format!(
                    "has `{key}` {found}, but the vision tower takes {side} × {side} px"
                ));
            }
        }
        if patch == 0 || patch > side {
            return Err(format!("has tiles of {side} px for patches of {patch} px"));
        }
        if config["vision_feature_select_strategy"] == "full" {
            return Err("belongs to a model with `vision_feature_select_strategy` `full`: features of a class token \
                        cannot be set side by side; `default` drops it"
                .to_owned());
        }
        let kernel = kernel(settings, 3)?;
        let normalisation = Normalisation::parse(settings, CLIP)?;
        Ok(Self {
            side,
            patches: side / patch,
            grids: grids(settings, config, side)?,
            normalisation,
            kernel,
        })
    }

    /// Cuts and normalises a picture: `[tiles, 3, side, side]`, the overview first.
    pub fn input(&self, picture: &RgbImage) -> ImageInput {
        let original = (picture.height() as usize, picture.width() as usize);
        let best = self.best_grid(original);
        let (height, width) = fitted(original, best);
        let mut canvas = vec![0_u8; best.0 * best.1 * 3];
        let resized = resize(picture, height, width, self.kernel);
        let (top, left) = ((best.0 - height) / 2, (best.1 - width) / 2);
        for (row, line) in resized.chunks_exact(width * 3).enumerate() {
            let to = ((top + row) * best.1 + left) * 3;
            canvas[to..to + line.len()].copy_from_slice(line);
        }
        let tiles = (best.0 / self.side, best.1 / self.side);
        let mut pixels = Vec::with_capacity((1 + tiles.0 * tiles.1) * 3 * self.side * self.side);
        let overview = resize(picture, self.side, self.side, self.kernel);
        self.normalise(&overview, self.side, (0, 0), &mut pixels);
        for row in 0..tiles.0 {
            for column in 0..tiles.1 {
                self.normalise(
                    &canvas,
                    best.1,
                    (row * self.side, column * self.side),
                    &mut pixels,
                );
            }
        }
        ImageInput {
            pixels: Arc::new(pixels),
            shape: vec![1 + tiles.0 * tiles.1, 3, self.side, self.side],
            grid: ImageGrid::Tiles { original, tiles },
            num_tokens: self.num_tokens(original, tiles),
        }
    }

    /// The grid that shows the most of the picture's pixels, and of those the one with the least waste.
    pub fn best_grid(&self, (height, width): (usize, usize)) -> (usize, usize) {
        let mut best = (0, usize::MAX, self.grids[0]);
        for &(grid_height, grid_width) in &self.grids {
            let scale = (grid_width as f64 / width as f64).min(grid_height as f64 / height as f64);
            let (shown_width, shown_height) = (
                (width as f64 * scale) as usize,
                (height as f64 * scale) as usize,
            );
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
            rows -= rows.saturating_sub(shown) / 2 * 2;
        } else {
            let shown = rounded(width as f64 * (rows as f64 / height as f64));
            columns -= columns.saturating_sub(shown) / 2 * 2;
        }
        self.patches * self.patches + rows * (columns + 1)
    }

    /// Appends one tile, channel by channel.
    fn normalise(&self, rgb: &[u8], width: usize, place: (usize, usize), out: &mut Vec<f32>) {
        let tile = (self.side, self.side);
        self.normalisation.append(rgb, width, place, tile, out);
    }
}

impl Pictures for Tiling {
    fn alpha(&self) -> Alpha {
        Alpha::Dropped
    }

    fn input(&self, picture: &RgbImage) -> Result<ImageInput, String> {
        Ok(Self::input(self, picture))
    }
}

/// The sides that `size` or `crop_size` names: a number, `shortest_edge`, or `height` and `width`.
fn sides(size: &Value) -> Result<Vec<usize>, String> {
    match size {
        Value::Null => Ok(Vec::new()),
        Value::Number(_) => Ok(number(size).into_iter().collect()),
        _ => {
            let found = ["shortest_edge", "height", "width"]
                .iter()
                .filter_map(|key| number(&size[key]))
                .collect();
            if Vec::is_empty(&found) {
                Err(format!("has a size {size}; expected `height` and `width`"))
            } else {
                Ok(found)
            }
        }
    }
}

/// The grids of the image processor, which must be those of the model: it rebuilds the picture by them.
fn grids(settings: &Value, config: &Value, side: usize) -> Result<Vec<(usize, usize)>, String> {
    const KEY: &str = "image_grid_pinpoints";
    let pair = |value: &Value| Some((number(&value[0])?, number(&value[1])?));
    let list = |value: &Value| {
        value
            .as_array()?
            .iter()
            .map(pair)
            .collect::<Option<Vec<_>>>()
    };
    let (own, models) = (list(&settings[KEY]), list(&config[KEY]));
    if let (Some(own), Some(models)) = (&own, &models)
        && own != models
    {
        return Err(format!(
            "has other `{KEY}` than `config.json`; they must be the same"
        ));
    }
    let grids = own.or(models).unwrap_or_default();
    let fits = |length: usize| length > 0 && length.is_multiple_of(side);
    if grids.is_empty()
        || !grids
            .iter()
            .all(|&(height, width)| fits(height) && fits(width))
    {
        return Err(format!(
            "needs `{KEY}`: pairs of height and width, multiples of the tile's side {side}"
        ));
    }
    Ok(grids)
}

/// Height and width of the picture inside of the grid, with its aspect kept.
fn fitted(
    (height, width): (usize, usize),
    (grid_height, grid_width): (usize, usize),
) -> (usize, usize) {
    let (by_width, by_height) = (
        grid_width as f64 / width as f64,
        grid_height as f64 / height as f64,
    );
    if by_width < by_height {
        (
            ((height as f64 * by_width).ceil() as usize).clamp(1, grid_height),
            grid_width,
        )
    } else {
        (
            grid_height,
            ((width as f64 * by_height).ceil() as usize).clamp(1, grid_width),
        )
    }
}

/// Whole part after rounding to seven decimals, as in `transformers`.
fn rounded(value: f64) -> usize {
    ((value * 1e7).round_ties_even() / 1e7) as usize
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(side: u64, grids: &Value) -> (Value, Value) {
        let crop = json!({"height": side, "width": side});
        let settings = json!({"size": {"shortest_edge": side}, "crop_size": crop, "image_grid_pinpoints": grids});
        let vision = json!({"image_size": side, "patch_size": 14});
        (settings, json!({"vision_config": vision}))
    }

    fn problem(change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let (mut settings, mut config) = settings(84, &json!([[84, 84]]));
        change(&mut settings, &mut config);
        Tiling::parse(&settings, &config).expect_err("wrong")
    }

    #[test]
    fn token_counts_equal_those_of_transformers() {
        let golden: Value =
            serde_json::from_str(include_str!("../../../tests/golden/golden.json")).expect("json");
        let mut compared = 0;
        for set in golden["counts"].as_array().expect("list") {
            let side = set["side"].as_u64().expect("side");
            let (settings, mut config) = settings(side, &set["grids"]);
            config["vision_config"]["patch_size"] = set["patch"].clone();
            let tiling = Tiling::parse(&settings, &config).expect("tiling");
            let rows: Vec<(usize, usize, usize)> =
                serde_json::from_value(set["rows"].clone()).expect("rows");
            for (height, width, expected) in rows {
                let best = tiling.best_grid((height, width));
                let tiles = (best.0 / tiling.side, best.1 / tiling.side);
                let found = tiling.num_tokens((height, width), tiles);
                assert_eq!(found, expected, "{} {height} × {width}", set["name"]);
                compared += 1;
            }
        }
        assert_eq!(compared, 258);
    }

    #[test]
    fn settings_that_change_the_function_are_errors_in_words() {
        let check = |found: String, part: &str| assert!(found.contains(part), "{found}");
        check(
            problem(|s, _| s["do_rescale"] = json!(false)),
            "`do_rescale` false",
        );
        check(problem(|s, _| s["resample"] = json!(0)), "`resample` 0");
        check(
            problem(|s, _| s["crop_size"] = json!(96)),
            "the vision tower takes 84 × 84 px",
        );
        check(
            problem(|s, _| s["size"] = json!({"long": 84})),
            "expected `height` and `width`",
        );
        check(
            problem(|s, _| s["image_mean"] = json!([0.5])),
            "expected three numbers",
        );
        check(
            problem(|s, _| s["image_std"] = json!([0.5, 0.0, 0.5])),
            "must not be zero",
        );
        check(
            problem(|s, _| s["rescale_factor"] = json!(0)),
            "`rescale_factor` 0",
        );
        check(
            problem(|s, _| s["image_grid_pinpoints"] = json!([[84, 100]])),
            "multiples of the tile's side 84",
        );
        check(
            problem(|s, _| s["image_grid_pinpoints"] = json!([])),
            "pairs of height and width",
        );
        check(
            problem(|_, c| c["image_grid_pinpoints"] = json!([[84, 168]])),
            "must be the same",
        );
        check(
            problem(|_, c| c["vision_config"]["patch_size"] = json!(0)),
            "patches of 0 px",
        );
        check(
            problem(|_, c| c["vision_feature_select_strategy"] = json!("full")),
            "class token",
        );
    }

    #[test]
    fn a_picture_of_any_shape_gives_whole_tiles() {
        let (settings, config) = settings(84, &json!([[84, 84], [84, 168], [168, 84]]));
        let tiling = Tiling::parse(&settings, &config).expect("tiling");
        for (width, height) in [(1, 1), (1, 3000), (3000, 1), (84, 84), (83, 85)] {
            let input = tiling.input(&RgbImage::new(width, height));
            assert_eq!(
                input.pixels.len(),
                input.shape.iter().product::<usize>(),
                "{width} × {height}"
            );
            assert!(input.num_tokens >= 36, "{width} × {height}");
        }
    }
}
