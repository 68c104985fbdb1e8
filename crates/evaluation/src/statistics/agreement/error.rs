//! Why an agreement has no value.

/// Why an agreement has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    /// No two raters rated the same item.
    #[error("no item has ratings of two raters")]
    NothingToPair,
    /// All ratings that can be paired have one value, so that chance alone would agree as well.
    #[error("all ratings have the same value, which says nothing about agreement beyond chance")]
    NoVariation,
    /// A rating is NaN or infinite.
    #[error("unit {unit} (counted from 0) has a rating that is not a finite number")]
    NotFinite {
        /// Which unit.
        unit: usize,
    },
    /// There are more or fewer cluster keys than units.
    #[error("{units} units have {keys} cluster keys; give one for each unit")]
    Lengths {
        /// How many units.
        units: usize,
        /// How many keys.
        keys: usize,
    },
}
