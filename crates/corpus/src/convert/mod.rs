//! Data from one layout into another, record by record, and the paper's data sets into records of ours.
//!
//! Takes a file or folder, leaves a file or folder and beside it the list of what was left out, and gives counts. Memory
//! does not grow with a file; a published data set is read as a whole.

mod error;
mod published;
mod records;
mod register;

pub use error::Error;
pub use published::{Published, publish};
pub use records::{Converted, Request, convert};
