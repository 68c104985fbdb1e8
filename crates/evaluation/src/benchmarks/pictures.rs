//! Pictures that lie inside a benchmark's tables.

use std::path::{Path, PathBuf};

use super::error::LoadError;

/// What happens with pictures that lie inside the benchmark's tables.
pub enum Keep<'a> {
    /// They are named by their content and not written.
    Nothing,
    /// They are written into a folder under that name, each once.
    Folder(&'a Path),
    /// They are shown: item, name by content, content.
    Show(&'a mut dyn FnMut(&str, &Path, &[u8])),
}

impl Keep<'_> {
    /// The path under which an item has a picture: same content, same path.
    pub(super) fn keep(&mut self, item: &str, bytes: &[u8]) -> Result<PathBuf, LoadError> {
        let name = format!("{:.24}.{}", corpus::digest::bytes(bytes), ending(bytes));
        match self {
            Self::Nothing => Ok(name.into()),
            Self::Show(show) => {
                show(item, Path::new(&name), bytes);
                Ok(name.into())
            }
            Self::Folder(folder) => {
                let path = folder.join(name);
                if !path.exists() {
                    let io = |source| LoadError::Io {
                        path: path.clone(),
                        source,
                    };
                    std::fs::create_dir_all(folder).map_err(io)?;
                    std::fs::write(&path, bytes).map_err(io)?;
                }
                Ok(path)
            }
        }
    }
}

fn ending(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, ..] => "jpg",
        [b'R', b'I', b'F', b'F', ..] => "webp",
        [b'I', b'I', 42, ..] | [b'M', b'M', 0, 42, ..] => "tif",
        _ => "bin",
    }
}
