//! The data sets that the paper used, in the layouts in which they are published: pairs of a domain, and the synthesizer's
//! seed data, joined from two of them (paper, appendices B and C).
//!
//! Takes files that the user fetched, gives records with counts, and warns where a count is not the published one.

mod alignment;
mod domains;
mod imported;
mod pairs;
mod recipe1m;
mod remote_sensing;
mod requests;
mod rows;
mod source;
mod vision_flan;

pub use domains::{DOMAINS, domain};
pub use imported::Imported;
pub use pairs::pairs;
pub use source::{SOURCES, Source};
pub use vision_flan::seeds;

#[cfg(test)]
mod tests;
