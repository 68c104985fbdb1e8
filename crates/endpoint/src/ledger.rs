//! What was spent, written down before it is spent.

use crate::prices::Money;

/// What may be spent; none is without bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Money.
    pub cost: Option<Money>,
    /// Tokens, read and written.
    pub tokens: Option<u64>,
}
