//! The table of a grid: ways of training beside each other, in every form.
//!
//! [`Page`] is all of it as plain data; [`html`], [`markdown`], [`csv`], [`verdicts_csv`] and [`latex`] write it.

mod columns;
mod csv;
mod forest;
mod html;
mod latex;
mod markdown;
mod page;
mod sentences;

pub use csv::{csv, verdicts_csv};
pub use html::html;
pub use latex::latex;
pub use markdown::markdown;
pub(crate) use markdown::plain;
pub use page::{Layout, Page, Published, Row, State, Unfinished, Work};
