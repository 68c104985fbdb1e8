//! How much each old pixel counts in a new one.

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
    pub(super) fn reach(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    pub(super) fn weight(self, distance: f64) -> f64 {
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

/// Which pixels each new pixel is made of, and by how much.
pub(super) struct Taps {
    /// First pixel and number of pixels.
    pub(super) ranges: Vec<(usize, usize)>,
    /// Weights of all ranges, one after the other, scaled by 2^`precision`.
    pub(super) weights: Vec<i16>,
    pub(super) precision: u32,
}

impl Taps {
    pub(super) fn new(from: usize, to: usize, kernel: Kernel) -> Self {
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
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[i16])> {
        let mut weights = self.weights.as_slice();
        self.ranges.iter().map(move |&(first, count)| {
            let (here, rest) = weights.split_at(count);
            weights = rest;
            (first, here)
        })
    }

    pub(super) fn round(&self, sum: i32) -> u8 {
        (sum >> self.precision).clamp(0, 255) as u8
    }

    pub(super) fn half(&self) -> i32 {
        1 << (self.precision - 1)
    }
}
