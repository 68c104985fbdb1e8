//! Antialiased resizing of 8-bit pictures, to the bit as torchvision does it on the CPU.
//!
//! Mirrors the integer path of PyTorch's `upsample_bicubic2d_aa` and `upsample_bilinear2d_aa` for bytes: weights in
//! 16-bit fixed point with as many fraction bits as the largest weight allows, one pass along rows and one along
//! columns, each rounded to bytes. Pillow does the same with 22 fraction bits and so differs by a level here and there.

use image::RgbImage;

/// The weights of neighbouring pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// A triangle over 2 pixels.
    Bilinear,
    /// Cubic convolution over 4 pixels with a = -0.5.
    Bicubic,
}

impl Kernel {
    /// Half of the kernel's width in pixels.
    fn reach(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        const A: f64 = -0.5;
        let x = distance.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A,
            Self::Bicubic => 0.0,
        }
    }
}

/// The picture at another size: `height × width × 3` bytes, row by row.
///
/// ```
/// use processor::{Kernel, resize};
/// let picture = image::RgbImage::from_pixel(40, 30, image::Rgb([7, 8, 9]));
/// assert_eq!(resize(&picture, 1, 2, Kernel::Bicubic), [7, 8, 9, 7, 8, 9]);
/// ```
pub fn resize(picture: &RgbImage, height: usize, width: usize, kernel: Kernel) -> Vec<u8> {
    let (old_height, old_width) = (picture.height() as usize, picture.width() as usize);
    let rows = if width == old_width {
        picture.as_raw().clone()
    } else {
        along_rows(
            picture.as_raw(),
            old_width,
            &Taps::new(old_width, width, kernel),
        )
    };
    if height == old_height {
        rows
    } else {
        along_columns(&rows, width * 3, &Taps::new(old_height, height, kernel))
    }
}

/// Which pixels each new pixel is made of, and by how much.
struct Taps {
    /// First pixel and number of pixels.
    ranges: Vec<(usize, usize)>,
    /// Weights of all ranges, one after the other, scaled by 2^`precision`. Products of two 16-bit numbers are what
    /// processors do many of at a time.
    weights: Vec<i16>,
    precision: u32,
}

impl Taps {
    fn new(from: usize, to: usize, kernel: Kernel) -> Self {
        let scale = from as f64 / to as f64;
        // Shrinking widens the kernel over all pixels that fall into a new one.
        let stretch = scale.max(1.0);
        let reach = kernel.reach() * stretch;
        let most = reach.ceil() as usize * 2 + 1;
        let (mut ranges, mut exact) = (Vec::with_capacity(to), Vec::new());
        let mut largest = 0.0_f64;
        for i in 0..to {
            let centre = scale * (i as f64 + 0.5);
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let count = (((centre + reach + 0.5) as usize)
                .min(from)
                .saturating_sub(first))
            .min(most);
            let begin = exact.len();
            exact.extend(
                (0..count)
                    .map(|j| kernel.weight(((j + first) as f64 - centre + 0.5) * (1.0 / stretch))),
            );
            let total: f64 = exact[begin..].iter().sum();
            if total != 0.0 {
                exact[begin..].iter_mut().for_each(|w| *w /= total);
            }
            largest = exact[begin..].iter().copied().fold(largest, f64::max);
            ranges.push((first, count));
        }
        let fits = |bits: u32| ((0.5 + largest * f64::from(1_u32 << bits)) as i32) < 1 << 15;
        let precision = (0..22).find(|bits| !fits(bits + 1)).unwrap_or(22);
        let one = f64::from(1_u32 << precision);
        // Rounded half away from zero.
        let weights = exact
            .iter()
            .map(|w| (w * one + if *w < 0.0 { -0.5 } else { 0.5 }) as i16)
            .collect();
        Self {
            ranges,
            weights,
            precision,
        }
    }

    fn round(&self, sum: i32) -> u8 {
        (sum >> self.precision).clamp(0, 255) as u8
    }

    fn half(&self) -> i32 {
        1 << (self.precision - 1)
    }
}

/// Rows that are resized together, since the same weights go for all of them.
const ROWS: usize = 16;
/// Their numbers at one place.
const LANES: usize = ROWS * 3;

fn along_rows(pixels: &[u8], old_width: usize, taps: &Taps) -> Vec<u8> {
    let stride = taps.ranges.len() * 3;
    let mut out = vec![0; pixels.len() / (old_width * 3) * stride];
    // Place by place, all rows of a block.
    let mut block = vec![[0_i16; LANES]; old_width];
    for (rows, out) in pixels
        .chunks(old_width * 3 * ROWS)
        .zip(out.chunks_mut(stride * ROWS))
    {
        for (row, pixels) in rows.chunks_exact(old_width * 3).enumerate() {
            for (place, pixel) in block.iter_mut().zip(pixels.chunks_exact(3)) {
                for (value, byte) in place[row * 3..row * 3 + 3].iter_mut().zip(pixel) {
                    *value = i16::from(*byte);
                }
            }
        }
        let mut weights = taps.weights.as_slice();
        for (at, &(first, count)) in taps.ranges.iter().enumerate() {
            let (here, rest) = weights.split_at(count);
            weights = rest;
            let mut sums = [taps.half(); LANES];
            for (place, weight) in block[first..first + count].iter().zip(here) {
                for (sum, value) in sums.iter_mut().zip(place) {
                    *sum += i32::from(*value) * i32::from(*weight);
                }
            }
            for (row, sums) in out.chunks_exact_mut(stride).zip(sums.chunks_exact(3)) {
                for (byte, sum) in row[at * 3..at * 3 + 3].iter_mut().zip(sums) {
                    *byte = taps.round(*sum);
                }
            }
        }
    }
    out
}

/// `stride` is the number of bytes of a row.
fn along_columns(pixels: &[u8], stride: usize, taps: &Taps) -> Vec<u8> {
    let mut out = Vec::with_capacity(stride * taps.ranges.len());
    let mut sums = vec![0; stride];
    let mut weights = taps.weights.as_slice();
    for &(first, count) in &taps.ranges {
        let (here, rest) = weights.split_at(count);
        weights = rest;
        sums.fill(taps.half());
        for (row, weight) in pixels[first * stride..(first + count) * stride]
            .chunks_exact(stride)
            .zip(here)
        {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(i16::from(*value)) * i32::from(*weight);
            }
        }
        out.extend(sums.iter().map(|sum| taps.round(*sum)));
    }
    out
}
