//! Pictures drawn as SVG, without a library.

mod confusion;
mod curves;
mod escape;
mod forest;
mod radar;

pub use confusion::confusion;
pub use curves::{Curve, curves};
pub use escape::escape;
pub use forest::forest;
pub use radar::radar;
