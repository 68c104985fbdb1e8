//! Samples that say nothing of a population.

/// A sample that says nothing of its population.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// All strata are empty.
    #[error("the population has no items")]
    NoItems,
    /// A stratum has items, and none was drawn.
    #[error("none of the {total} items of stratum {stratum} (counted from 0) was drawn")]
    NothingDrawn {
        /// Which stratum.
        stratum: usize,
        /// How many items it has.
        total: usize,
    },
    /// More was drawn of a stratum than it has.
    #[error("{drawn} items were drawn of the {total} of stratum {stratum} (counted from 0)")]
    MoreThanThere {
        /// Which stratum.
        stratum: usize,
        /// How many items were drawn.
        drawn: usize,
        /// How many it has.
        total: usize,
    },
    /// There are more or fewer cluster keys than items.
    #[error(
        "{items} items of stratum {stratum} (counted from 0) have {keys} cluster keys; give one for each item"
    )]
    Lengths {
        /// Which stratum.
        stratum: usize,
        /// How many items were drawn.
        items: usize,
        /// How many keys.
        keys: usize,
    },
    /// A value is NaN or infinite.
    #[error(
        "item {item} of stratum {stratum} (both counted from 0) has a value that is not a finite number"
    )]
    NotFinite {
        /// Which stratum.
        stratum: usize,
        /// Which of its drawn items.
        item: usize,
    },
    /// A value of a share is neither 0 nor 1.
    #[error(
        "item {item} of stratum {stratum} (both counted from 0) has the value {value}, which is neither 0 nor 1"
    )]
    NotAShare {
        /// Which stratum.
        stratum: usize,
        /// Which of its drawn items.
        item: usize,
        /// What it is.
        value: f64,
    },
}
