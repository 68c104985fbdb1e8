//! Small parts of a layer as one pass over memory each, with their gradients: on a processor, in f32 and bf16.
//!
//! Where these have no loop (other dtypes, other devices), [`is_fused`] says so, and the caller composes libtorch's
//! operators. Rounding is that of the composed ones, which is `transformers`' own; sums are in f32.

use std::ffi::c_int;

use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

use crate::error::Error;
use crate::shim::check;

unsafe extern "C" {
    fn adm_rms_norm(
        x: *mut C_tensor,
        weight: *mut C_tensor,
        eps: f64,
        out: *mut *mut C_tensor,
    ) -> c_int;
    fn adm_add_rms_norm(
        x: *mut C_tensor,
        added: *mut C_tensor,
        weight: *mut C_tensor,
        eps: f64,
        sum: *mut *mut C_tensor,
        out: *mut *mut C_tensor,
    ) -> c_int;
    fn adm_gated(gate: *mut C_tensor, up: *mut C_tensor, out: *mut *mut C_tensor) -> c_int;
    fn adm_quick_gelu(x: *mut C_tensor, out: *mut *mut C_tensor) -> c_int;
    fn adm_rotate(
        x: *mut C_tensor,
        cos: *mut C_tensor,
        sin: *mut C_tensor,
        out: *mut *mut C_tensor,
    ) -> c_int;
    fn adm_cross_entropy(
        logits: *mut C_tensor,
        targets: *mut C_tensor,
        out: *mut *mut C_tensor,
    ) -> c_int;
}

/// Whether the functions here take this tensor.
pub fn is_fused(tensor: &Tensor) -> bool {
    tensor.device() == Device::Cpu && matches!(tensor.kind(), Kind::Float | Kind::BFloat16)
}

fn taken(code: c_int, out: *mut C_tensor) -> Result<Tensor, Error> {
    check(code)?;
    // SAFETY: on success the shim gives a new tensor that we own.
    Ok(unsafe { Tensor::from_ptr(out) })
}

/// `weight · x / rms(x)` over the last dimension: `[.., d]` and `[d]`. Rounded before the weight.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor, Error> {
    let mut out = std::ptr::null_mut();
    let (x, weight) = (x.as_ptr().cast_mut(), weight.as_ptr().cast_mut());
    // SAFETY: live tensors, whose shapes, dtypes and devices the shim checks.
    let code = unsafe { adm_rms_norm(x, weight, eps, &raw mut out) };
    taken(code, out)
}

/// `x + added` and its [`rms_norm`]: what a residual stream does between two parts of a layer.
pub fn add_rms_norm(
    x: &Tensor,
    added: &Tensor,
    weight: &Tensor,
    eps: f64,
) -> Result<(Tensor, Tensor), Error> {
    let (mut sum, mut out) = (std::ptr::null_mut(), std::ptr::null_mut());
    let (x, added) = (x.as_ptr().cast_mut(), added.as_ptr().cast_mut());
    let weight = weight.as_ptr().cast_mut();
    // SAFETY: live tensors, whose shapes, dtypes and devices the shim checks.
    let code = unsafe { adm_add_rms_norm(x, added, weight, eps, &raw mut sum, &raw mut out) };
    let out = taken(code, out)?;
    Ok((taken(code, sum)?, out))
}

/// `silu(gate) · up`, element by element, of equal shapes.
pub fn gated(gate: &Tensor, up: &Tensor) -> Result<Tensor, Error> {
    let mut out = std::ptr::null_mut();
    let (gate, up) = (gate.as_ptr().cast_mut(), up.as_ptr().cast_mut());
    // SAFETY: live tensors, whose shapes, dtypes and devices the shim checks.
    let code = unsafe { adm_gated(gate, up, &raw mut out) };
    taken(code, out)
}

/// CLIP's activation `x · σ(1.702 x)`, element by element.
pub fn quick_gelu(x: &Tensor) -> Result<Tensor, Error> {
    let mut out = std::ptr::null_mut();
    // SAFETY: a live tensor, whose dtype and device the shim checks.
    let code = unsafe { adm_quick_gelu(x.as_ptr().cast_mut(), &raw mut out) };
    taken(code, out)
}

/// Rotary positions: element i of a head `[t, h, e]` pairs with element i + e / 2, and turns by the angle whose cosine and sine
/// are in `[t, 1, e / 2]`. No gradient flows into the angles.
pub fn rotate(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor, Error> {
    let mut out = std::ptr::null_mut();
    let (x, cos, sin) = (
        x.as_ptr().cast_mut(),
        cos.as_ptr().cast_mut(),
        sin.as_ptr().cast_mut(),
    );
    // SAFETY: live tensors, whose shapes, dtypes and devices the shim checks.
    let code = unsafe { adm_rotate(x, cos, sin, &raw mut out) };
    taken(code, out)
}

/// Cross-entropy of each row of `logits` `[r, v]` with its target `[r]` (of `Int64`): the losses `[r]` in nats, f32. The logits
/// become the gradient of the losses' sum with respect to them: softmax less one at the target. No gradient flows.
pub fn cross_entropy(logits: &mut Tensor, targets: &Tensor) -> Result<Tensor, Error> {
    let mut out = std::ptr::null_mut();
    // SAFETY: live tensors, whose shapes, dtypes and devices the shim checks, and the targets' range too.
    let code = unsafe {
        adm_cross_entropy(
            logits.as_mut_ptr(),
            targets.as_ptr().cast_mut(),
            &raw mut out,
        )
    };
    taken(code, out)
}
