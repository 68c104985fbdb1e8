//! From tiles to features in reading order: tiles set side by side, padding cut off, one newline vector a row.
//!
//! Shapes: n tiles of a picture, p patches of a tile, s patches along its side, d model width.

use std::collections::HashMap;

use processor::{ImageGrid, ImageInput};
use torch::Tensor;

use crate::error::Error;
use crate::nn::clip::ClipConfig;
use crate::patches::Patches;

/// The distinct tiles of a batch.
pub struct Distinct<'a> {
    /// The values of each.
    pub pixels: Vec<&'a [f32]>,
    /// For each picture, the number of each of its tiles among them.
    pub tiles: Vec<Vec<i64>>,
}

/// Checks the pictures and finds tiles that are alike (a square picture's overview and only tile, a picture asked about
/// twice): each is encoded once, which changes no result.
pub fn distinct<'a>(images: &'a [ImageInput], config: &ClipConfig) -> Result<Distinct<'a>, Error> {
    let length = (config.num_channels * config.image_size * config.image_size) as usize;
    let tile_shape =
        [config.num_channels, config.image_size, config.image_size].map(|n| n as usize);
    let mut seen: HashMap<Vec<u32>, Vec<usize>> = HashMap::new();
    let mut found = Distinct {
        pixels: Vec::new(),
        tiles: Vec::with_capacity(images.len()),
    };
    for (index, image) in images.iter().enumerate() {
        let bad = |problem: String| Error::Image { index, problem };
        let ImageGrid::Tiles {
            tiles: (rows, columns),
            ..
        } = image.grid
        else {
            return Err(bad("it was not cut into tiles".to_owned()));
        };
        let fits = image.shape.len() == 4
            && image.shape[1..] == tile_shape
            && image.pixels.len() == image.shape[0] * length;
        if !fits || image.shape[0] == 0 {
            return Err(bad(format!(
                "it has shape {:?} and {} values, expected [tiles, {tile_shape:?}]",
                image.shape,
                image.pixels.len()
            )));
        }
        if image.shape[0] > 1 && rows * columns + 1 != image.shape[0] {
            return Err(bad(format!(
                "{} tiles for an overview and {rows} rows of {columns}",
                image.shape[0]
            )));
        }
        let mut numbers = Vec::with_capacity(image.shape[0]);
        for tile in image.pixels.chunks_exact(length) {
            let candidates = seen.entry(sketch(tile)).or_default();
            let alike = candidates
                .iter()
                .find(|&&candidate| found.pixels[candidate] == tile);
            let number = alike.copied().unwrap_or(found.pixels.len());
            if alike.is_none() {
                candidates.push(number);
                found.pixels.push(tile);
            }
            numbers.push(number as i64);
        }
        found.tiles.push(numbers);
    }
    Ok(found)
}

/// A few values that tell most tiles apart.
fn sketch(tile: &[f32]) -> Vec<u32> {
    let step = (tile.len() / 61).max(1);
    tile.iter().step_by(step).map(|v| v.to_bits()).collect()
}

/// A picture's features `[f, d]` from those of its tiles `[n, p, d]`: `pack_image_features` of `transformers`.
pub fn pack(
    features: &Tensor,
    grid: &ImageGrid,
    side: i64,
    newline: &Tensor,
    index: usize,
) -> Result<Tensor, Error> {
    let [n, p, d] = [features.size()[0], features.size()[1], features.size()[2]];
    let overview = features.f_select(0, 0)?;
    if n == 1 {
        return Ok(Tensor::f_cat(&[overview, newline.f_unsqueeze(0)?], 0)?);
    }
    if p != side * side {
        // `transformers` cannot do this either: the class tokens would be spread over the picture.
        let problem = "tiles with a class token cannot be set side by side; `vision_feature_select_strategy` must be `default`";
        return Err(Error::Image {
            index,
            problem: problem.to_owned(),
        });
    }
    let ImageGrid::Tiles {
        original,
        tiles: (rows, columns),
    } = *grid
    else {
        let problem = "it was not cut into tiles".to_owned();
        return Err(Error::Image { index, problem });
    };
    let (rows, columns) = (rows as i64, columns as i64);
    let (height, width) = (rows * side, columns * side);
    let whole = features
        .f_narrow(0, 1, n - 1)?
        .f_reshape([rows, columns, side, side, d])?
        .f_permute([0, 2, 1, 3, 4])?
        .f_reshape([height, width, d])?;
    let padding = padding(original, (height, width));
    let (height, width) = (height - 2 * padding.0, width - 2 * padding.1);
    if height <= 0 || width <= 0 {
        return Err(Error::Image {
            index,
            problem: format!("a picture of {original:?} pixels leaves nothing of its tiles"),
        });
    }
    let shown = whole
        .f_narrow(0, padding.0, height)?
        .f_narrow(1, padding.1, width)?;
    let newlines = newline.f_expand([height, 1, d], false)?;
    let lines = Tensor::f_cat(&[shown, newlines], 1)?.f_reshape([height * (width + 1), d])?;
    Ok(Tensor::f_cat(&[overview, lines], 0)?)
}

/// What the tower computes for a picture: its overview, and all tiles of its grid. Those that are alike count each.
pub fn patches(image: &ImageInput, side: i64) -> Patches {
    let tiles = image.shape.first().copied().unwrap_or(0);
    let computed = tiles * (side * side) as usize;
    let ImageGrid::Tiles {
        original,
        tiles: (rows, columns),
    } = image.grid
    else {
        return Patches::all(computed);
    };
    if tiles < 2 {
        return Patches::all(computed);
    }
    let (height, width) = (rows as i64 * side, columns as i64 * side);
    let (above, left) = padding(original, (height, width));
    let shown = (height - 2 * above).max(0) * (width - 2 * left).max(0);
    Patches {
        computed,
        shown: (side * side + shown) as usize,
    }
}

/// Feature rows above and feature columns left of the picture inside its tiles: `unpad_image` of `transformers`, whose
/// rounding to 7 decimals is kept.
pub fn padding(original: (usize, usize), current: (i64, i64)) -> (i64, i64) {
    let (original_height, original_width) = (original.0 as f64, original.1 as f64);
    let (height, width) = (current.0 as f64, current.1 as f64);
    if original_width / original_height > width / height {
        (
            padded(current.0, original_height * (width / original_width)),
            0,
        )
    } else {
        (
            0,
            padded(current.1, original_width * (height / original_height)),
        )
    }
}

fn padded(current: i64, exact: f64) -> i64 {
    // Decimal formatting rounds as Python's `round` does: the exact binary value, half to even.
    let rounded: f64 = format!("{exact:.7}").parse().unwrap_or(exact);
    (current - rounded as i64).div_euclid(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `unpad_image` in transformers 5.17.0.
    #[test]
    fn padding_follows_transformers() {
        for (original, current, expected) in [
            ((100, 100), (6, 6), (0, 0)),
            ((50, 100), (6, 12), (0, 0)),
            ((30, 100), (6, 12), (1, 0)),
            ((100, 30), (12, 6), (0, 1)),
            ((479, 640), (48, 48), (6, 0)),
            ((333, 500), (48, 72), (0, 0)),
        ] {
            assert_eq!(
                padding(original, current),
                expected,
                "{original:?} in {current:?}"
            );
        }
    }
}
