//! Pages, plots and tables of plain rows. Computes no score and reads no run folder.
//!
//! Takes what a run or a scoring found ([`Summary`], [`System`]) and gives pages and tables as text; nothing is written. The
//! only files it reads are the pictures that it is told of.

#![deny(missing_docs)]

mod evidence;
mod html;
mod number;
mod pictures;
mod run_page;
pub mod scores;
mod summary;
mod svg;

pub mod tables;
pub mod text;

pub use evaluation::systems::System;
pub use html::{frame, sign};
pub use pictures::{Pictures, embedded_picture};
pub use run_page::{Card, Flip, Page, render};
pub use summary::{Against, FilterScore, Rates, Summary, SystemAverages};
pub use svg::{Curve, curves, escape};
