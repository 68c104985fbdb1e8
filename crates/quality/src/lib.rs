#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod aspect;
pub mod item;
pub mod rating;
pub mod sample;

pub mod draw;
pub mod measures;
pub mod sets;
pub mod task_types;

pub mod judge;
pub mod ratings;

pub mod assessment;
pub mod cases;

pub use aspect::{Aspect, Scale};
pub use assessment::{Assessment, AssessmentOptions, RaterRatings, assess};
pub use cases::{Case, CaseChoice, CaseSet, cases};
pub use draw::{Draw, Drawn, draw};
pub use item::Item;
pub use measures::{Measurer, Measures};
pub use rating::{Ground, Rater, Rating};
pub use sample::{Sample, SetSample, Stratum};
pub use sets::{Source, read};
