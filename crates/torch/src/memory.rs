//! Memory of tensors on the processor, and of all else.
//!
//! A training asks for the same memory at every step. [`cache`] makes libtorch use its blocks again in place of giving them
//! back; what it then holds, [`stats`] tells, and [`set_limit`] bounds.

use std::ffi::c_int;

unsafe extern "C" {
    fn adm_memory_cache(on: c_int);
    fn adm_memory_stats(out: *mut Raw);
    fn adm_memory_set_limit(bytes: u64);
    fn adm_memory_reset_peak();
    fn adm_memory_release();
}

#[repr(C)]
#[derive(Default)]
struct Raw {
    in_use: u64,
    requested: u64,
    cached: u64,
    peak: u64,
    peak_requested: u64,
    limit: u64,
}

/// What the allocator of CPU tensors holds, in bytes. Tensors of less than 32 kB are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// In tensors, rounded up to whole pages.
    pub in_use: u64,
    /// What was asked for of it.
    pub requested: u64,
    /// Free, and kept for the next tensors.
    pub cached: u64,
    /// The most that was held, free or not, since the start or [`reset_peak`].
    pub peak: u64,
    /// What was asked for when so much was held.
    pub peak_requested: u64,
    /// The most that may be held.
    pub limit: Option<u64>,
}

/// Keeps freed memory of CPU tensors for the next ones, up to the limit; `false` goes back to the system's allocator.
/// Tensors that exist are not touched.
pub fn cache(on: bool) {
    // SAFETY: no pointers; the allocator lives as long as the process.
    unsafe { adm_memory_cache(c_int::from(on)) }
}

/// What is held.
pub fn stats() -> MemoryStats {
    let mut raw = Raw::default();
    // SAFETY: a place for the counts.
    unsafe { adm_memory_stats(&raw mut raw) }
    MemoryStats {
        in_use: raw.in_use,
        requested: raw.requested,
        cached: raw.cached,
        peak: raw.peak,
        peak_requested: raw.peak_requested,
        limit: (raw.limit > 0).then_some(raw.limit),
    }
}

/// At most so many bytes are held from now on. A tensor beyond fails with a message that begins with [`OUT_OF_MEMORY`].
/// Before that, what is free is given back.
pub fn set_limit(bytes: Option<u64>) {
    // SAFETY: no pointers.
    unsafe { adm_memory_set_limit(bytes.unwrap_or(0)) }
}

/// How a failure of [`set_limit`]'s bound, or of the system's, begins.
pub const OUT_OF_MEMORY: &str = "out of memory: ";

/// The peak is counted from now on.
pub fn reset_peak() {
    // SAFETY: no pointers.
    unsafe { adm_memory_reset_peak() }
}

/// Gives free memory back to the system.
pub fn release() {
    // SAFETY: no pointers.
    unsafe { adm_memory_release() }
}

#[cfg(feature = "mimalloc")]
mod retaining {
    //! What is no tensor: buffers of MKL and oneDNN, texts, pictures. Page faults are expensive on virtual machines, so
    //! here too what was freed is kept for a while.

    #[global_allocator]
    static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
}

/// For the start of a program: tensors' memory is used again, and other freed memory is kept for half a minute instead of being
/// given back at once (with the feature `mimalloc`; `MIMALLOC_PURGE_DELAY` in the environment wins).
///
/// Giving nothing back at all would let fragments grow without bound: a training of pictures alone grew by 15 MB a second.
pub fn retain_memory() {
    cache(true);
    #[cfg(feature = "mimalloc")]
    {
        // `mi_option_purge_delay` of mimalloc 2 and 3, which the crate does not name.
        const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
        // Arenas, where the large blocks lie, wait ten times as long.
        const MILLISECONDS: std::ffi::c_long = 3_000;
        // SAFETY: the option exists in every version, and setting it has no other precondition.
        unsafe {
            libmimalloc_sys::mi_option_set_default(PURGE_DELAY, MILLISECONDS);
        }
    }
}
