//! Cell means of a window of a small copy.

use super::window::{Spot, Window, spots};

/// Gives the cells of a window row by row, each from four points that lie between pixels, until `row` wants no more.
/// The small copy has `SIDE` px a side, and `POINTS` is twice `CELLS`.
pub(super) fn cell_rows<const SIDE: usize, const POINTS: usize, const CELLS: usize>(
    plane: &[u8],
    window: Window,
    mut row: impl FnMut(usize, &[f32; CELLS]) -> bool,
) {
    let (lines, _) = plane.as_chunks::<SIDE>();
    let columns: [Spot; POINTS] = spots(window.x, window.width, SIDE);
    let rows: [Spot; POINTS] = spots(window.y, window.height, SIDE);
    let right = columns.map(|spot| spot.share);
    let left = right.map(|share| 1.0 - share);
    for (at, pair) in rows.chunks_exact(2).enumerate() {
        let mut out = [0.0_f32; CELLS];
        for spot in pair {
            let (above, below) = (&lines[spot.low], &lines[spot.high]);
            // Looked up first, so that the arithmetic goes on side by side.
            let at = |row: &[u8; SIDE], place: usize| f32::from(row[place % SIDE]);
            let a: [f32; POINTS] = std::array::from_fn(|j| at(above, columns[j].low));
            let b: [f32; POINTS] = std::array::from_fn(|j| at(above, columns[j].high));
            let c: [f32; POINTS] = std::array::from_fn(|j| at(below, columns[j].low));
            let d: [f32; POINTS] = std::array::from_fn(|j| at(below, columns[j].high));
            let points: [f32; POINTS] = std::array::from_fn(|j| {
                let upper = a[j] * left[j] + b[j] * right[j];
                let lower = c[j] * left[j] + d[j] * right[j];
                0.25 * (upper * (1.0 - spot.share) + lower * spot.share)
            });
            for (cell, two) in out.iter_mut().zip(points.chunks_exact(2)) {
                *cell += two[0];
                *cell += two[1];
            }
        }
        if !row(at, &out) {
            return;
        }
    }
}

/// Mean and largest difference of a window's cells from the cells of a whole picture.
pub(super) fn apart<const SIDE: usize, const POINTS: usize, const CELLS: usize>(
    plane: &[u8],
    window: Window,
    there: &[u8],
) -> (f32, f32) {
    let (mut sum, mut most) = (0.0_f32, 0.0_f32);
    cell_rows::<SIDE, POINTS, CELLS>(plane, window, |at, here| {
        for (a, &b) in here.iter().zip(&there[at * CELLS..]) {
            let apart = (a - f32::from(b)).abs();
            (sum, most) = (sum + apart, most.max(apart));
        }
        true
    });
    (sum / (CELLS * CELLS) as f32, most)
}

/// The mean difference as [`apart`] gives it, if it is less than a limit.
pub(super) fn mean_below<const SIDE: usize, const POINTS: usize, const CELLS: usize>(
    plane: &[u8],
    window: Window,
    there: &[u8],
    limit: f32,
) -> Option<f32> {
    let (mut sum, mut is_below) = (0.0_f32, true);
    cell_rows::<SIDE, POINTS, CELLS>(plane, window, |at, here| {
        for (a, &b) in here.iter().zip(&there[at * CELLS..]) {
            sum += (a - f32::from(b)).abs();
        }
        // A sum that only grows cannot come below again.
        is_below = sum / ((CELLS * CELLS) as f32) < limit;
        is_below
    });
    is_below.then(|| sum / (CELLS * CELLS) as f32)
}

/// Cell means of a whole small copy, rounded.
pub(super) fn means<const SIDE: usize, const POINTS: usize, const CELLS: usize>(
    plane: &[u8],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(CELLS * CELLS);
    cell_rows::<SIDE, POINTS, CELLS>(plane, Window::WHOLE, |_, row| {
        out.extend(row.iter().copied().map(byte));
        true
    });
    out
}

/// A level as a byte.
pub(super) fn byte(level: f32) -> u8 {
    level.round().clamp(0.0, 255.0) as u8
}
