//! Safe faces of the C++ shim.

use std::ffi::{CStr, c_char, c_int};

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::{Error, first_line};

unsafe extern "C" {
    fn adm_error() -> *const c_char;
    fn adm_built_version() -> *const c_char;
    fn adm_backward_with(output: *mut C_tensor, gradient: *mut C_tensor) -> c_int;
    fn adm_fused_adamw(
        parameters: *const *mut C_tensor,
        gradients: *const *mut C_tensor,
        averages: *const *mut C_tensor,
        squares: *const *mut C_tensor,
        steps: *const *mut C_tensor,
        count: usize,
        learning_rate: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        epsilon: f64,
    ) -> c_int;
    fn adm_foreach_norm(tensors: *const *mut C_tensor, count: usize, out: *mut f64) -> c_int;
    fn adm_foreach_mul(tensors: *const *mut C_tensor, count: usize, factor: f64) -> c_int;
    fn adm_set_grad(tensor: *mut C_tensor, gradient: *mut C_tensor) -> c_int;
    fn adm_rng_state(out: *mut *mut C_tensor) -> c_int;
    fn adm_set_rng_state(state: *mut C_tensor) -> c_int;
    fn adm_set_deterministic(on: c_int) -> c_int;
    fn adm_cuda_memory(device: c_int, out: *mut u64) -> c_int;
}

pub(crate) fn check(code: c_int) -> Result<(), Error> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the shim returns a NUL-terminated string that lives until the next call of this thread.
    let text = unsafe { CStr::from_ptr(adm_error()) };
    Err(Error(first_line(&text.to_string_lossy())))
}

pub(crate) fn pointers(tensors: &[Tensor]) -> Vec<*mut C_tensor> {
    tensors.iter().map(|t| t.as_ptr().cast_mut()).collect()
}

/// The version of the libtorch that the program was built against.
pub fn built_version() -> String {
    // SAFETY: a string literal of the shim.
    unsafe { CStr::from_ptr(adm_built_version()) }
        .to_string_lossy()
        .into_owned()
}

/// Runs backward from `output` with the gradient of a loss with respect to it (same shape).
pub fn backward_with(output: &Tensor, gradient: &Tensor) -> Result<(), Error> {
    // SAFETY: both pointers are live tensors; the shim catches every C++ exception.
    check(unsafe { adm_backward_with(output.as_ptr().cast_mut(), gradient.as_ptr().cast_mut()) })
}

/// One fused AdamW update (Loshchilov and Hutter) of many tensors of one dtype.
#[derive(Debug)]
pub struct AdamW<'a> {
    /// What is updated in place.
    pub parameters: &'a [Tensor],
    /// Gradients, of the parameters' dtype.
    pub gradients: &'a [Tensor],
    /// First moments.
    pub averages: &'a [Tensor],
    /// Second moments.
    pub squares: &'a [Tensor],
    /// Zero-dimensional f32 counters; raised by one here.
    pub steps: &'a [Tensor],
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

/// Applies the update.
pub fn fused_adamw(update: &AdamW) -> Result<(), Error> {
    let count = update.parameters.len();
    let lists = [
        update.gradients,
        update.averages,
        update.squares,
        update.steps,
    ];
    if lists.iter().any(|list| list.len() != count) {
        return Err(Error(format!("AdamW needs {count} tensors in each list")));
    }
    let (parameters, steps) = (pointers(update.parameters), pointers(update.steps));
    let (gradients, averages) = (pointers(update.gradients), pointers(update.averages));
    let squares = pointers(update.squares);
    // SAFETY: five arrays of `count` live tensors each; libtorch checks shapes and dtypes.
    check(unsafe {
        adm_fused_adamw(
            parameters.as_ptr(),
            gradients.as_ptr(),
            averages.as_ptr(),
            squares.as_ptr(),
            steps.as_ptr(),
            count,
            update.learning_rate,
            update.beta1,
            update.beta2,
            update.weight_decay,
            update.epsilon,
        )
    })
}

/// The L2 norm over all elements of all tensors.
pub fn foreach_norm(tensors: &[Tensor]) -> Result<f64, Error> {
    let mut out = 0.0;
    // SAFETY: an array of live tensors and a place for one number.
    check(unsafe { adm_foreach_norm(pointers(tensors).as_ptr(), tensors.len(), &raw mut out) })?;
    Ok(out)
}

/// Multiplies every tensor in place.
pub fn foreach_mul(tensors: &[Tensor], factor: f64) -> Result<(), Error> {
    // SAFETY: an array of live tensors.
    check(unsafe { adm_foreach_mul(pointers(tensors).as_ptr(), tensors.len(), factor) })
}

/// Replaces the gradient of a leaf.
pub fn set_grad(tensor: &Tensor, gradient: &Tensor) -> Result<(), Error> {
    // SAFETY: two live tensors.
    check(unsafe { adm_set_grad(tensor.as_ptr().cast_mut(), gradient.as_ptr().cast_mut()) })
}

/// Drops the gradient of a leaf; unlike zeroing it this gives the memory back.
pub fn clear_grad(tensor: &Tensor) -> Result<(), Error> {
    // SAFETY: a live tensor; null stands for no gradient.
    check(unsafe { adm_set_grad(tensor.as_ptr().cast_mut(), std::ptr::null_mut()) })
}

/// The state of the CPU generator, as bytes.
pub fn rng_state() -> Result<Tensor, Error> {
    let mut out = std::ptr::null_mut();
    // SAFETY: on success `out` is a new tensor that we own.
    check(unsafe { adm_rng_state(&raw mut out) })?;
    // SAFETY: as above; `from_ptr` takes the ownership.
    Ok(unsafe { Tensor::from_ptr(out) })
}

/// Puts back a state that [`rng_state`] gave.
pub fn set_rng_state(state: &Tensor) -> Result<(), Error> {
    // SAFETY: a live tensor; the generator checks its size.
    check(unsafe { adm_set_rng_state(state.as_ptr().cast_mut()) })
}

/// Bytes of memory that a CUDA device has in all; an error where CUDA is not loaded.
pub fn cuda_memory(device: usize) -> Result<u64, Error> {
    let device = c_int::try_from(device).map_err(|_| Error("no such device".to_owned()))?;
    let mut out = 0;
    // SAFETY: a place for one number; the shim catches every C++ exception.
    check(unsafe { adm_cuda_memory(device, &raw mut out) })?;
    Ok(out)
}

/// Makes libtorch refuse operators whose result can differ from run to run.
pub fn set_deterministic(on: bool) -> Result<(), Error> {
    // SAFETY: no pointers.
    check(unsafe { adm_set_deterministic(c_int::from(on)) })
}
