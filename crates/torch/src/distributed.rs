//! Processes that compute together: c10d's store, through which they find each other, and its process groups.
//!
//! Every process of a group calls the same operations in the same order with tensors of the same shapes and dtypes. An
//! operation blocks until it is done. One that finds no answer within the group's time fails, and a process that is gone makes
//! the operations of the others fail at once.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::time::Duration;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::cuda::open;
use crate::error::{Error, first_line};
use crate::shim::check;

#[repr(C)]
struct RawStore([u8; 0]);

#[repr(C)]
struct RawGroup([u8; 0]);

unsafe extern "C" {
    fn adm_store_open(
        host: *const c_char,
        port: *mut u16,
        serves: c_int,
        timeout_ms: i64,
        out: *mut *mut RawStore,
    ) -> c_int;
    fn adm_store_set(
        store: *mut RawStore,
        key: *const c_char,
        data: *const u8,
        size: usize,
    ) -> c_int;
    fn adm_store_get(
        store: *mut RawStore,
        key: *const c_char,
        give: extern "C" fn(*mut c_void, *const u8, usize),
        taker: *mut c_void,
    ) -> c_int;
    fn adm_store_add(store: *mut RawStore, key: *const c_char, amount: i64, out: *mut i64)
    -> c_int;
    fn adm_store_has(store: *mut RawStore, key: *const c_char, out: *mut c_int) -> c_int;
    fn adm_store_delete(store: *mut RawStore, key: *const c_char) -> c_int;
    fn adm_store_free(store: *mut RawStore);
    fn adm_group_gloo(
        store: *mut RawStore,
        prefix: *const c_char,
        rank: c_int,
        size: c_int,
        interface: *const c_char,
        timeout_ms: i64,
        out: *mut *mut RawGroup,
    ) -> c_int;
    fn adm_group_all_reduce(group: *mut RawGroup, tensor: *mut C_tensor) -> c_int;
    fn adm_group_reduce_scatter(
        group: *mut RawGroup,
        out: *mut C_tensor,
        input: *mut C_tensor,
    ) -> c_int;
    fn adm_group_all_gather(
        group: *mut RawGroup,
        out: *mut C_tensor,
        input: *mut C_tensor,
    ) -> c_int;
    fn adm_group_broadcast(group: *mut RawGroup, tensor: *mut C_tensor, root: c_int) -> c_int;
    fn adm_group_barrier(group: *mut RawGroup) -> c_int;
    fn adm_group_free(group: *mut RawGroup);
}

fn text(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error(format!("`{}` has a NUL character", text.escape_debug())))
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A connection to a key-value store that processes share (c10d's `TCPStore`). It takes one request after the other: whoever
/// must not wait behind another one has a connection of its own.
#[derive(Debug)]
pub struct Store {
    raw: *mut RawStore,
    port: u16,
}

// SAFETY: the store locks for each request.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

impl Store {
    /// Serves a store at a port of this machine, or at any free one for port 0, for as long as this connection is open.
    pub fn serve(port: u16, timeout: Duration) -> Result<Self, Error> {
        Self::open("localhost", port, true, timeout)
    }

    /// Joins the store that is served there. `timeout` is how long to wait for it, and later for a key.
    pub fn join(host: &str, port: u16, timeout: Duration) -> Result<Self, Error> {
        Self::open(host, port, false, timeout)
    }

    fn open(host: &str, mut port: u16, serves: bool, timeout: Duration) -> Result<Self, Error> {
        let host = text(host)?;
        let mut raw = std::ptr::null_mut();
        // SAFETY: a live string and two places for results; the shim catches every C++ exception.
        check(unsafe {
            adm_store_open(
                host.as_ptr(),
                &raw mut port,
                c_int::from(serves),
                milliseconds(timeout),
                &raw mut raw,
            )
        })?;
        Ok(Self { raw, port })
    }

    /// The port that it is served at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the value of a key.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let key = text(key)?;
        // SAFETY: a live store, a live string and a slice that is copied.
        check(unsafe { adm_store_set(self.raw, key.as_ptr(), value.as_ptr(), value.len()) })
    }

    /// The value of a key, which is waited for.
    pub fn get(&self, key: &str) -> Result<Vec<u8>, Error> {
        extern "C" fn take(taker: *mut c_void, data: *const u8, size: usize) {
            // SAFETY: `taker` is the vector below, which outlives the call and is not touched beside it.
            let value = unsafe { &mut *taker.cast::<Vec<u8>>() };
            if size > 0 {
                // SAFETY: the shim gives a live array of this size.
                value.extend_from_slice(unsafe { std::slice::from_raw_parts(data, size) });
            }
        }
        let key = text(key)?;
        let mut value: Vec<u8> = Vec::new();
        // SAFETY: a live store and string; the callback gets the pointer to `value` that it expects.
        check(unsafe { adm_store_get(self.raw, key.as_ptr(), take, (&raw mut value).cast()) })?;
        Ok(value)
    }

    /// Adds to the number under a key, 0 if there is none, and gives the sum.
    pub fn add(&self, key: &str, amount: i64) -> Result<i64, Error> {
        let key = text(key)?;
        let mut sum = 0;
        // SAFETY: a live store and string, and a place for one number.
        check(unsafe { adm_store_add(self.raw, key.as_ptr(), amount, &raw mut sum) })?;
        Ok(sum)
    }

    /// Whether a key has a value.
    pub fn has(&self, key: &str) -> Result<bool, Error> {
        let key = text(key)?;
        let mut found = 0;
        // SAFETY: a live store and string, and a place for one number.
        check(unsafe { adm_store_has(self.raw, key.as_ptr(), &raw mut found) })?;
        Ok(found != 0)
    }

    /// Forgets a key.
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        let key = text(key)?;
        // SAFETY: a live store and string.
        check(unsafe { adm_store_delete(self.raw, key.as_ptr()) })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: made by `adm_store_open` and freed once.
        unsafe { adm_store_free(self.raw) }
    }
}

/// A process's place in a group: c10d's process group over Gloo, for tensors of the CPU.
#[derive(Debug)]
pub struct Group {
    raw: *mut RawGroup,
    rank: usize,
    size: usize,
}

// SAFETY: c10d's groups may be used from any thread, by one at a time: operations take `&self` and are not `Sync`.
unsafe impl Send for Group {}

impl Group {
    /// Joins a group that finds itself in the store under a prefix of its own. `interface` is the network interface to be
    /// found at; the one of the machine's name where it is not told. Every operation has to be done within `timeout`.
    pub fn gloo(
        store: &Store,
        prefix: &str,
        rank: usize,
        size: usize,
        interface: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let (prefix, interface) = (text(prefix)?, text(interface.unwrap_or_default())?);
        let number = |n: usize| c_int::try_from(n).map_err(|_| Error(format!("{n} processes")));
        let mut raw = std::ptr::null_mut();
        // SAFETY: a live store, live strings and a place for the group, which keeps its own hold on the store.
        check(unsafe {
            adm_group_gloo(
                store.raw,
                prefix.as_ptr(),
                number(rank)?,
                number(size)?,
                interface.as_ptr(),
                milliseconds(timeout),
                &raw mut raw,
            )
        })?;
        Ok(Self { raw, rank, size })
    }

    /// As [`Group::gloo`], over NCCL, for tensors of this CUDA device, which no other process of the group has. `library` is
    /// what `cargo xtask nccl` builds; CUDA has to be loaded ([`crate::load_cuda`]).
    pub fn nccl(
        library: &Path,
        store: &Store,
        prefix: &str,
        (rank, size): (usize, usize),
        device: usize,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let functions = Nccl::open(library)?;
        let prefix = text(prefix)?;
        let number = |n: usize| c_int::try_from(n).map_err(|_| Error(format!("{n} processes")));
        let mut raw = std::ptr::null_mut();
        // SAFETY: a live store, a live string and a place for the group, which keeps its own hold on the store; the library
        // was built from the sources of this crate against the same libtorch.
        let code = unsafe {
            (functions.group)(
                store.raw,
                prefix.as_ptr(),
                number(rank)?,
                number(size)?,
                number(device)?,
                milliseconds(timeout),
                &raw mut raw,
            )
        };
        if code != 0 {
            // SAFETY: a NUL-terminated string that lives until the next call of this thread.
            let said = unsafe { CStr::from_ptr((functions.error)()) };
            return Err(Error(first_line(&said.to_string_lossy())));
        }
        Ok(Self { raw, rank, size })
    }

    /// Which process of the group this is, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Processes of the group.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Adds up a tensor over all processes, in place; all get the same bits.
    pub fn all_reduce(&self, tensor: &Tensor) -> Result<(), Error> {
        // SAFETY: a live group and tensor.
        check(unsafe { adm_group_all_reduce(self.raw, tensor.as_ptr().cast_mut()) })
    }

    /// Adds up `[size × n]` over all processes; each gets the `[n]` of its own place in `out`.
    pub fn reduce_scatter(&self, out: &Tensor, input: &Tensor) -> Result<(), Error> {
        let (out, input) = (out.as_ptr().cast_mut(), input.as_ptr().cast_mut());
        // SAFETY: a live group and two live tensors, whose sizes c10d checks.
        check(unsafe { adm_group_reduce_scatter(self.raw, out, input) })
    }

    /// Lays the `[n]` of every process one after the other into the `[size × n]` of `out`.
    pub fn all_gather(&self, out: &Tensor, input: &Tensor) -> Result<(), Error> {
        let (out, input) = (out.as_ptr().cast_mut(), input.as_ptr().cast_mut());
        // SAFETY: a live group and two live tensors, whose sizes c10d checks.
        check(unsafe { adm_group_all_gather(self.raw, out, input) })
    }

    /// Gives every process the tensor of one of them, in place.
    pub fn broadcast(&self, tensor: &Tensor, root: usize) -> Result<(), Error> {
        let root = c_int::try_from(root).map_err(|_| Error(format!("no process {root}")))?;
        // SAFETY: a live group and tensor.
        check(unsafe { adm_group_broadcast(self.raw, tensor.as_ptr().cast_mut(), root) })
    }

    /// Waits for all processes.
    pub fn barrier(&self) -> Result<(), Error> {
        // SAFETY: a live group.
        check(unsafe { adm_group_barrier(self.raw) })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: made by the shim and freed once.
        unsafe { adm_group_free(self.raw) }
    }
}

/// The functions of the library of NCCL.
struct Nccl {
    group: MakeGroup,
    error: LastError,
}

type MakeGroup = unsafe extern "C" fn(
    *mut RawStore,
    *const c_char,
    c_int,
    c_int,
    c_int,
    i64,
    *mut *mut RawGroup,
) -> c_int;

type LastError = unsafe extern "C" fn() -> *const c_char;

impl Nccl {
    fn open(path: &Path) -> Result<Self, Error> {
        let library = open(path)?;
        let built = library.function(c"adm_nccl_built_version")?;
        // SAFETY: the function of this name takes nothing and gives a string literal.
        let built = unsafe {
            let built: unsafe extern "C" fn() -> *const c_char = std::mem::transmute(built);
            CStr::from_ptr(built())
        };
        let (built, own) = (built.to_string_lossy(), crate::built_version());
        if built != own {
            return Err(Error(format!(
                "`{}` was built against libtorch {built}, the program against {own}; build it anew with `cargo xtask nccl`",
                path.display()
            )));
        }
        let (group, error) = (
            library.function(c"adm_nccl_group")?,
            library.function(c"adm_nccl_error")?,
        );
        // SAFETY: the types of the functions of these names in `csrc_cuda/nccl.cpp`.
        unsafe {
            Ok(Self {
                group: std::mem::transmute::<*mut c_void, MakeGroup>(group),
                error: std::mem::transmute::<*mut c_void, LastError>(error),
            })
        }
    }
}

/// Ends the process with an exit code while other threads are in the middle of something: nothing is flushed or torn down, since
/// libtorch's threads do not stand that.
pub fn exit_at_once(code: i32) -> ! {
    unsafe extern "C" {
        fn _exit(code: c_int) -> !;
    }
    // SAFETY: it takes any number and does not return.
    unsafe { _exit(code) }
}
