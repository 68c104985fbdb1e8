//! What a step of decoding does beside its products, each as one call: attention of one new token a sequence over a pool of
//! keys and values, and the likeliest token. On a processor, in f32 and bf16 (where
//! [`fused::is_fused`](crate::fused::is_fused) says so). No gradient flows.
//!
//! Shapes: b sequences, h heads, g key-value heads, e head width.

use std::ffi::c_int;
use std::ptr::null_mut;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::Error;
use crate::shim::check;

unsafe extern "C" {
    fn adm_attend_step(
        q: *mut C_tensor,
        k: *mut C_tensor,
        v: *mut C_tensor,
        cos: *mut C_tensor,
        sin: *mut C_tensor,
        keys: *const *mut C_tensor,
        values: *const *mut C_tensor,
        first: *const i64,
        rows: *const i64,
        count: usize,
        places: *mut C_tensor,
        out: *mut *mut C_tensor,
    ) -> c_int;
    fn adm_largest(
        x: *mut C_tensor,
        values: *mut *mut C_tensor,
        places: *mut *mut C_tensor,
    ) -> c_int;
}

/// Sequences of a step: neighbouring slots of a pool.
#[derive(Clone, Copy, Debug)]
pub struct StepRows<'a> {
    /// Keys `[slots, g, capacity, e]`.
    pub keys: &'a Tensor,
    /// Values, of the same shape.
    pub values: &'a Tensor,
    /// The slot of the first sequence.
    pub first: i64,
    /// How many sequences.
    pub rows: i64,
}

/// Attention `[b, h · e]` of one new token of each sequence over all that its slot holds and over itself: queries `[b, h · e]`,
/// keys and values `[b, g · e]`, which may be parts of wider rows. `angles` are the cosines and sines `[b, 1, e / 2]` by which
/// queries and keys are turned before, as [`fused::rotate`](crate::fused::rotate) does. The sequences are those of the pools,
/// one after the other, and hold `places` tokens each (`[b]`, `Int64`), behind which the new keys and values are written.
/// What a sequence gets does not depend on the others.
pub fn attend_step(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    angles: Option<(&Tensor, &Tensor)>,
    pools: &[StepRows],
    places: &Tensor,
) -> Result<Tensor, Error> {
    let pointer = |tensor: &Tensor| tensor.as_ptr().cast_mut();
    let mut out = null_mut();
    let (cos, sin) = angles.map_or((null_mut(), null_mut()), |(cos, sin)| {
        (pointer(cos), pointer(sin))
    });
    let keys: Vec<_> = pools.iter().map(|pool| pointer(pool.keys)).collect();
    let values: Vec<_> = pools.iter().map(|pool| pointer(pool.values)).collect();
    let first: Vec<i64> = pools.iter().map(|pool| pool.first).collect();
    let rows: Vec<i64> = pools.iter().map(|pool| pool.rows).collect();
    // SAFETY: live tensors, of which the angles may be null, and four lists of one length; the shim checks shapes, dtypes and
    // devices, and that all places lie in the pools.
    check(unsafe {
        adm_attend_step(
            pointer(q),
            pointer(k),
            pointer(v),
            cos,
            sin,
            keys.as_ptr(),
            values.as_ptr(),
            first.as_ptr(),
            rows.as_ptr(),
            pools.len(),
            pointer(places),
            &raw mut out,
        )
    })?;
    // SAFETY: on success `out` is a new tensor that we own.
    Ok(unsafe { Tensor::from_ptr(out) })
}

/// Of each row of `[m, d]` the largest number (f32) and where it stands first (`Int64`). What is no number is the largest.
pub fn largest(x: &Tensor) -> Result<(Tensor, Tensor), Error> {
    let (mut values, mut places) = (null_mut(), null_mut());
    // SAFETY: a live tensor, whose shape, dtype and device the shim checks.
    check(unsafe { adm_largest(x.as_ptr().cast_mut(), &raw mut values, &raw mut places) })?;
    // SAFETY: on success both are new tensors that we own.
    Ok(unsafe { (Tensor::from_ptr(values), Tensor::from_ptr(places)) })
}
