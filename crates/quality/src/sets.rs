//! Sets of tasks, read into [`Item`](crate::Item)s one by one, whatever made them.
//!
//! | layout | recognised by | an item is |
//! |---|---|---|
//! | triplets (`corpus::Triplet`, a line each) | `pair`, `instruction`, `informative`, `precise` | a triplet, with the answer that is trained |
//! | a maker's conversations (`synthesis::SyntheticTask`) | `pair`, `exchanges` | a conversation |
//! | seed data (`corpus::Seed`) | `tasks` | a task of a seed |
//! | training samples, conversations in any layout that `corpus` reads | `turns`, `messages`, `conversations`, `instruction` and `output` | a conversation |
//!
//! Captions and pictures of triplets and of a maker's conversations stand in a file of pairs, which [`sources`] finds beside
//! them. Memory holds one record at a time, and of the pairs what the set is about. A record that cannot be used is left out
//! with a reason; a set of which nothing can be used is an error.

mod error;
mod folder;
mod items;
mod layout;
mod lines;
mod pairs;
mod pictures;
mod records;
mod source;
mod verdicts;

pub use error::Error;
pub use folder::{sources, with_neighbours};
pub use items::{Items, Read, read};
pub use layout::Layout;
pub use pictures::write_pictures;
pub use records::Reason;
pub use source::{Joining, Source, check_names};

#[cfg(test)]
mod tests;
