//! Activations that are computed again in the backward instead of being kept.
//!
//! [`recompute()`] keeps of a function its inputs alone, and runs it again in the backward: a block of a model. [`remake`] lets
//! the products that keep one tensor for their backward have it made again: what is cheap to make, such as a norm.
//!
//! Both give the gradients that there would be without them, to the bit: parts of a gradient are added in the same order.
//! Every leaf of the function's graph gets its own, be it an input or something that the function brought along (weights).

use std::any::Any;
use std::ffi::{c_char, c_int, c_void};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::Error;
use crate::shim::check;

type Call = extern "C" fn(*mut c_void, *const *mut C_tensor, usize, *mut *mut C_tensor) -> c_int;
type Drop = extern "C" fn(*mut c_void);

unsafe extern "C" {
    fn adm_tell(text: *const c_char, length: usize);
    fn adm_recompute(
        call: Call,
        drop: Drop,
        data: *mut c_void,
        inputs: *const *mut C_tensor,
        count: usize,
        out: *mut *mut C_tensor,
    ) -> c_int;
    fn adm_remake(
        call: Call,
        drop: Drop,
        data: *mut c_void,
        made: *mut C_tensor,
        output: *mut C_tensor,
        places: *mut usize,
    ) -> c_int;
}

/// A function as the shim holds it: on whatever thread a backward runs, and never called by two at once.
struct Held<F, E> {
    function: Mutex<F>,
    /// The last error, for who called the shim and is told of it by text alone.
    failed: Failed<E>,
}

type Failed<E> = Arc<Mutex<Option<E>>>;

impl<F, E> Held<F, E>
where
    F: Fn(&[Tensor]) -> Result<Tensor, E> + Send + 'static,
    E: Display + Send + 'static,
{
    /// The shim owns what this gives until it calls [`Held::drop`] with it.
    fn raw(function: F, failed: &Failed<E>) -> *mut c_void {
        let held = Self {
            function: Mutex::new(function),
            failed: Arc::clone(failed),
        };
        Box::into_raw(Box::new(held)).cast()
    }

    extern "C" fn call(
        data: *mut c_void,
        inputs: *const *mut C_tensor,
        count: usize,
        out: *mut *mut C_tensor,
    ) -> c_int {
        // SAFETY: `count` new tensors, each of which is ours from now on.
        let owned = |at| unsafe { Tensor::from_ptr(*inputs.add(at)) };
        let inputs: Vec<Tensor> = (0..count).map(owned).collect();
        // SAFETY: `data` came from `Held::raw` of the same types and is not dropped yet; it is only ever shared.
        let held = unsafe { &*data.cast::<Self>() };
        let run = || (*locked(&held.function))(&inputs);
        let told = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(tensor)) => {
                let pointer = tensor.as_ptr().cast_mut();
                std::mem::forget(tensor);
                // SAFETY: a place for one tensor, which the shim owns from now on.
                unsafe { *out = pointer }
                return 0;
            }
            Ok(Err(error)) => {
                let text = error.to_string();
                *locked(&held.failed) = Some(error);
                text
            }
            Err(panic) => format!(
                "a function that is computed again panicked: {}",
                message(panic.as_ref())
            ),
        };
        // SAFETY: the text is copied.
        unsafe { adm_tell(told.as_ptr().cast(), told.len()) }
        1
    }

    extern "C" fn drop(data: *mut c_void) {
        // SAFETY: `data` came from `Held::raw` of the same types, and this is called once.
        let held = unsafe { Box::from_raw(data.cast::<Self>()) };
        // What a function holds may panic when it is dropped, and nothing may unwind into C++.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(held)));
    }
}

/// A function that panicked once may be called again: it is told about, and what it holds it cannot break by being read.
fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error that the function gave, or what the shim says.
fn told<E: From<Error>>(code: c_int, failed: &Failed<E>) -> Result<(), E> {
    check(code).map_err(|error| locked(failed).take().unwrap_or_else(|| error.into()))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// `function(inputs)`, of which the inputs alone are kept for the backward: there the function runs again.
///
/// It has to give the same again; what it draws from libtorch's generators is the same both times, as dropout needs. Gradients
/// flow into the inputs and into all that the function brings along. What it gives must be new, and no view of an input.
/// Where gradients are off it is simply called. The function is dropped with the graph.
///
/// An error of the function is given back; in the backward, which has other errors, by its text, where
/// [`OutOfMemory::of`](crate::OutOfMemory::of) finds what it looks for. A panic is an error too.
///
/// ```
/// use torch::{Error, Kind, Tensor, recompute};
///
/// let weight = Tensor::from_slice(&[2.0_f32, 3.0]).set_requires_grad(true);
/// let own = weight.shallow_clone();
/// let x = Tensor::from_slice(&[0.5_f32, 0.25]);
/// let y = recompute(&[&x], move |x| Ok::<_, Error>((&x[0] * &own).square()))?;
/// y.sum(Kind::Float).backward();
/// assert_eq!(Vec::<f32>::try_from(weight.grad()).unwrap(), [1.0, 0.375]);
/// # Ok::<(), Error>(())
/// ```
pub fn recompute<F, E>(inputs: &[&Tensor], function: F) -> Result<Tensor, E>
where
    F: Fn(&[Tensor]) -> Result<Tensor, E> + Send + 'static,
    E: From<Error> + Display + Send + 'static,
{
    let inputs: Vec<*mut C_tensor> = inputs.iter().map(|t| t.as_ptr().cast_mut()).collect();
    let failed = Failed::default();
    let mut out = std::ptr::null_mut();
    // SAFETY: live tensors; the shim owns the function from now on, calls and drops it with its own types, calls it on one
    // thread at a time, and only on other threads than this where a `Send` value may go.
    let code = unsafe {
        adm_recompute(
            Held::<F, E>::call,
            Held::<F, E>::drop,
            Held::raw(function, &failed),
            inputs.as_ptr(),
            inputs.len(),
            &raw mut out,
        )
    };
    told(code, &failed)?;
    // SAFETY: on success `out` is a new tensor that we own.
    Ok(unsafe { Tensor::from_ptr(out) })
}

/// Frees what products keep of `made`: those between it and `output` get it from `make` in their backward. The tensor itself is
/// not touched; its memory is given back when nobody else holds it.
///
/// `make` has to give the same numbers in the same shape. In one backward it is called once for all products. Tells how many
/// they are.
pub fn remake<F, E>(made: &Tensor, output: &Tensor, make: F) -> Result<usize, E>
where
    F: Fn() -> Result<Tensor, E> + Send + 'static,
    E: From<Error> + Display + Send + 'static,
{
    remake_by(made, output, move |_: &[Tensor]| make())
}

/// A type of its own for the function that takes nothing.
fn remake_by<F, E>(made: &Tensor, output: &Tensor, make: F) -> Result<usize, E>
where
    F: Fn(&[Tensor]) -> Result<Tensor, E> + Send + 'static,
    E: From<Error> + Display + Send + 'static,
{
    let failed = Failed::default();
    let mut places = 0;
    // SAFETY: two live tensors; for the function as in `recompute`.
    let code = unsafe {
        adm_remake(
            Held::<F, E>::call,
            Held::<F, E>::drop,
            Held::raw(make, &failed),
            made.as_ptr().cast_mut(),
            output.as_ptr().cast_mut(),
            &raw mut places,
        )
    };
    told(code, &failed)?;
    Ok(places)
}
