//! Antialiased resizing of 8-bit pictures, to the bit as torchvision does it on the CPU.
//!
//! Mirrors the integer path of PyTorch's `upsample_bicubic2d_aa` and `upsample_bilinear2d_aa` for bytes: weights in
//! 16-bit fixed point with as many fraction bits as the largest weight allows, one pass along rows and one along
//! columns, each rounded to bytes. Pillow does the same with 22 fraction bits and so differs by a level here and there.
//! Where the processor has AVX2 the passes do many pixels at once, with the same result.

#[cfg(target_arch = "x86_64")]
mod avx2;

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
        let taps = Taps::new(old_width, width, kernel);
        along_rows(picture.as_raw(), old_width, &taps)
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
    /// Weights of all ranges, one after the other, scaled by 2^`precision`.
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

    /// The ranges, each with its weights.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i16])> {
        let mut weights = self.weights.as_slice();
        self.ranges.iter().map(move |&(first, count)| {
            let (here, rest) = weights.split_at(count);
            weights = rest;
            (first, here)
        })
    }

    fn round(&self, sum: i32) -> u8 {
        (sum >> self.precision).clamp(0, 255) as u8
    }

    fn half(&self) -> i32 {
        1 << (self.precision - 1)
    }
}

fn along_rows(pixels: &[u8], old_width: usize, taps: &Taps) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = avx2::available() {
        return avx2::along_rows(simd, pixels, old_width, taps);
    }
    one_by_one::along_rows(pixels, old_width, taps)
}

/// `stride` is the number of bytes of a row.
fn along_columns(pixels: &[u8], stride: usize, taps: &Taps) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = avx2::available()
        && stride >= avx2::COLUMNS
    {
        return avx2::along_columns(simd, pixels, stride, taps);
    }
    one_by_one::along_columns(pixels, stride, taps)
}

/// The passes for every processor.
mod one_by_one {
    use super::Taps;

    pub(super) fn along_rows(pixels: &[u8], old_width: usize, taps: &Taps) -> Vec<u8> {
        let mut out = Vec::with_capacity(pixels.len() / old_width * taps.ranges.len());
        for row in pixels.chunks_exact(old_width * 3) {
            for (first, weights) in taps.iter() {
                let mut sums = [taps.half(); 3];
                for (pixel, weight) in row[first * 3..].chunks_exact(3).zip(weights) {
                    for (sum, value) in sums.iter_mut().zip(pixel) {
                        *sum += i32::from(*value) * i32::from(*weight);
                    }
                }
                out.extend(sums.map(|sum| taps.round(sum)));
            }
        }
        out
    }

    pub(super) fn along_columns(pixels: &[u8], stride: usize, taps: &Taps) -> Vec<u8> {
        let mut out = Vec::with_capacity(stride * taps.ranges.len());
        let mut sums = vec![0; stride];
        for (first, weights) in taps.iter() {
            sums.fill(taps.half());
            for (row, weight) in pixels[first * stride..].chunks_exact(stride).zip(weights) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += i32::from(*value) * i32::from(*weight);
                }
            }
            out.extend(sums.iter().map(|sum| taps.round(*sum)));
        }
        out
    }
}
