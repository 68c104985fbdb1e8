//! Memory that is not libtorch's own: tensors over foreign bytes, and mapped files.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::ops::Deref;
use std::sync::Arc;

use tch::{Kind, Tensor};
use torch_sys::C_tensor;

use crate::error::Error;
use crate::shim::check;

unsafe extern "C" {
    fn adm_from_blob(
        data: *mut c_void,
        sizes: *const i64,
        dims: usize,
        kind: c_int,
        drop: extern "C" fn(*mut c_void),
        owner: *mut c_void,
        out: *mut *mut C_tensor,
    ) -> c_int;
}

/// A tensor over `bytes[offset..]` without a copy; it keeps the owner alive. It must not be written to.
///
/// Fails when the range is outside of the bytes or not aligned for the dtype.
pub fn from_owner<T: AsRef<[u8]> + Send + Sync + 'static>(
    owner: &Arc<T>,
    offset: usize,
    shape: &[i64],
    kind: Kind,
) -> Result<Tensor, Error> {
    extern "C" fn drop_owner<T>(owner: *mut c_void) {
        // SAFETY: `owner` came from `Arc::into_raw` below, once, and this runs once.
        drop(unsafe { Arc::from_raw(owner.cast_const().cast::<T>()) });
    }
    let bytes = (**owner).as_ref();
    let size = kind.elt_size_in_bytes();
    let wanted = shape.iter().try_fold(size, |n, &d| {
        usize::try_from(d).ok().and_then(|d| n.checked_mul(d))
    });
    let end = wanted.and_then(|n| n.checked_add(offset));
    if end.is_none_or(|end| end > bytes.len()) {
        return Err(Error(format!(
            "a tensor of shape {shape:?} at byte {offset} ends past {} bytes",
            bytes.len()
        )));
    }
    let start = bytes[offset..].as_ptr();
    if !start.addr().is_multiple_of(size) {
        return Err(Error(format!(
            "the data at byte {offset} are not aligned to {size} bytes"
        )));
    }
    let kept = Arc::into_raw(Arc::clone(owner)).cast_mut().cast::<c_void>();
    let mut out = std::ptr::null_mut();
    // SAFETY: the range was checked, and `kept` holds the bytes until the deleter runs.
    let code = unsafe {
        adm_from_blob(
            start.cast_mut().cast(),
            shape.as_ptr(),
            shape.len(),
            scalar_type(kind),
            drop_owner::<T>,
            kept,
            &raw mut out,
        )
    };
    check(code)?;
    // SAFETY: on success `out` is a new tensor that we own.
    Ok(unsafe { Tensor::from_ptr(out) })
}

/// Bytes of a file that are read through a mapping: they are pages of the file, not memory of the process's own.
#[derive(Debug)]
pub struct Mapped(memmap2::Mmap);

impl Mapped {
    /// Maps `length` bytes from byte `offset` on, which need not be a multiple of anything. The file must have them;
    /// whoever cuts it off while it is mapped ends the process with a bus error.
    pub fn new(file: &File, offset: u64, length: usize) -> std::io::Result<Self> {
        let end = offset.checked_add(length as u64);
        if end.is_none_or(|end| file.metadata().is_ok_and(|found| found.len() < end)) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the mapping is private and never written through. Another process that rewrites the file changes
        // numbers that any bytes can stand for; all that is made of them is plain data.
        let map = unsafe {
            memmap2::MmapOptions::new()
                .offset(offset)
                .len(length)
                .map(file)
        }?;
        // What is read is read once and from front to back. Advice may be ignored, so may its failure.
        let _ = map.advise(memmap2::Advice::Sequential);
        Ok(Self(map))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// The number of a dtype in libtorch's `ScalarType.h`; the order of [`Kind`] leaves gaps out.
fn scalar_type(kind: Kind) -> c_int {
    match kind {
        Kind::Uint8 => 0,
        Kind::Int8 => 1,
        Kind::Int16 => 2,
        Kind::Int => 3,
        Kind::Int64 => 4,
        Kind::Half => 5,
        Kind::Float => 6,
        Kind::Double => 7,
        Kind::ComplexHalf => 8,
        Kind::ComplexFloat => 9,
        Kind::ComplexDouble => 10,
        Kind::Bool => 11,
        Kind::QInt8 => 12,
        Kind::QUInt8 => 13,
        Kind::QInt32 => 14,
        Kind::BFloat16 => 15,
        Kind::Float8e5m2 => 23,
        Kind::Float8e4m3fn => 24,
        Kind::Float8e5m2fnuz => 25,
        Kind::Float8e4m3fnuz => 26,
    }
}
