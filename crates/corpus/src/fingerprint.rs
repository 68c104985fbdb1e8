//! What is left of a picture when it is resized, compressed again or cropped a little.
//!
//! Takes a decoded picture, gives a [`Fingerprint`] of about 5 kB: a hash of the whole picture and of nine windows of
//! 90 %, by which candidates are found, and a small copy by which they are verified.

mod cells;
mod hash;
mod planes;
mod window;

use std::ops::Range;

use image::RgbImage;

use cells::{apart, byte, mean_below, means};
use planes::COLOUR;

pub use planes::SIDE;
pub use window::Window;

/// Cells a side in which two small copies are compared, and twice as many points.
const CELLS: usize = 16;
const POINTS: usize = 2 * CELLS;
/// Cells a side in which colours are compared, and twice as many points.
const COLOUR_CELLS: usize = 8;
const COLOUR_POINTS: usize = 2 * COLOUR_CELLS;
/// Share of a window's side of the picture's.
const WINDOW: f32 = 0.9;

// The small copy, part by part.
const LUMA: Range<usize> = 0..SIDE * SIDE;
const COLOURS: [Range<usize>; 2] = [
    LUMA.end..LUMA.end + COLOUR * COLOUR,
    LUMA.end + COLOUR * COLOUR..LUMA.end + 2 * COLOUR * COLOUR,
];
const MEANS: Range<usize> = COLOURS[1].end..COLOURS[1].end + CELLS * CELLS;
const COLOUR_MEANS: [Range<usize>; 2] = [
    MEANS.end..MEANS.end + COLOUR_CELLS * COLOUR_CELLS,
    MEANS.end + COLOUR_CELLS * COLOUR_CELLS..MEANS.end + 2 * COLOUR_CELLS * COLOUR_CELLS,
];
const SMALL: usize = COLOUR_MEANS[1].end;

/// A picture's hashes with its small copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Fingerprint {
    /// Hash of the whole picture.
    pub hash: u64,
    /// Hashes of the windows at the corners, the middles of the edges and the centre.
    pub windows: [u64; 9],
    /// Brightness, both colours, and the cells of each.
    small: Box<[u8]>,
}

impl Fingerprint {
    /// Bytes of [`to_bytes`](Self::to_bytes).
    pub const BYTES: usize = 10 * size_of::<u64>() + SMALL;

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
        let [luma, blue, red] = planes::planes(picture);
        let [hash] = hash::hashes(&luma, [Window::WHOLE]);
        let windows = hash::hashes(&luma, Self::window_places());
        let [luma, blue, red]: [Vec<u8>; 3] =
            [luma, blue, red].map(|plane| plane.iter().copied().map(byte).collect());
        let bright = means::<SIDE, POINTS, CELLS>(&luma);
        let colour = |plane| means::<COLOUR, COLOUR_POINTS, COLOUR_CELLS>(plane);
        let colours = [colour(&blue), colour(&red)].concat();
        Self {
            hash,
            windows,
            small: [luma, blue, red, bright, colours].concat().into(),
        }
    }

    /// The fingerprint as bytes, to be kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::BYTES);
        out.extend(self.hash.to_le_bytes());
        out.extend(self.windows.iter().flat_map(|hash| hash.to_le_bytes()));
        out.extend(&self.small);
        out
    }

    /// The fingerprint that was kept; nothing of any other number of bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        let (hashes, small) = bytes.split_at(Self::BYTES - SMALL);
        let (hashes, _) = hashes.as_chunks::<{ size_of::<u64>() }>();
        let (hash, windows) = hashes.split_first()?;
        let windows: [[u8; 8]; 9] = windows.try_into().ok()?;
        Some(Self {
            hash: u64::from_le_bytes(*hash),
            windows: windows.map(u64::from_le_bytes),
            small: small.into(),
        })
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
        let (mean, most) =
            apart::<SIDE, POINTS, CELLS>(&self.small[LUMA], window, &other.small[MEANS]);
        let (mut colour, mut most_colour) = (0.0_f32, 0.0_f32);
        for (mine, theirs) in COLOURS.into_iter().zip(COLOUR_MEANS) {
            let (mine, theirs) = (&self.small[mine], &other.small[theirs]);
            let (mean, most) = apart::<COLOUR, COLOUR_POINTS, COLOUR_CELLS>(mine, window, theirs);
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

    /// [`Difference::mean`] of a window of this picture and the whole other one, if it is less than a limit.
    pub fn mean_below(&self, window: Window, other: &Self, limit: f32) -> Option<f32> {
        let (mine, theirs) = (&self.small[LUMA], &other.small[MEANS]);
        mean_below::<SIDE, POINTS, CELLS>(mine, window, theirs, limit)
    }

    /// The brightness of few cells, by which most other pictures are told.
    pub fn coarse(&self) -> Coarse {
        let cells = &self.small[MEANS];
        let step = CELLS / COARSE;
        Coarse(std::array::from_fn(|i| {
            let (x, y) = (i % COARSE * step, i / COARSE * step);
            let rows = (y..y + step).flat_map(|row| &cells[row * CELLS + x..][..step]);
            let sum: usize = rows.map(|&level| usize::from(level)).sum();
            ((sum + step * step / 2) / (step * step)) as u8
        }))
    }

    /// Whether the whole pictures may be within [`Difference::is_copy`]: quick, and never wrong where it says no.
    pub fn may_be_copy(&self, other: &Self) -> bool {
        // Each cell was rounded by half a level at the most.
        let near = |part: Range<usize>, limit: f32| {
            let there = &other.small[part.clone()];
            let apart = self.small[part].iter().zip(there);
            let sum: u32 = apart.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
            sum as f32 <= (limit + 0.5 + SLACK) * there.len() as f32
        };
        near(MEANS, COPY_MEAN) && COLOUR_MEANS.into_iter().all(|part| near(part, COPY_COLOUR))
    }

    /// Whether any window of this picture can be so near to the whole other one in the means of brightness and colours:
    /// quick, and never wrong where it says no.
    pub fn may_hold(&self, other: &Self, mean: f32, colour: f32) -> bool {
        // No window has a cell that is darker or brighter than every pixel.
        let near = |plane: Range<usize>, cells: Range<usize>, limit: f32| {
            let (mut least, mut most) = (u8::MAX, u8::MIN);
            for &level in &self.small[plane] {
                (least, most) = (least.min(level), most.max(level));
            }
            let cells = &other.small[cells];
            let out = |level: u8| level.saturating_sub(most).max(least.saturating_sub(level));
            let sum: u32 = cells.iter().map(|&level| u32::from(out(level))).sum();
            sum as f32 <= (limit + SLACK) * cells.len() as f32
        };
        let mut colours = COLOURS.into_iter().zip(COLOUR_MEANS);
        colours.all(|(plane, cells)| near(plane, cells, colour)) && near(LUMA, MEANS, mean)
    }
}

/// Cells a side of [`Coarse`].
const COARSE: usize = 4;

/// The brightness of four by four cells of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coarse([u8; COARSE * COARSE]);

impl Coarse {
    /// As [`Fingerprint::may_be_copy`], from little memory.
    pub fn may_be_copy(&self, other: &Self) -> bool {
        // Means are no further apart than what they are of is in the mean. The fine cells of one were rounded, and these.
        let apart = self.0.iter().zip(&other.0).map(|(a, b)| a.abs_diff(*b));
        let sum: u32 = apart.map(u32::from).sum();
        sum as f32 <= (COPY_MEAN + 0.5 + 1.0 + SLACK) * self.0.len() as f32
    }
}

/// More than rounding of single precision amounts to, in levels.
const SLACK: f32 = 0.01;

/// Bits of 63 in which a picture's hash and its copy's may differ.
pub const COPY_BITS: u32 = 14;

/// Mean difference of a copy's brightness.
const COPY_MEAN: f32 = 4.0;
/// Mean difference of a copy's colours.
const COPY_COLOUR: f32 = 3.0;

/// What is needed to tell whole pictures apart: about 400 bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// Hash of the whole picture.
    pub hash: u64,
    /// The cells of brightness and of both colours.
    cells: Box<[u8]>,
}

impl Sketch {
    /// Whether the other is the same picture, resized or compressed again. Symmetric.
    pub fn is_copy(&self, other: &Self) -> bool {
        if (self.hash ^ other.hash).count_ones() > COPY_BITS {
            return false;
        }
        let between = |part: Range<usize>| {
            let part = part.start - MEANS.start..part.end - MEANS.start;
            let there = &other.cells[part.clone()];
            let (mut sum, mut most) = (0, 0);
            for (a, b) in self.cells[part].iter().zip(there) {
                let apart = a.abs_diff(*b);
                (sum, most) = (sum + u32::from(apart), most.max(apart));
            }
            (sum as f32 / there.len() as f32, f32::from(most))
        };
        let (mean, most) = between(MEANS);
        let [blue, red] = COLOUR_MEANS.map(between);
        let difference = Difference {
            mean,
            most,
            colour: blue.0.max(red.0),
            most_colour: blue.1.max(red.1),
        };
        difference.is_copy()
    }
}

impl From<&Fingerprint> for Sketch {
    fn from(found: &Fingerprint) -> Self {
        Self {
            hash: found.hash,
            cells: found.small[MEANS.start..].into(),
        }
    }
}

impl Difference {
    /// Limits that JPEG of quality 50 and halving keep, and another drawing of the same outline does not (measured on the
    /// embedded pictograms by the evaluation crate's `examples/leaks.rs`).
    pub fn is_copy(self) -> bool {
        self.mean <= COPY_MEAN
            && self.most <= 26.0
            && self.colour <= COPY_COLOUR
            && self.most_colour <= 12.0
    }
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

#[cfg(test)]
mod plain;
#[cfg(test)]
mod tests;
