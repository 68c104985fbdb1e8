//! Brightness and colours of a picture in few cells, each the mean of the area that it covers.

use image::RgbImage;

/// Side of the brightness, in px.
pub const SIDE: usize = 64;
/// Side of the colours, in px.
pub(super) const COLOUR: usize = 16;

/// Brightness (64 × 64) and both colour differences (16 × 16) of a picture, by areas (Rec. 601).
pub(super) fn planes(picture: &RgbImage) -> [Vec<f32>; 3] {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let data = picture.as_raw();
    // First every row to 64 sums of each channel, then the columns.
    let across = Spans::new(width, SIDE);
    let down = Spans::new(height, SIDE);
    // A fourth channel that nobody reads, so that all are added at once.
    let mut sums = vec![[0.0_f32; 4]; SIDE * SIDE];
    let mut line = [[0.0_f32; 4]; SIDE];
    let mut levels = vec![0.0_f32; 3 * width + 1];
    // The cells that a row lies in are neighbours, and no later row lies in an earlier cell.
    let mut first = 0;
    for y in 0..height {
        let row = &data[3 * width * y..3 * width * (y + 1)];
        for (level, &byte) in levels.iter_mut().zip(row) {
            *level = f32::from(byte);
        }
        for (cell, span) in line.iter_mut().zip(&across.starts) {
            let (start, shares) = across.of(*span);
            let mut rest = &levels[3 * start..];
            let mut sum = [0.0_f32; 4];
            for &share in shares {
                let Some(pixel) = rest.first_chunk::<4>() else {
                    break;
                };
                for (total, level) in sum.iter_mut().zip(pixel) {
                    *total += share * level;
                }
                rest = &rest[3..];
            }
            *cell = sum;
        }
        while first + 1 < SIDE && !down.reaches(first, y) {
            first += 1;
        }
        // A cell that begins where the row ends is none, however its beginning was rounded.
        let behind = ((y + 1) * SIDE).div_ceil(height).min(SIDE);
        for target in first..behind {
            let (start, shares) = down.of(down.starts[target]);
            let Some(&share) = y.checked_sub(start).and_then(|row| shares.get(row)) else {
                continue;
            };
            let cells = &mut sums[target * SIDE..(target + 1) * SIDE];
            for (total, cell) in cells.iter_mut().zip(&line) {
                for (a, b) in total.iter_mut().zip(cell) {
                    *a += share * b;
                }
            }
        }
    }
    let luma: Vec<f32> = sums
        .iter()
        .map(|[r, g, b, _]| 0.299 * r + 0.587 * g + 0.114 * b)
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

/// For each cell the source pixels that lie in it with their shares.
struct Spans {
    /// For each cell its first pixel, and where its shares lie.
    starts: Vec<(usize, usize, usize)>,
    shares: Vec<f32>,
}

impl Spans {
    fn new(from: usize, to: usize) -> Self {
        let scale = from as f32 / to as f32;
        let (mut starts, mut shares) = (Vec::with_capacity(to), Vec::new());
        for i in 0..to {
            let (start, end) = (i as f32 * scale, (i + 1) as f32 * scale);
            let last = (end.ceil() as usize).min(from);
            let (first, before) = (start.floor() as usize, shares.len());
            for x in first..last {
                let share = (end.min(x as f32 + 1.0) - start.max(x as f32)) / scale;
                shares.push(share.max(0.0));
            }
            starts.push((first, before, shares.len()));
        }
        Self { starts, shares }
    }

    /// First pixel and shares of a cell.
    fn of(&self, (first, from, to): (usize, usize, usize)) -> (usize, &[f32]) {
        (first, &self.shares[from..to])
    }

    /// Whether a cell ends behind a pixel.
    fn reaches(&self, cell: usize, pixel: usize) -> bool {
        let (first, from, to) = self.starts[cell];
        first + (to - from) > pixel
    }
}
