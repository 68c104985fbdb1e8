//! Tables as text, Markdown and CSV.

pub mod benchmarks;
pub mod columns;
pub mod comparison;
pub mod csv;
mod markdown;
mod text;

pub use markdown::markdown;
pub use text::text;
