//! Several systems beside each other, as the paper's Tables 2 and 3: rows are systems, columns are tasks, domain by domain.

mod csv;
mod latex;
mod markdown;
mod sentences;
mod text;

pub use csv::csv;
pub use latex::latex;
pub(crate) use latex::{escaped, head};
pub use markdown::markdown;
pub use sentences::{domain_name, explanation, remarks};
pub use text::text;
