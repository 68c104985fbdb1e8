//! What is left of a picture when it is resized, compressed again or cropped a little.
//!
//! Takes a decoded picture, gives a [`Fingerprint`] of about 5 kB: a hash of the whole picture and of nine windows of
//! 90 %, by which candidates are found, and a small copy by which they are verified.

use image::RgbImage;

/// Side of the small copy's brightness, in px.
pub const SIDE: usize = 64;
/// Side of the small copy's colours, in px.
const COLOUR: usize = 16;
/// Cells a side in which colours are compared.
const COLOUR_CELLS: usize = 8;
/// Side of the picture that is hashed, in px.
const HASHED: usize = 32;
/// Cells a side in which two small copies are compared.
const CELLS: usize = 16;
/// Share of a window's side of the picture's.
const WINDOW: f32 = 0.9;

/// A part of a picture: left, top, width and height as shares of the picture's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Left edge, 0 to 1.
    pub x: f32,
    /// Upper edge, 0 to 1.
    pub y: f32,
    /// Width, 0 to 1.
    pub width: f32,
    /// Height, 0 to 1.
    pub height: f32,
}

impl Window {
    /// The whole picture.
    pub const WHOLE: Self = Self {
        x: 0.0,
        y: 0.0,
        width: 1.0,
        height: 1.0,
    };
}

/// A picture's hashes with its small copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Fingerprint {
    /// Hash of the whole picture.
    pub hash: u64,
    /// Hashes of the windows at the corners, the middles of the edges and the centre.
    pub windows: [u64; 9],
    luma: Vec<u8>,
    cells: Vec<u8>,
    colours: [Vec<u8>; 2],
    colour_cells: [Vec<u8>; 2],
}

impl Fingerprint {
    /// The fingerprint of a picture.
    ///
    /// ```
    /// use corpus::fingerprint::{Fingerprint, Window};
    /// let tiles = |side: u32| image::RgbImage::from_fn(side, side, |x, y| {
    ///     let tile = 7 * x / side * 37 + 7 * y / side * 91;
    ///     image::Rgb([(tile % 256) as u8, (2 * tile % 256) as u8, 9])
    /// });
    /// let (large, small) = (Fingerprint::new(&tiles(294)), Fingerprint::new(&tiles(98)));
    /// assert!((large.hash ^ small.hash).count_ones() < 8);
    /// assert!(large.difference(Window::WHOLE, &small).most < 8.0);
    /// ```
    pub fn new(picture: &RgbImage) -> Self {
        let [luma, blue, red] = planes(picture);
        let side = SIDE;
        let whole = resample(&luma, side, side, Window::WHOLE, HASHED);
        let mut windows = [0; 9];
        for (hash, window) in windows.iter_mut().zip(Self::window_places()) {
            *hash = dct_hash(&resample(&luma, side, side, window, HASHED));
        }
        let byte = |v: &f32| v.round().clamp(0.0, 255.0) as u8;
        let luma: Vec<u8> = luma.iter().map(byte).collect();
        let bright: [f32; CELLS * CELLS] = cells(&luma, SIDE, CELLS, Window::WHOLE);
        let colours = [blue, red].map(|plane| plane.iter().map(byte).collect::<Vec<u8>>());
        let colour_cells = colours.each_ref().map(|plane| {
            let means: [f32; COLOUR_CELLS * COLOUR_CELLS] =
                cells(plane, COLOUR, COLOUR_CELLS, Window::WHOLE);
            means.iter().map(byte).collect()
        });
        Self {
            hash: dct_hash(&whole),
            windows,
            cells: bright.iter().map(byte).collect(),
            luma,
            colours,
            colour_cells,
        }
    }

    /// Where the windows lie, in their order.
    pub fn window_places() -> [Window; 9] {
        std::array::from_fn(|i| Window {
            x: (i % 3) as f32 * (1.0 - WINDOW) / 2.0,
            y: (i / 3) as f32 * (1.0 - WINDOW) / 2.0,
            width: WINDOW,
            height: WINDOW,
        })
    }

    /// How far a window of this picture is from the whole other one.
    pub fn difference(&self, window: Window, other: &Self) -> Difference {
        let here: [f32; CELLS * CELLS] = cells(&self.luma, SIDE, CELLS, window);
        let (mean, most) = apart(&here, &other.cells);
        let (mut colour, mut most_colour) = (0.0_f32, 0.0_f32);
        for (mine, theirs) in self.colours.iter().zip(&other.colour_cells) {
            let here: [f32; COLOUR_CELLS * COLOUR_CELLS] =
                cells(mine, COLOUR, COLOUR_CELLS, window);
            let (mean, most) = apart(&here, theirs);
            colour = colour.max(mean);
            most_colour = most_colour.max(most);
        }
        Difference {
            mean,
            most,
            colour,
            most_colour,
        }
    }
}

/// Bits of 63 in which a picture's hash and its copy's may differ.
pub const COPY_BITS: u32 = 14;

/// What is needed to tell whole pictures apart: about 400 bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// Hash of the whole picture.
    pub hash: u64,
    cells: Box<[u8]>,
    colour_cells: [Box<[u8]>; 2],
}

impl Sketch {
    /// Whether the other is the same picture, resized or compressed again. Symmetric.
    pub fn is_copy(&self, other: &Self) -> bool {
        if (self.hash ^ other.hash).count_ones() > COPY_BITS {
            return false;
        }
        let level = |cells: &[u8]| -> Vec<f32> { cells.iter().map(|&l| f32::from(l)).collect() };
        let (mean, most) = apart(&level(&self.cells), &other.cells);
        let (mut colour, mut most_colour) = (0.0_f32, 0.0_f32);
        for (mine, theirs) in self.colour_cells.iter().zip(&other.colour_cells) {
            let (mean, most) = apart(&level(mine), theirs);
            colour = colour.max(mean);
            most_colour = most_colour.max(most);
        }
        let difference = Difference {
            mean,
            most,
            colour,
            most_colour,
        };
        difference.is_copy()
    }
}

impl From<&Fingerprint> for Sketch {
    fn from(found: &Fingerprint) -> Self {
        Self {
            hash: found.hash,
            cells: found.cells.clone().into(),
            colour_cells: found.colour_cells.clone().map(Vec::into_boxed_slice),
        }
    }
}

impl Difference {
    /// Limits that JPEG of quality 50 and halving keep, and another drawing of the same outline does not (measured on the
    /// embedded pictograms by the evaluation crate's `examples/leaks.rs`).
    pub fn is_copy(self) -> bool {
        self.mean <= 4.0 && self.most <= 26.0 && self.colour <= 3.0 && self.most_colour <= 12.0
    }
}

/// Mean and largest difference.
fn apart(here: &[f32], there: &[u8]) -> (f32, f32) {
    let mut found = (0.0, 0.0_f32);
    for (a, &b) in here.iter().zip(there) {
        let apart = (a - f32::from(b)).abs();
        found = (found.0 + apart, found.1.max(apart));
    }
    (found.0 / here.len() as f32, found.1)
}

/// How far two pictures are apart, in levels of 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Mean difference of brightness over 16 × 16 cells.
    pub mean: f32,
    /// Largest difference of brightness of a cell.
    pub most: f32,
    /// Mean difference of colour over 8 × 8 cells.
    pub colour: f32,
    /// Largest difference of colour of a cell.
    pub most_colour: f32,
}

/// Brightness (64 × 64) and both colour differences (8 × 8) of a picture, by areas (Rec. 601).
fn planes(picture: &RgbImage) -> [Vec<f32>; 3] {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let data = picture.as_raw();
    // First every row to 64 sums of each channel, then the columns.
    let across = spans(width, SIDE);
    let down = spans(height, SIDE);
    let mut sums = vec![[0.0_f32; 3]; SIDE * SIDE];
    let mut line = vec![[0.0_f32; 3]; SIDE];
    for y in 0..height {
        let row = &data[3 * width * y..3 * width * (y + 1)];
        for (cell, span) in line.iter_mut().zip(&across) {
            let mut sum = [0.0; 3];
            for &(x, weight) in span {
                for (total, &level) in sum.iter_mut().zip(&row[3 * x..3 * x + 3]) {
                    *total += weight * f32::from(level);
                }
            }
            *cell = sum;
        }
        for &(target, weight) in &down_of(&down, y) {
            for (total, cell) in sums[target * SIDE..(target + 1) * SIDE]
                .iter_mut()
                .zip(&line)
            {
                for (a, b) in total.iter_mut().zip(cell) {
                    *a += weight * b;
                }
            }
        }
    }
    let luma: Vec<f32> = sums
        .iter()
        .map(|[r, g, b]| 0.299 * r + 0.587 * g + 0.114 * b)
        .collect();
    let step = SIDE / COLOUR;
    let colour = |at: usize, factor: f32| -> Vec<f32> {
        let fine: Vec<f32> = sums
            .iter()
            .zip(&luma)
            .map(|(rgb, y)| 128.0 + factor * (rgb[at] - y))
            .collect();
        (0..COLOUR * COLOUR)
            .map(|i| {
                let (x, y) = (i % COLOUR * step, i / COLOUR * step);
                let sum: f32 = (0..step * step)
                    .map(|k| fine[(y + k / step) * SIDE + x + k % step])
                    .sum();
                sum / (step * step) as f32
            })
            .collect()
    };
    let (blue, red) = (colour(2, 0.564), colour(0, 0.713));
    [luma, blue, red]
}

/// For each of `to` cells the source pixels that lie in it with their shares.
fn spans(from: usize, to: usize) -> Vec<Vec<(usize, f32)>> {
    let scale = from as f32 / to as f32;
    (0..to)
        .map(|i| {
            let (start, end) = (i as f32 * scale, (i + 1) as f32 * scale);
            let last = (end.ceil() as usize).min(from);
            (start.floor() as usize..last)
                .map(|x| {
                    let share = (end.min(x as f32 + 1.0) - start.max(x as f32)) / scale;
                    (x, share.max(0.0))
                })
                .collect()
        })
        .collect()
}

/// The cells that a source row lies in, with its shares.
fn down_of(spans: &[Vec<(usize, f32)>], y: usize) -> Vec<(usize, f32)> {
    let count = spans.len();
    let from = spans
        .last()
        .and_then(|span| span.last())
        .map_or(1, |last| last.0 + 1);
    let first = (y * count / from).saturating_sub(1);
    let last = ((y + 1) * count).div_ceil(from).min(count);
    (first..last)
        .filter_map(|cell| {
            let share = spans[cell].iter().find(|(row, _)| *row == y)?.1;
            Some((cell, share))
        })
        .collect()
}

/// A window of a plane as a square of `to` px, between pixels linearly.
fn resample(plane: &[f32], width: usize, height: usize, window: Window, to: usize) -> Vec<f32> {
    let spot = |i: usize, start: f32, length: f32, size: usize| {
        let at = ((start + length * (i as f32 + 0.5) / to as f32) * size as f32 - 0.5)
            .clamp(0.0, (size - 1) as f32);
        let low = at.floor() as usize;
        (low, (low + 1).min(size - 1), at - low as f32)
    };
    let columns: Vec<_> = (0..to)
        .map(|i| spot(i, window.x, window.width, width))
        .collect();
    let mut out = Vec::with_capacity(to * to);
    for i in 0..to {
        let (top, bottom, v) = spot(i, window.y, window.height, height);
        for &(left, right, u) in &columns {
            let at = |x: usize, y: usize| plane[y * width + x];
            let upper = at(left, top) * (1.0 - u) + at(right, top) * u;
            let lower = at(left, bottom) * (1.0 - u) + at(right, bottom) * u;
            out.push(upper * (1.0 - v) + lower * v);
        }
    }
    out
}

/// Cell means of a window of a small copy, from four points a cell that lie between its pixels.
fn cells<const N: usize>(plane: &[u8], side: usize, cells: usize, window: Window) -> [f32; N] {
    let points = 2 * cells;
    let spot = |i: usize, start: f32, length: f32| {
        let at = ((start + length * (i as f32 + 0.5) / points as f32) * side as f32 - 0.5)
            .clamp(0.0, (side - 1) as f32);
        let low = at as usize;
        (low, (low + 1).min(side - 1), at - low as f32)
    };
    let mut columns = [(0, 0, 0.0); 2 * CELLS];
    for (i, column) in columns.iter_mut().enumerate().take(points) {
        *column = spot(i, window.x, window.width);
    }
    let mut out = [0.0; N];
    for i in 0..points {
        let (top, bottom, v) = spot(i, window.y, window.height);
        let (above, below) = (
            &plane[top * side..][..side],
            &plane[bottom * side..][..side],
        );
        for (j, &(left, right, u)) in columns.iter().enumerate().take(points) {
            let between = |row: &[u8]| f32::from(row[left]) * (1.0 - u) + f32::from(row[right]) * u;
            out[i / 2 * cells + j / 2] += 0.25 * (between(above) * (1.0 - v) + between(below) * v);
        }
    }
    out
}

/// Signs of the 63 lowest frequencies but the mean, against their median (pHash; Zauner, 2010).
fn dct_hash(square: &[f32]) -> u64 {
    const LOW: usize = 8;
    let waves: [[f32; HASHED]; LOW] = std::array::from_fn(|k| {
        std::array::from_fn(|i| {
            (std::f32::consts::PI * k as f32 * (i as f32 + 0.5) / HASHED as f32).cos()
        })
    });
    let mut across = [[0.0_f32; LOW]; HASHED];
    for (row, sums) in square.chunks(HASHED).zip(&mut across) {
        for (sum, wave) in sums.iter_mut().zip(&waves) {
            *sum = row.iter().zip(wave).map(|(a, b)| a * b).sum();
        }
    }
    let mut low = [0.0_f32; LOW * LOW];
    for (v, wave) in waves.iter().enumerate() {
        for u in 0..LOW {
            low[v * LOW + u] = across.iter().zip(wave).map(|(sums, w)| sums[u] * w).sum();
        }
    }
    let mut sorted = low;
    sorted[1..].sort_unstable_by(f32::total_cmp);
    let median = sorted[LOW * LOW / 2];
    (1..LOW * LOW).fold(0, |hash, i| hash << 1 | u64::from(low[i] > median))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_keep_the_mean() {
        let picture = RgbImage::from_fn(37, 91, |x, y| {
            image::Rgb([(x * 6) as u8, (y * 2) as u8, 40])
        });
        let mean = |at: usize| {
            picture.pixels().map(|p| f64::from(p.0[at])).sum::<f64>() / f64::from(37 * 91)
        };
        let expected = 0.299 * mean(0) + 0.587 * mean(1) + 0.114 * mean(2);
        let found = Fingerprint::new(&picture);
        let luma = found.luma.iter().map(|&l| f64::from(l)).sum::<f64>() / 4096.0;
        assert!((luma - expected).abs() < 0.3, "{luma} {expected}");
    }

    #[test]
    fn colours_are_told_apart() {
        let plain = |rgb| Fingerprint::new(&RgbImage::from_pixel(20, 20, image::Rgb(rgb)));
        let apart = plain([200, 0, 0]).difference(Window::WHOLE, &plain([0, 0, 200]));
        assert!(apart.colour > 60.0, "{apart:?}");
        let same = plain([9, 9, 9]).difference(Window::WHOLE, &plain([9, 9, 9]));
        assert!(same.most < 1e-6 && same.colour < 1e-6);
    }

    #[test]
    fn the_smallest_picture_has_a_fingerprint() {
        let one = RgbImage::from_pixel(1, 1, image::Rgb([1, 2, 3]));
        assert_eq!(Fingerprint::new(&one), Fingerprint::new(&one));
    }
}
