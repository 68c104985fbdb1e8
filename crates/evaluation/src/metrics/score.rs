//! What one answer is worth.

use serde::{Deserialize, Serialize};

/// What one answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0 to 100.
    pub value: f64,
    /// Whether no answer could be read; the value is then 0.
    pub unreadable: bool,
}

impl Score {
    /// Nothing could be read: wrong, and counted.
    pub const UNREADABLE: Self = Self {
        value: 0.0,
        unreadable: true,
    };

    /// Right is 100, wrong is 0.
    pub fn hit(right: bool) -> Self {
        Self::fraction(if right { 1.0 } else { 0.0 })
    }

    /// A score from a fraction between 0 and 1.
    pub fn fraction(fraction: f64) -> Self {
        Self {
            value: 100.0 * fraction,
            unreadable: false,
        }
    }

    /// Right if what was read is the truth; nothing read is unreadable.
    pub(crate) fn read<T: PartialEq>(read: Option<T>, truth: &T) -> Self {
        read.map_or(Self::UNREADABLE, |read| Self::hit(read == *truth))
    }
}
