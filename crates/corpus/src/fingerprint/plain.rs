//! Fingerprints in the plain way, one number after the other: what the quick way has to give.

use image::RgbImage;

use super::{Difference, Window};

const SIDE: usize = 64;
const COLOUR: usize = 16;
const COLOUR_CELLS: usize = 8;
const HASHED: usize = 32;
const CELLS: usize = 16;

pub(super) struct Plain {
    pub(super) hash: u64,
    pub(super) windows: [u64; 9],
    pub(super) luma: Vec<u8>,
    pub(super) cells: Vec<u8>,
    pub(super) colours: [Vec<u8>; 2],
    pub(super) colour_cells: [Vec<u8>; 2],
}

impl Plain {
    pub(super) fn new(picture: &RgbImage) -> Self {
        let [luma, blue, red] = planes(picture);
        let side = SIDE;
        let whole = resample(&luma, side, side, Window::WHOLE, HASHED);
        let mut windows = [0; 9];
        for (hash, window) in windows.iter_mut().zip(super::Fingerprint::window_places()) {
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

    pub(super) fn difference(&self, window: Window, other: &Self) -> Difference {
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

/// Mean and largest difference.
fn apart(here: &[f32], there: &[u8]) -> (f32, f32) {
    let mut found = (0.0, 0.0_f32);
    for (a, &b) in here.iter().zip(there) {
        let apart = (a - f32::from(b)).abs();
        found = (found.0 + apart, found.1.max(apart));
    }
    (found.0 / here.len() as f32, found.1)
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
