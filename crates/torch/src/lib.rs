#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod attention;
mod call;
pub mod compact;
mod cuda;
pub mod decoding;
pub mod distributed;
mod error;
mod foreign;
pub mod fused;
mod loaded;
pub mod memory;
mod out_of_memory;
pub mod products;
mod recompute;
mod shim;
mod version;

pub use call::{Argument, call};
pub use cuda::load_cuda;
pub use error::{Error, short};
pub use foreign::{Mapped, from_owner};
pub use loaded::loaded_folder;
pub use memory::retain_memory;
pub use out_of_memory::OutOfMemory;
pub use products::linear;
pub use recompute::{recompute, remake};
pub use shim::{
    AdamW, backward_with, built_version, clear_grad, cuda_memory, foreach_mul, foreach_norm,
    fused_adamw, rng_state, set_deterministic, set_grad, set_rng_state,
};
pub use tch::{self, Device, IndexOp, Kind, TchError, Tensor, no_grad_guard};
pub use version::check_version;

/// Sets the number of threads of libtorch's operators.
pub fn set_threads(threads: usize) {
    tch::set_num_threads(i32::try_from(threads.max(1)).unwrap_or(1));
}

/// Seeds libtorch's own generators.
pub fn set_seed(seed: u64) {
    tch::manual_seed(seed as i64);
}
