//! A thin layer over `tch` and the few libtorch functions that it lacks.

pub use tch::{Device, IndexOp, Kind, Tensor, no_grad_guard};
