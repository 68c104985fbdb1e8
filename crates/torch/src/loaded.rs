//! From which folder the system's loader took libtorch.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The folder of the libtorch that this process runs with; none where the system does not tell.
pub fn loaded_folder() -> Option<PathBuf> {
    folder_of(&std::fs::read("/proc/self/maps").ok()?, b"libtorch_cpu.so")
}

/// The folder of a mapped file with this name, by the lines of `/proc/self/maps`.
fn folder_of(maps: &[u8], name: &[u8]) -> Option<PathBuf> {
    maps.split(|&byte| byte == b'\n').find_map(|line| {
        // Addresses, rights, offset, device and node come first, and none of them has a slash.
        let start = line.iter().position(|&byte| byte == b'/')?;
        let path = Path::new(std::ffi::OsStr::from_bytes(&line[start..]));
        let is_it = path.file_name().is_some_and(|n| n.as_bytes() == name);
        is_it.then(|| path.parent().map(Path::to_path_buf))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_folder_from_the_list_of_mapped_files() {
        let maps = "55e0-55e1 r-xp 00000000 fe:00 1 /opt/x/adamllm-engine\n\
                    7f00-7f01 r--p 00000000 fe:00 2 /home/zoë k/torch/lib/libtorch_cpu.so\n\
                    7f02-7f03 rw-p 00000000 00:00 0 \n\
                    7f04-7f05 r-xp 00000000 fe:00 2 /home/zoë k/torch/lib/libc10.so\n";
        let folder = |name: &[u8]| folder_of(maps.as_bytes(), name);
        let expected = Some(PathBuf::from("/home/zoë k/torch/lib"));
        assert_eq!(folder(b"libtorch_cpu.so"), expected);
        assert_eq!(folder(b"libtorch_cuda.so"), None);
    }

    #[test]
    fn this_process_runs_with_the_libtorch_that_it_was_linked_to() {
        // Naming a function keeps the linker from leaving the library out.
        crate::check_version().expect("the version of the build");
        let folder = loaded_folder().expect("libtorch is loaded");
        assert!(folder.join("libc10.so").exists(), "{}", folder.display());
    }
}
