//! The text files of a model folder.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::ConvertError;

/// A JSON file of a folder; an empty object where it is absent.
pub(super) fn read_json(folder: &Path, name: &str) -> Result<Value, ConvertError> {
    let path = folder.join(name);
    if !path.exists() {
        return Ok(Value::Object(Map::new()));
    }
    let text = std::fs::read_to_string(&path).map_err(|source| ConvertError::Unreadable {
        path: path.clone(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|source| ConvertError::Json { path, source })
}

/// Writes a text as it is, and anything else as JSON.
pub(super) fn write_file(folder: &Path, name: &str, content: &Value) -> Result<(), ConvertError> {
    let path = folder.join(name);
    let text = match content {
        Value::String(text) => text.clone(),
        json => format!("{json:#}\n"),
    };
    std::fs::write(&path, text).map_err(|source| ConvertError::Unwritable { path, source })
}

/// An error if a folder that is to be written holds something.
pub(super) fn refuse_filled(output: &Path) -> Result<(), ConvertError> {
    if output.exists() {
        let mut entries = std::fs::read_dir(output).map_err(|source| ConvertError::Unreadable {
            path: output.to_owned(),
            source,
        })?;
        if entries.next().is_some() {
            return Err(ConvertError::NotEmpty {
                folder: output.to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let nowhere = folder.path().join("nowhere");
        let error = write_file(&nowhere, "config.json", &Value::Null).expect_err("no folder");
        assert!(
            matches!(&error, ConvertError::Unwritable { path, .. } if path.ends_with("nowhere/config.json")),
            "{error:?}"
        );
    }
}
