//! A model folder as the families see it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::folder::read_json;
use crate::options::Options;

/// What a family is made from.
pub(super) struct Source<'a> {
    pub(super) folder: &'a Path,
    pub(super) config: &'a Value,
    pub(super) options: &'a Options,
}

impl Source<'_> {
    /// Applies `parse` to the image processor's settings; what is wrong is said of the file that has them.
    pub(super) fn images<T>(
        &self,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Result<T, Error> {
        let (path, settings) = image_settings(self.folder)?;
        parse(&settings).map_err(|problem| Error::File { path, problem })
    }

    /// `image_token_index`, or `image_token_id` as later versions write it.
    pub(super) fn image_token(&self) -> Option<i64> {
        let token = |key: &str| self.config[key].as_i64();
        token("image_token_index").or_else(|| token("image_token_id"))
    }
}

/// The image processor's settings and the file that has them.
fn image_settings(folder: &Path) -> Result<(PathBuf, Value), Error> {
    let path = folder.join("preprocessor_config.json");
    let settings = read_json(&path, true)?;
    if !settings.is_null() {
        return Ok((path, settings));
    }
    let path = folder.join("processor_config.json");
    match &read_json(&path, true)?["image_processor"] {
        Value::Null => Err(Error::File {
            path: folder.join("preprocessor_config.json"),
            problem:
                "is missing, and `processor_config.json` has no `image_processor`; add one of them"
                    .to_owned(),
        }),
        settings => Ok((path, settings.clone())),
    }
}
