//! Cell means of a window of a small copy.

use super::window::{Spot, Window, spots};

/// Gives the cells of a window row by row, each from four points that lie between pixels, until `row` wants no more.
/// `POINTS` is twice the number of cells.
pub(super) fn cell_rows<const POINTS: usize, const CELLS: usize>(
    plane: &[u8],
    side: usize,
    window: Window,
    mut row: impl FnMut(usize, &[f32; CELLS]) -> bool,
) {
    let columns: [Spot; POINTS] = spots(window.x, window.width, side);
    let rows: [Spot; POINTS] = spots(window.y, window.height, side);
    let right = columns.map(|spot| spot.share);
    let left = right.map(|share| 1.0 - share);
    for (at, pair) in rows.chunks_exact(2).enumerate() {
        let mut out = [0.0_f32; CELLS];
        for spot in pair {
            let above = &plane[spot.low * side..][..side];
            let below = &plane[spot.high * side..][..side];
            // Looked up first, so that the arithmetic goes on side by side.
            let mut levels = [[0.0_f32; POINTS]; 4];
            for (j, column) in columns.iter().enumerate() {
                levels[0][j] = f32::from(above[column.low]);
                levels[1][j] = f32::from(above[column.high]);
                levels[2][j] = f32::from(below[column.low]);
                levels[3][j] = f32::from(below[column.high]);
            }
            let [a, b, c, d] = &levels;
            let mut points = [0.0_f32; POINTS];
            for j in 0..POINTS {
                let upper = a[j] * left[j] + b[j] * right[j];
                let lower = c[j] * left[j] + d[j] * right[j];
                points[j] = 0.25 * (upper * (1.0 - spot.share) + lower * spot.share);
            }
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
pub(super) fn apart<const POINTS: usize, const CELLS: usize>(
    plane: &[u8],
    side: usize,
    window: Window,
    there: &[u8],
) -> (f32, f32) {
    let (mut sum, mut most) = (0.0_f32, 0.0_f32);
    cell_rows::<POINTS, CELLS>(plane, side, window, |at, here| {
        for (a, &b) in here.iter().zip(&there[at * CELLS..]) {
            let apart = (a - f32::from(b)).abs();
            (sum, most) = (sum + apart, most.max(apart));
        }
        true
    });
    (sum / (CELLS * CELLS) as f32, most)
}

/// The mean difference as [`apart`] gives it, if it is less than a limit.
pub(super) fn mean_below<const POINTS: usize, const CELLS: usize>(
    plane: &[u8],
    side: usize,
    window: Window,
    there: &[u8],
    limit: f32,
) -> Option<f32> {
    let (mut sum, mut is_below) = (0.0_f32, true);
    cell_rows::<POINTS, CELLS>(plane, side, window, |at, here| {
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
pub(super) fn means<const POINTS: usize, const CELLS: usize>(plane: &[u8], side: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(CELLS * CELLS);
    cell_rows::<POINTS, CELLS>(plane, side, Window::WHOLE, |_, row| {
        out.extend(row.iter().map(byte));
        true
    });
    out
}

/// A level as a byte.
pub(super) fn byte(level: &f32) -> u8 {
    level.round().clamp(0.0, 255.0) as u8
}
