//! Antialiased resizing of 8-bit pictures, to the bit as torchvision does it on the CPU.
//!
//! Mirrors the integer path of PyTorch's `upsample_bicubic2d_aa` and `upsample_bilinear2d_aa` for bytes: weights in
//! 16-bit fixed point with as many fraction bits as the largest weight allows, one pass along rows and one along
//! columns, each rounded to bytes. Pillow does the same with 22 fraction bits and so differs by a level here and there.
//! Where the processor has AVX2 the passes do many pixels at once, with the same result.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod taps;

use image::RgbImage;

pub use taps::Kernel;
use taps::Taps;

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
    use super::taps::Taps;

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
