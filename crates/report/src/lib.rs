#![doc = include_str!("../README.md")]
//!
//! [`render`] takes what a run found ([`Summary`]), [`scores::pages`] what a scoring found ([`System`]), [`lab`] what a grid of runs
//! came to ([`lab::Page`]).

#![deny(missing_docs)]

mod endpoints;
mod evidence;
mod html;
pub mod lab;
mod number;
mod pictures;
mod quality;
pub mod quality_page;
mod run_page;
pub mod scores;
pub mod sheet;
mod stages;
mod summary;
mod svg;

pub mod tables;
pub mod text;

pub use endpoints::{EndpointRow, ForecastRow};
pub use evaluation::systems::System;
pub use html::{frame, sign};
pub use pictures::{Pictures, embedded_picture};
pub use run_page::{Card, Flip, Page, render};
pub use summary::{AfterStage, Against, FilterScore, Rates, Summary, SystemAverages};
pub use svg::{Curve, curves, escape};
