//! Any operator of libtorch by the name of its schema, for those that `tch` does not have.

use std::ffi::{CString, c_char, c_int, c_void};

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::Error;
use crate::shim::{check, pointers};

/// One argument of [`call`]; libtorch compares it with the type in the schema.
#[derive(Clone, Copy, Debug)]
pub enum Argument<'a> {
    /// An optional argument that is left out.
    None,
    /// `Tensor` and `Tensor?`.
    Tensor(&'a Tensor),
    /// `int` and `Scalar`; also a dtype, by its number.
    Int(i64),
    /// `float` and `Scalar`.
    Float(f64),
    /// `bool`.
    Bool(bool),
    /// `Tensor[]`.
    Tensors(&'a [Tensor]),
    /// `int[]`.
    Ints(&'a [i64]),
    /// `str`.
    Text(&'a str),
}

/// An argument as the shim takes it.
#[repr(C)]
struct Raw {
    tag: c_int,
    integer: i64,
    number: f64,
    tensors: *const *mut C_tensor,
    integers: *const i64,
    text: *const c_char,
    count: usize,
}

unsafe extern "C" {
    fn adm_call(
        name: *const c_char,
        overload: *const c_char,
        arguments: *const Raw,
        count: usize,
        give: extern "C" fn(*mut c_void, *mut C_tensor),
        taker: *mut c_void,
    ) -> c_int;
}

/// Calls the operator `name` (with its namespace, `aten::mm`) in the `overload` of its schema (often empty).
///
/// Arguments are in the order of the schema; those at the end that have a default may be left out. Gradients flow as
/// through any operator. Gives the resulting tensors, lists taken apart.
///
/// ```
/// use torch::{Argument, Tensor};
///
/// let list = [Tensor::from_slice(&[3.0_f32, 4.0])];
/// let norms = torch::call("aten::_foreach_norm", "Scalar", &[Argument::Tensors(&list)])?;
/// assert_eq!(norms[0].double_value(&[]), 5.0);
/// # Ok::<(), torch::Error>(())
/// ```
pub fn call(name: &str, overload: &str, arguments: &[Argument]) -> Result<Vec<Tensor>, Error> {
    extern "C" fn take(taker: *mut c_void, tensor: *mut C_tensor) {
        // SAFETY: `taker` is the list below, which outlives the call and is not touched beside it.
        let list = unsafe { &mut *taker.cast::<Vec<Tensor>>() };
        // SAFETY: a new tensor whose ownership the shim hands over.
        list.push(unsafe { Tensor::from_ptr(tensor) });
    }
    let c_string = |text: &str| {
        CString::new(text)
            .map_err(|_| Error(format!("`{}` has a NUL character", text.escape_debug())))
    };
    let (c_name, c_overload) = (c_string(name)?, c_string(overload)?);
    // The pointers to tensors have to live until the call is over.
    let lists: Vec<Vec<*mut C_tensor>> = arguments
        .iter()
        .map(|argument| match argument {
            Argument::Tensor(tensor) => vec![tensor.as_ptr().cast_mut()],
            Argument::Tensors(tensors) => pointers(tensors),
            _ => Vec::new(),
        })
        .collect();
    let raw: Vec<Raw> = arguments
        .iter()
        .zip(&lists)
        .map(|(argument, list)| raw(argument, list))
        .collect();
    let mut results: Vec<Tensor> = Vec::new();
    // SAFETY: strings, arguments and lists are alive; the shim checks the arguments against the schema, and its
    // callback gets the pointer to `results` that it expects.
    check(unsafe {
        adm_call(
            c_name.as_ptr(),
            c_overload.as_ptr(),
            raw.as_ptr(),
            raw.len(),
            take,
            (&raw mut results).cast(),
        )
    })?;
    Ok(results)
}

/// The argument with the pointers that belong to it. The tags are those of `value` in shim.cpp.
fn raw(argument: &Argument, tensors: &[*mut C_tensor]) -> Raw {
    let mut raw = Raw {
        tag: 0,
        integer: 0,
        number: 0.0,
        tensors: tensors.as_ptr(),
        integers: std::ptr::null(),
        text: std::ptr::null(),
        count: tensors.len(),
    };
    match *argument {
        Argument::None => {}
        Argument::Tensor(_) => raw.tag = 1,
        Argument::Int(integer) => (raw.tag, raw.integer) = (2, integer),
        Argument::Float(number) => (raw.tag, raw.number) = (3, number),
        Argument::Bool(flag) => (raw.tag, raw.integer) = (4, i64::from(flag)),
        Argument::Tensors(_) => raw.tag = 5,
        Argument::Ints(integers) => {
            (raw.tag, raw.integers, raw.count) = (6, integers.as_ptr(), integers.len());
        }
        Argument::Text(text) => {
            (raw.tag, raw.text, raw.count) = (7, text.as_ptr().cast(), text.len());
        }
    }
    raw
}
