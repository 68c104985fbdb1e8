//! Writes pairs and samples in each of the formats, one by one. Paths of pictures are made relative to the file's folder
//! where they lie under it, and absolute elsewhere, so that the file reads back to the same pictures.

mod beside;
mod bulk;
mod cells;
mod conversation;
mod members;
mod naming;
mod trouble;
mod writer;

pub use bulk::{write_pairs, write_samples};
pub use writer::Writer;
