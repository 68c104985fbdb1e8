//! Pictures drawn as SVG, without a library.

mod confusion;
mod curves;
mod escape;
mod forest;
mod marks;
mod radar;

pub use confusion::confusion;
pub use curves::{Curve, curves};
pub use escape::escape;
pub use forest::forest;
pub use marks::{COLOURS, mark, sign_of};
pub use radar::{Radar, radar};
