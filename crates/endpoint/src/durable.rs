//! Folders whose entries outlive a machine that fails.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes a folder and those that it lies in, where they are not there yet, each entered in its parent on the disk.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let is_new = |folder: &&Path| *folder != Path::new("") && !folder.exists();
    let made: Vec<&Path> = folder.ancestors().take_while(is_new).collect();
    fs::create_dir_all(folder)?;
    made.into_iter()
        .try_for_each(|folder| sync_folder(parent(folder)))
}

/// Waits until what was made in a folder is entered there on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder that something lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_wherever_they_lie() {
        let folder = tempfile::tempdir().expect("folder");
        let deep = folder.path().join("a/b/c");
        make_folder(&deep).expect("made");
        make_folder(&deep).expect("there");
        assert!(deep.is_dir());
        make_folder(Path::new(".")).expect("there");
        fs::write(deep.join("file"), "").expect("written");
        make_folder(&deep.join("file/d")).expect_err("a file is there");
        assert_eq!(parent(Path::new("x")), Path::new("."));
        assert_eq!(parent(Path::new("a/x")), Path::new("a"));
    }
}
