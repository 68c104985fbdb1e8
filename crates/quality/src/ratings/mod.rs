//! What people said of a sample: the files that rating sheets save, and how they are read.
//!
//! A file is one JSON object ([`RatingsFile`]). Levels are numbers from 1 to 5; consistency is `"no"` or `"yes"`; classes are
//! named as the rubrics' lists name them, so that a file says the same to whoever opens it.
//!
//! ```json
//! {"format": "adamllm-ratings", "version": 1, "sample": "0f3a…", "rater": "Ada", "made": "2026-01-31T12:00:00.000Z",
//!  "rubrics": "1", "aspects": ["knowledge", "consistency", "task-type"],
//!  "items": [{"key": "5d1c…", "values": {"knowledge": 4, "consistency": "yes", "task-type": "Segmentation"}, "note": "blurred"}]}
//! ```
//!
//! What is missing is no error: items and aspects without a value are counted in [`Coverage`].

mod error;
mod file;
mod reading;

pub use error::RatingsError;
pub use file::{FORMAT, RatedItem, RatingsFile, VERSION, Values, choices};
pub use reading::{Coverage, Note, RatedSheet, parse, read};
