//! Parts of a picture, and the places between its pixels that they are looked at.

/// A part of a picture: left, top, width and height as shares of the picture's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Left edge, 0 to 1.
    pub x: f32,
    /// Upper edge, 0 to 1.
    pub y: f32,
    /// Width, 0 to 1.
    pub width: f32,
    /// Height, 0 to 1.
    pub height: f32,
}

impl Window {
    /// The whole picture.
    pub const WHOLE: Self = Self {
        x: 0.0,
        y: 0.0,
        width: 1.0,
        height: 1.0,
    };
}

/// A place between two neighbouring pixels of a row or column.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spot {
    pub(super) low: usize,
    pub(super) high: usize,
    /// How much of the later pixel it has.
    pub(super) share: f32,
}

/// The middles of `N` equal parts of a stretch of a row or column of `side` px.
pub(super) fn spots<const N: usize>(start: f32, length: f32, side: usize) -> [Spot; N] {
    std::array::from_fn(|i| {
        let at = ((start + length * (i as f32 + 0.5) / N as f32) * side as f32 - 0.5)
            .clamp(0.0, (side - 1) as f32);
        let low = at as usize;
        Spot {
            low,
            high: (low + 1).min(side - 1),
            share: at - low as f32,
        }
    })
}
