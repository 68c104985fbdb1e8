#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod aspect;
pub mod assessment;
pub mod cases;
pub mod item;
pub mod judge;
pub mod rating;
pub mod sample;

pub use aspect::{Aspect, Scale};
pub use assessment::{Assessment, AssessmentOptions, RaterRatings, assess};
pub use cases::{Case, CaseChoice, CaseSet, cases};
pub use item::Item;
pub use rating::{Ground, Rater, Rating};
pub use sample::{Sample, SetSample, Stratum};
