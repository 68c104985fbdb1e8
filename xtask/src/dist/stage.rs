//! A folder in which a package is laid out before it is packed: every file with its mode, whatever the user's mask is.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The root of what is being packed.
pub struct Stage {
    pub folder: PathBuf,
}

impl Stage {
    /// An empty one.
    pub fn new(folder: &Path) -> Result<Stage> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        Ok(Stage {
            folder: folder.to_path_buf(),
        })
    }

    /// The place of a file whose folder is there.
    pub fn place(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(path)
    }

    /// A text.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.place(name)?;
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        set_mode(&path, 0o644)
    }

    /// A file that is read.
    pub fn copy(&self, from: &Path, name: &str) -> Result<()> {
        self.copy_as(from, name, 0o644)
    }

    /// A program or library.
    pub fn copy_program(&self, from: &Path, name: &str) -> Result<()> {
        self.copy_as(from, name, 0o755)
    }

    fn copy_as(&self, from: &Path, name: &str, mode: u32) -> Result<()> {
        let path = self.place(name)?;
        fs::copy(from, &path)
            .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), path.display()))?;
        set_mode(&path, mode)
    }

    /// Names of all files, in order.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        collect(&self.folder, "", &mut names)?;
        names.sort();
        Ok(names)
    }
}

/// Sets rights that do not depend on who packs.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

fn collect(folder: &Path, inside: &str, names: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().context("a name that is not UTF-8")?;
        let inside = if inside.is_empty() {
            name.to_owned()
        } else {
            format!("{inside}/{name}")
        };
        if entry.path().is_dir() {
            collect(&entry.path(), &inside, names)?;
        } else {
            names.push(inside);
        }
    }
    Ok(())
}
