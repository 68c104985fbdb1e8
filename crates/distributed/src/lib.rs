#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod error;
mod member;
mod watch;
mod world;

pub use error::Error;
pub use member::Member;
pub use watch::{Asked, Pace};
pub use world::World;
