//! Writes Parquet and Arrow streams in the layout of Hugging Face `datasets`, which is the feature `tables`.

#[cfg(not(feature = "tables"))]
mod absent;
#[cfg(feature = "tables")]
mod arrow;

#[cfg(not(feature = "tables"))]
pub(super) use absent::Table;
#[cfg(feature = "tables")]
pub(super) use arrow::Table;
