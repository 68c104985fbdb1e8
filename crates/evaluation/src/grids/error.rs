//! Ways that cannot be compared.

use crate::statistics::{self, SeedError};

/// Why ways have no table.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GridError {
    /// Two runs of a way have one seed.
    #[error("`{way}` has two runs with seed {seed}")]
    SeedTwice {
        /// The way.
        way: String,
        /// The seed.
        seed: u64,
    },
    /// A run has a column twice.
    #[error("`{way}` with seed {seed} has the column `{column}` twice")]
    ColumnTwice {
        /// The way.
        way: String,
        /// The seed.
        seed: u64,
        /// The column.
        column: String,
    },
    /// A column is made of items in one run and not in another.
    #[error(
        "column `{column}` of `{way}` with seed {seed} is not made of what it is made of in other runs"
    )]
    OtherKind {
        /// The column.
        column: String,
        /// The way.
        way: String,
        /// The seed.
        seed: u64,
    },
    /// A run lacks an item that another has.
    #[error(
        "`{column}`: `{way}` with seed {seed} lacks item `{item}`, which `{other}` with seed {other_seed} has; all runs of a grid answer the same items"
    )]
    MissingItem {
        /// The column.
        column: String,
        /// The way.
        way: String,
        /// The seed.
        seed: u64,
        /// The item.
        item: String,
        /// A way that has it.
        other: String,
        /// With which seed.
        other_seed: u64,
    },
    /// A run has an item twice.
    #[error("`{column}`: `{way}` with seed {seed} has item `{item}` twice")]
    ItemTwice {
        /// The column.
        column: String,
        /// The way.
        way: String,
        /// The seed.
        seed: u64,
        /// The item.
        item: String,
    },
    /// An item lies in another cluster in another run.
    #[error(
        "`{column}`: item `{item}` of `{way}` with seed {seed} lies in another cluster than with `{other}`"
    )]
    OtherCluster {
        /// The column.
        column: String,
        /// The way.
        way: String,
        /// The seed.
        seed: u64,
        /// The item.
        item: String,
        /// The way that it is held against.
        other: String,
    },
    /// A pair names a way that is not there, or one way twice.
    #[error("pair {pair} (counted from 0) is no pair of two of the {ways} ways")]
    NotAPair {
        /// The place of the pair.
        pair: usize,
        /// How many ways there are.
        ways: usize,
    },
    /// Scores that are none.
    #[error("scores of `{way}` in column `{column}`")]
    Scores {
        /// The way, or both with `and`.
        way: String,
        /// The column, or the domain of an average.
        column: String,
        /// What is wrong with them.
        source: Box<SeedError>,
    },
    /// P-values that cannot be adjusted.
    #[error(transparent)]
    Statistics(#[from] statistics::Error),
}
