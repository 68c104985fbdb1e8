//! What may be spent, what a request may take, and how it ended.

use serde::{Deserialize, Serialize};

use crate::prices::{Money, Usage};

/// What may be spent; none is without bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Money.
    pub cost: Option<Money>,
    /// Tokens, read and written.
    pub tokens: Option<u64>,
}

/// Money and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Money; nothing where no prices are known.
    pub cost: Money,
    /// Tokens, read and written.
    pub tokens: u64,
}

/// How a reserved request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It was answered, and the endpoint counted. What it counts is spent, even where more was not reserved.
    Paid {
        /// What the endpoint counted.
        usage: Usage,
        /// What that costs.
        cost: Money,
    },
    /// It was answered and the endpoint did not count, or not soundly: all that was reserved is spent.
    Uncounted,
    /// Nothing was spent: it did not leave, or the endpoint would not have it.
    Free,
    /// It left and nobody knows what became of it: all that was reserved may have been spent.
    Uncertain,
}

/// What a place spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// What was paid for answers.
    pub paid: Amount,
    /// What may have been paid: for requests without a sound answer, or whose process ended before it heard of one.
    pub uncertain: Amount,
    /// What is reserved for requests that wait for their answers.
    pub open: Amount,
    /// What endpoints counted for the answers.
    pub usage: Usage,
    /// Requests that were reserved; each try is one.
    pub requests: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those that cost nothing.
    pub free: u64,
    /// How often something may have been paid for that had, or may have been, paid for before.
    pub paid_twice: u64,
}

impl Spent {
    /// The most that can have been spent once all that is open is answered.
    pub fn at_most(&self) -> Amount {
        let parts = [self.uncertain, self.open];
        parts.iter().fold(self.paid, |sum, part| Amount {
            cost: sum.cost.plus(part.cost),
            tokens: sum.tokens.saturating_add(part.tokens),
        })
    }
}
