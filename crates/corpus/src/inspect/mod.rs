//! What a data file or folder holds: every bad row, sizes and repeats of pictures, lengths, and one record as it would be
//! trained on.
//!
//! Takes a file and, if lengths are to be tokens, somebody who counts them; gives [`Inspection`]. It opens every picture
//! unless it is told to look at the text alone, and keeps no record but the one that is shown.

mod as_sample;
mod histogram;
mod inspection;
mod measure;
mod pictures;
mod records;

pub use histogram::{Bin, histogram};
pub use inspection::{Inspection, PictureFindings};
pub use measure::{Measure, Measured};
pub use records::{Error, Request, inspect};
