//! The passes with AVX2: two neighbours are multiplied by their weights and added in one instruction. Sums of whole
//! numbers do not depend on their order, so that the result is that of one by one.

#![expect(
    clippy::inline_always,
    reason = "a function of its own would not have the instructions on"
)]

use std::arch::x86_64::{__m128i, __m256i};

use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast};

use super::taps::Taps;

/// Bytes of a row that are done at once along columns; narrower pictures are not for these.
pub(super) const COLUMNS: usize = 32;
/// Rows that are done at once, since the same weights go for all of them.
const ROWS: usize = 4;
/// Pixels whose weights stand together along rows.
const PIXELS: usize = 4;
/// Bytes that are read at once along rows, of which those of [`PIXELS`] count.
const READ: usize = 16;
/// The first two of four pixels as numbers of 16 bits, red beside red; then the other two. -1 gives 0.
const SIDE_BY_SIDE: [i8; 32] = [
    0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
    6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1,
];

/// The instructions, if this processor has them.
pub(super) fn available() -> Option<V3> {
    V3::try_new()
}

/// Two weights of 16 bits in one number; what is missing is 0.
fn two(weights: &[i16]) -> i32 {
    let half = |at: usize| weights.get(at).copied().unwrap_or(0).to_le_bytes();
    let ([a, b], [c, d]) = (half(0), half(1));
    i32::from_le_bytes([a, b, c, d])
}

/// One pass over a picture whose rows have `stride` bytes.
struct Pass<'a> {
    simd: V3,
    pixels: &'a [u8],
    stride: usize,
    taps: &'a Taps,
}

// What is done with the instructions has to be one function that they are on for: a closure may stay one without.
struct Rows<'a>(Pass<'a>);
struct Columns<'a>(Pass<'a>);

pub(super) fn along_rows(simd: V3, pixels: &[u8], old_width: usize, taps: &Taps) -> Vec<u8> {
    simd.vectorize(Rows(Pass {
        simd,
        pixels,
        stride: old_width * 3,
        taps,
    }))
}

/// `stride` is the number of bytes of a row, at least [`COLUMNS`].
pub(super) fn along_columns(simd: V3, pixels: &[u8], stride: usize, taps: &Taps) -> Vec<u8> {
    simd.vectorize(Columns(Pass {
        simd,
        pixels,
        stride,
        taps,
    }))
}

impl NullaryFnOnce for Rows<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn call(self) -> Vec<u8> {
        let Pass {
            simd,
            pixels,
            stride: old_stride,
            taps,
        } = self.0;
        let mut table: Vec<[i32; 8]> = Vec::with_capacity(taps.weights.len());
        for (_, weights) in taps.iter() {
            table.extend(weights.chunks(PIXELS).map(|four| {
                let (a, b) = (two(four), two(&four[four.len().min(2)..]));
                [a, a, a, a, b, b, b, b]
            }));
        }
        let stride = taps.ranges.len() * 3;
        let mut out = vec![0; pixels.len() / old_stride * stride];
        let mask: __m256i = cast(SIDE_BY_SIDE);
        let half = taps.half();
        let start: __m256i = cast([half, half, half, 0, 0, 0, 0, 0]);
        let precision: __m128i = cast([u64::from(taps.precision), 0]);
        // What is read beyond a row's end has the weight 0.
        let padded = old_stride + READ;
        let mut buffer = vec![0; padded * ROWS];
        for (from, out) in pixels
            .chunks(old_stride * ROWS)
            .zip(out.chunks_mut(stride * ROWS))
        {
            for (row, from) in buffer
                .chunks_exact_mut(padded)
                .zip(from.chunks_exact(old_stride))
            {
                row[..old_stride].copy_from_slice(from);
            }
            let mut table = table.as_slice();
            for (at, &(first, count)) in taps.ranges.iter().enumerate() {
                let (weights, rest) = table.split_at(count.div_ceil(PIXELS));
                table = rest;
                let mut sums = [start; ROWS];
                for (four, weights) in weights.iter().enumerate() {
                    let place = 3 * (first + PIXELS * four);
                    for (sum, row) in sums.iter_mut().zip(buffer.chunks_exact(padded)) {
                        let mut bytes = [0; READ];
                        bytes.copy_from_slice(&row[place..place + READ]);
                        let twice = simd.avx2._mm256_broadcastsi128_si256(cast(bytes));
                        let values = simd.avx2._mm256_shuffle_epi8(twice, mask);
                        let products = simd.avx2._mm256_madd_epi16(values, cast(*weights));
                        *sum = simd.avx2._mm256_add_epi32(*sum, products);
                    }
                }
                for (sum, out) in sums.into_iter().zip(out.chunks_exact_mut(stride)) {
                    let [low, high]: [__m128i; 2] = cast(sum);
                    let sum = simd.sse2._mm_add_epi32(low, high);
                    let rounded = simd.sse2._mm_sra_epi32(sum, precision);
                    let words = simd.sse2._mm_packs_epi32(rounded, rounded);
                    let bytes: [u8; 16] = cast(simd.sse2._mm_packus_epi16(words, words));
                    out[3 * at..3 * at + 3].copy_from_slice(&bytes[..3]);
                }
            }
        }
        out
    }
}

impl NullaryFnOnce for Columns<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn call(self) -> Vec<u8> {
        let Pass {
            simd,
            pixels,
            stride,
            taps,
        } = self.0;
        let mut out = vec![0; stride * taps.ranges.len()];
        let precision: __m128i = cast([u64::from(taps.precision), 0]);
        let start = simd.avx._mm256_set1_epi32(taps.half());
        let zero = simd.avx._mm256_setzero_si256();
        for ((first, weights), out) in taps.iter().zip(out.chunks_exact_mut(stride)) {
            let rows = &pixels[first * stride..(first + weights.len()) * stride];
            for at in (0..stride).step_by(COLUMNS) {
                // The last ones overlap those before them.
                let at = at.min(stride - COLUMNS);
                let mut sums = [start; 4];
                for (pair, weights) in rows.chunks(2 * stride).zip(weights.chunks(2)) {
                    let (upper, lower) = pair.split_at(stride);
                    let (upper, lower) = (read(upper, at), read(lower, at));
                    let (upper, lower): (__m256i, __m256i) = (cast(upper), cast(lower));
                    let weights = simd.avx._mm256_set1_epi32(two(weights));
                    let low = simd.avx2._mm256_unpacklo_epi8(upper, lower);
                    let high = simd.avx2._mm256_unpackhi_epi8(upper, lower);
                    let values = [
                        simd.avx2._mm256_unpacklo_epi8(low, zero),
                        simd.avx2._mm256_unpackhi_epi8(low, zero),
                        simd.avx2._mm256_unpacklo_epi8(high, zero),
                        simd.avx2._mm256_unpackhi_epi8(high, zero),
                    ];
                    for (sum, values) in sums.iter_mut().zip(values) {
                        let products = simd.avx2._mm256_madd_epi16(values, weights);
                        *sum = simd.avx2._mm256_add_epi32(*sum, products);
                    }
                }
                let [a, b, c, d] = sums.map(|sum| simd.avx2._mm256_sra_epi32(sum, precision));
                let low = simd.avx2._mm256_packs_epi32(a, b);
                let high = simd.avx2._mm256_packs_epi32(c, d);
                let bytes: [u8; COLUMNS] = cast(simd.avx2._mm256_packus_epi16(low, high));
                out[at..at + COLUMNS].copy_from_slice(&bytes);
            }
        }
        out
    }
}

/// Bytes of a row; black for the row after the last.
#[inline(always)]
fn read(row: &[u8], at: usize) -> [u8; COLUMNS] {
    let bytes = row.get(at..).and_then(|bytes| bytes.first_chunk());
    bytes.copied().unwrap_or([0; COLUMNS])
}

#[cfg(test)]
mod tests {
    use super::super::{Kernel, Taps, one_by_one};

    #[test]
    fn many_at_once_are_what_one_by_one_gives() {
        let Some(simd) = super::available() else {
            return;
        };
        let mut seed = 1_u32;
        let mut byte = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Black and white often, so that sums leave the range of a byte.
            match seed >> 29 {
                0 => 0,
                1 => 255,
                _ => (seed >> 16) as u8,
            }
        };
        for kernel in [Kernel::Bilinear, Kernel::Bicubic] {
            for (height, width, to) in [
                (1, 11, 1),
                (2, 12, 64),
                (3, 100, 7),
                (5, 33, 32),
                (31, 64, 63),
                (9, 640, 28),
                (70, 21, 70),
            ] {
                let pixels: Vec<u8> = (0..height * width * 3).map(|_| byte()).collect();
                let taps = Taps::new(width, to, kernel);
                assert_eq!(
                    super::along_rows(simd, &pixels, width, &taps),
                    one_by_one::along_rows(&pixels, width, &taps),
                    "{kernel:?} {height} × {width} to {to}"
                );
                let taps = Taps::new(height, to, kernel);
                assert_eq!(
                    super::along_columns(simd, &pixels, width * 3, &taps),
                    one_by_one::along_columns(&pixels, width * 3, &taps),
                    "{kernel:?} {height} to {to} × {width}"
                );
            }
        }
    }
}
