#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod aspect;
pub mod draw;
pub mod item;
pub mod measures;
pub mod rating;
pub mod ratings;
pub mod sample;
pub mod sets;
pub mod task_types;

pub use aspect::{Aspect, Scale};

pub use draw::{Draw, Drawn, draw};
pub use item::Item;
pub use measures::{Measurer, Measures};

pub use rating::{Ground, Rater, Rating};
pub use sample::{Sample, SetSample, Stratum};
pub use sets::{Source, read};
