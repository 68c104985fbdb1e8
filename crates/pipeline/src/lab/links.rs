//! A folder of links for each cell, laid out as a run folder, so that whatever reads a run folder reads a cell.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use run::Layout;

use super::union::Union;
use crate::error::{Error, Result};

/// The folder of cells in a lab's.
pub const CELLS: &str = "cells";

/// What all cells share in the store and a run folder has beside its stages.
const SHARED: [&str; 3] = ["pictures", "blank.png", corpus::looks::FILE];

impl Union<'_> {
    /// Lays the links of a cell to what is there of its stages by now; `lab` is the lab's folder, in which the store lies.
    ///
    /// Gives [`Error::Io`] and [`Error::Run`].
    pub fn link(&self, cell: usize, name: &str, lab: &Path, store: &Path) -> Result<()> {
        let found = &self.cells[cell];
        let root = lab.join(CELLS).join(name);
        fs::create_dir_all(&root).map_err(Error::io("make", &root))?;
        let graph = self.drivers[cell].stages.graph();
        graph.write(&root)?;
        for shared in SHARED {
            if store.join(shared).exists() {
                lay(&store.join(shared), &root.join(shared))?;
            }
        }
        for stage in &found.stages {
            let place = Layout::Run.folder(&root, graph, stage.node, "", None);
            if !stage.folder.path.exists() {
                continue;
            }
            if place.inner.is_empty() {
                lay(&stage.folder.path, &place.path)?;
                continue;
            }
            // Other stages' folders lie in this one's, so that it is one of links itself.
            let entries = fs::read_dir(&stage.folder.path);
            let entries = entries.map_err(Error::io("read", &stage.folder.path))?;
            for entry in entries {
                let entry = entry.map_err(Error::io("read", &stage.folder.path))?;
                lay(&entry.path(), &place.path.join(entry.file_name()))?;
            }
        }
        Ok(())
    }
}

/// Makes `link` lead to `to`, named from the link's folder, so that a lab can be moved.
fn lay(to: &Path, link: &Path) -> Result<()> {
    let writing = Error::io("write", link);
    let parent = link.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent).map_err(&writing)?;
    let target = from(parent, to);
    if fs::read_link(link).is_ok_and(|found| found == target) {
        return Ok(());
    }
    // Of several processes the last one has its way, and all have the same.
    let aside = link.with_file_name(format!(".link-{}", std::process::id()));
    let _ = fs::remove_file(&aside);
    symlink(&target, &aside)
        .and_then(|()| fs::rename(&aside, link))
        .map_err(&writing)
}

/// `to` as it is named from the folder `from`; both are full paths.
fn from(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components());
    let shared = shared.take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Path::new(".."));
    let down = to.components().skip(shared);
    up.map(Path::to_owned)
        .chain(down.map(|part| PathBuf::from(part.as_os_str())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_named_from_its_own_folder() {
        let named = |a: &str, b: &str| from(Path::new(a), Path::new(b));
        assert_eq!(
            named("/lab/cells/a", "/lab/store/mix-1"),
            Path::new("../../store/mix-1")
        );
        assert_eq!(
            named("/lab/cells/a/evaluate/answers", "/lab/store/answer-1"),
            Path::new("../../../../store/answer-1")
        );
    }
}
