//! CUDA is loaded at run time, so that the program starts on machines without it.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

use crate::error::Error;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *mut c_char;
}

const RTLD_NOW: c_int = 2;
const RTLD_GLOBAL: c_int = 0x100;

/// Loads `libtorch_cuda.so`: from `folder` (the `torch/lib` of a Python installation of the same version), else from
/// where the linker looks. It must be called before anything asks about CUDA, as libtorch remembers the first answer.
pub fn load_cuda(folder: Option<&Path>) -> Result<(), Error> {
    let name = folder.unwrap_or(Path::new("")).join("libtorch_cuda.so");
    open(&name).map(drop)
}

/// A library that was opened; it stays loaded for the life of the process.
pub(crate) struct Library(*mut c_void);

/// Opens a library; what it defines is there for others that are opened later.
pub(crate) fn open(path: &Path) -> Result<Library, Error> {
    let text = CString::new(path.to_string_lossy().as_bytes())
        .map_err(|_| Error("a path with a NUL byte".to_owned()))?;
    // SAFETY: a NUL-terminated path; the library stays loaded for the life of the process.
    let handle = unsafe { dlopen(text.as_ptr(), RTLD_NOW | RTLD_GLOBAL) };
    if handle.is_null() {
        return Err(refused());
    }
    Ok(Library(handle))
}

impl Library {
    /// The address of a function.
    pub(crate) fn function(&self, name: &CStr) -> Result<*mut c_void, Error> {
        // SAFETY: a library that is open and a NUL-terminated name.
        let found = unsafe { dlsym(self.0, name.as_ptr()) };
        if found.is_null() {
            return Err(refused());
        }
        Ok(found)
    }
}

/// What the loader says of its last failure.
fn refused() -> Error {
    // SAFETY: after a failure dlerror gives a NUL-terminated text or null.
    let reason = unsafe {
        let text = dlerror();
        if text.is_null() {
            "unknown reason".into()
        } else {
            CStr::from_ptr(text).to_string_lossy()
        }
    };
    Error(reason.into_owned())
}
