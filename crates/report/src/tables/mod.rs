//! Tables as text, Markdown, CSV and LaTeX.

pub mod benchmarks;
pub mod columns;
pub mod comparison;
pub mod csv;
mod markdown;
pub(crate) mod quoted;
pub mod systems;
mod text;

pub use markdown::markdown;
pub use text::text;
