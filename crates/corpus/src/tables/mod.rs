//! Tables with embedded pictures, as `datasets` packages them: Parquet, and Arrow streams (`save_to_disk`).
//!
//! Takes a file, gives rows one by one, so that a benchmark of many gigabytes needs little memory. Pictures are columns
//! of `{bytes, path}`; they are given as they are in the file and are not decoded.
//!
//! Reading them is the feature `tables`; without it every file of theirs is an error that says so.

#[cfg(not(feature = "tables"))]
mod absent;
#[cfg(feature = "tables")]
mod arrow;
mod files;
mod row;

#[cfg(not(feature = "tables"))]
pub use absent::{Rows, picture};
#[cfg(feature = "tables")]
pub use arrow::{Rows, picture};
pub use files::files;
pub use row::{Picture, Row};
