#![doc = include_str!("../README.md")]
//!
//! [`formats`] reads and writes layouts, [`images`] decodes, [`looks`] and [`duplicates`] tell pictures apart, [`splits`] keeps
//! groups together, [`sources`] reads the paper's data sets as they are published.

#![deny(missing_docs)]

#[cfg(not(all(feature = "tables", feature = "codecs")))]
mod absent;
mod causes;
mod completion;
pub mod convert;
pub mod digest;
pub mod digests;
pub mod duplicates;
mod error;
pub mod fingerprint;
pub mod formats;
pub mod images;
pub mod indexed;
pub mod inspect;
pub mod jsonl;
pub mod looks;
pub mod mersenne;
pub mod model_place;
pub mod names;
mod nearest;
pub mod pictograms;
pub mod record;
pub mod rejects;
pub mod sealed;
pub mod seed;
pub mod shards;
pub mod sources;
pub mod splits;
mod stamp;
pub mod tables;
pub mod words;

pub use causes::causes;
pub use completion::{Completion, FinishReason, LikelyToken};
pub use error::{BadRow, Error, Reason};
pub use model_place::ModelPlace;
pub use nearest::nearest;
pub use record::{
    Consistency, Decoding, IMAGE_MARK, Label, Open, Pair, Prediction, Rejected, Request, Role,
    Sample, Seed, SeedTask, Triplet, Turn, TurnMarkers, Verdict, image_marks,
};
