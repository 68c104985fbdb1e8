//! Hashes of a picture and of windows of it, from its small copy's brightness.

use std::sync::LazyLock;

use super::planes::SIDE;
use super::window::{Spot, Window, spots};

/// Side of the picture that is hashed, in px.
const HASHED: usize = 32;
/// Lowest frequencies that are kept, in each direction.
const LOW: usize = 8;

/// The cosines of the lowest frequencies at the middle of each pixel.
static WAVES: LazyLock<[[f32; LOW]; HASHED]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        std::array::from_fn(|k| {
            (std::f32::consts::PI * k as f32 * (i as f32 + 0.5) / HASHED as f32).cos()
        })
    })
});

/// The hashes of windows of a picture, each resampled to 32 × 32 px between pixels linearly.
pub(super) fn hashes<const N: usize>(luma: &[f32], windows: [Window; N]) -> [u64; N] {
    // Many windows have the same left and right edge: their rows are the same.
    let mut resampled: Vec<([u32; 2], Vec<[f32; HASHED]>)> = Vec::new();
    windows.map(|window| {
        let edges = [window.x, window.width].map(f32::to_bits);
        let at = resampled.iter().position(|(of, _)| *of == edges);
        let at = at.unwrap_or_else(|| {
            resampled.push((edges, rows(luma, window)));
            resampled.len() - 1
        });
        let rows = &resampled[at].1;
        let mut square = [[0.0; HASHED]; HASHED];
        let places: [Spot; HASHED] = spots(window.y, window.height, SIDE);
        for (out, spot) in square.iter_mut().zip(places) {
            let between = rows[spot.low].iter().zip(&rows[spot.high]);
            for (out, (upper, lower)) in out.iter_mut().zip(between) {
                *out = upper * (1.0 - spot.share) + lower * spot.share;
            }
        }
        dct_hash(&square)
    })
}

/// Every row of the small copy at the places of a window's columns.
fn rows(luma: &[f32], window: Window) -> Vec<[f32; HASHED]> {
    let columns: [Spot; HASHED] = spots(window.x, window.width, SIDE);
    let row = |row: &[f32]| {
        columns.map(|spot| row[spot.low] * (1.0 - spot.share) + row[spot.high] * spot.share)
    };
    luma.chunks_exact(SIDE).map(row).collect()
}

/// Signs of the 63 lowest frequencies but the mean, against their median (pHash; Zauner, 2010).
fn dct_hash(square: &[[f32; HASHED]; HASHED]) -> u64 {
    let waves: &[[f32; LOW]; HASHED] = &WAVES;
    // Sums are kept side by side, each in the order of the pixels.
    let mut low = [[0.0_f32; LOW]; LOW];
    for (row, down) in square.iter().zip(waves) {
        let mut across = [0.0_f32; LOW];
        for (level, wave) in row.iter().zip(waves) {
            for (sum, wave) in across.iter_mut().zip(wave) {
                *sum += level * wave;
            }
        }
        for (sums, wave) in low.iter_mut().zip(down) {
            for (sum, across) in sums.iter_mut().zip(&across) {
                *sum += across * wave;
            }
        }
    }
    let low = low.as_flattened();
    let mut sorted = [0.0; LOW * LOW];
    sorted.copy_from_slice(low);
    sorted[1..].sort_unstable_by(f32::total_cmp);
    let median = sorted[LOW * LOW / 2];
    (1..LOW * LOW).fold(0, |hash, i| hash << 1 | u64::from(low[i] > median))
}
