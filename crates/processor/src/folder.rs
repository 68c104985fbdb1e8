//! The JSON files of a model folder, and the one that is ours.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// What a model's folder has to say that no file of `transformers` can hold, in a file of its own: other programs pass over
/// it, and a folder that is copied keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderSettings {
    /// Whether the model was trained on conversations that begin with two begin-of-text tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_bos: Option<bool>,
}

impl FolderSettings {
    /// The file's name.
    pub const FILE: &str = "adamllm.json";

    /// What a folder says; nothing if it has no such file.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(Self::FILE);
        match read_json(&path, true)? {
            Value::Null => Ok(Self::default()),
            found => serde_json::from_value(found).map_err(|error| Error::File {
                path,
                problem: format!("cannot be understood: {error}"),
            }),
        }
    }

    /// Writes it into a folder.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(Self::FILE);
        let text = format!("{:#}\n", serde_json::json!(self));
        std::fs::write(&path, text).map_err(|source| Error::Io { path, source })
    }
}

/// A JSON file; null when it may be absent and is.
pub(crate) fn read_json(path: &Path, optional: bool) -> Result<Value, Error> {
    if optional && !path.exists() {
        return Ok(Value::Null);
    }
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|e| Error::File {
        path: path.to_owned(),
        problem: format!("is not valid JSON: {e}"),
    })
}
