//! Whether the libtorch that was loaded is the one that the program was built against.
//!
//! torch-sys compares versions when it is built; a binary that later finds another library at run time is not checked
//! by anyone, and C++ classes with another layout fail in ways that name no cause.

use std::ffi::{CStr, c_char, c_int};

use crate::error::Error;
use crate::shim::{built_version, check};

unsafe extern "C" {
    fn adm_config(out: *mut *const c_char) -> c_int;
}

/// Fails when the loaded libtorch has another version than the one of the build.
pub fn check_version() -> Result<(), Error> {
    let mut text = std::ptr::null();
    // SAFETY: on success `text` is a NUL-terminated string that lives until the next call of this thread.
    check(unsafe { adm_config(&raw mut text) })?;
    // SAFETY: as above.
    let config = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    compare(&built_version(), loaded_version(&config))
}

/// The version in the build settings that libtorch prints, `.., TORCH_VERSION=2.11.0, ..`.
fn loaded_version(config: &str) -> Option<&str> {
    let (_, rest) = config.split_once("TORCH_VERSION=")?;
    rest.split([',', ' ', '\n']).next()
}

fn compare(built: &str, loaded: Option<&str>) -> Result<(), Error> {
    // What follows a plus names the build (`+cpu`, `+cu130`), not the version.
    let plain = |version: &str| version.split('+').next().unwrap_or_default().to_owned();
    match loaded {
        Some(loaded) if plain(loaded) == plain(built) => Ok(()),
        loaded => Err(Error(format!(
            "the program was built with libtorch {built}, but {} was loaded: build it again, or unset LD_LIBRARY_PATH",
            loaded.unwrap_or("one of unknown version")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(loaded: &str, expected: bool) {
        let found = compare("2.11.0", loaded_version(loaded));
        assert_eq!(found.is_ok(), expected, "{loaded}: {found:?}");
    }

    #[test]
    fn finds_another_version() {
        check(
            "PyTorch built with:\n  - LAPACK, TORCH_VERSION=2.11.0, USE_CUDA=ON",
            true,
        );
        check("TORCH_VERSION=2.11.0+cu130, USE_CUDA=ON", true);
        check("TORCH_VERSION=2.11.0\n", true);
        check("TORCH_VERSION=2.11.1, USE_CUDA=ON", false);
        check("TORCH_VERSION=2.1", false);
        check("PyTorch built with:", false);
    }
}
