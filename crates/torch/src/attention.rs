//! Attention without a mask, with its gradients.

use std::ffi::c_int;
use std::ptr::null_mut;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::Error;
use crate::shim::check;

unsafe extern "C" {
    fn adm_attend_has_loops() -> c_int;
    fn adm_attend(
        q: *mut C_tensor,
        k: *mut C_tensor,
        v: *mut C_tensor,
        lengths: *const i64,
        count: usize,
        causal: c_int,
        out: *mut *mut C_tensor,
    ) -> c_int;
}

/// What a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All keys.
    All,
    /// The keys up to that of its own number.
    Causal,
}

/// Whether this processor has what our own loops need. Without them runs are attended one by one and put together, and a graph
/// keeps both.
pub fn has_loops() -> bool {
    // SAFETY: no pointers.
    unsafe { adm_attend_has_loops() != 0 }
}

/// `softmax(q · kᵀ / √e) · v` of queries `[b, h, m, e]` over keys and values `[b, g, n, e]`, of which each head stands for h / g
/// query heads: `[b, h, m, e]`.
///
/// On processors with AVX-512 it is made by loops of our own, in f32 inside, elsewhere by libtorch.
pub fn attend(q: &Tensor, k: &Tensor, v: &Tensor, sight: Sight) -> Result<Tensor, Error> {
    of_runs(q, k, v, &[], sight)
}

/// As [`attend`] for runs of tokens that lie one behind the other and see nothing of each other: b is 1, and `lengths` add up to
/// both m and n.
pub fn attend_runs(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    lengths: &[i64],
    sight: Sight,
) -> Result<Tensor, Error> {
    if lengths.is_empty() {
        return Err(Error("attention over no runs".to_owned()));
    }
    of_runs(q, k, v, lengths, sight)
}

fn of_runs(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    lengths: &[i64],
    sight: Sight,
) -> Result<Tensor, Error> {
    let mut out = null_mut();
    // SAFETY: live tensors and a list; the shim checks shapes and lengths.
    check(unsafe {
        adm_attend(
            q.as_ptr().cast_mut(),
            k.as_ptr().cast_mut(),
            v.as_ptr().cast_mut(),
            lengths.as_ptr(),
            lengths.len(),
            c_int::from(sight == Sight::Causal),
            &raw mut out,
        )
    })?;
    // SAFETY: on success `out` is a new tensor that we own.
    Ok(unsafe { Tensor::from_ptr(out) })
}
