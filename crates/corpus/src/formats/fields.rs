//! Takes keys out of a JSON object, under the names that the file has for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::kind_of;
use crate::error::{Fault, Reason};

/// One row's keys, and where its pictures lie.
pub(super) struct Fields<'a> {
    pub(super) map: Map<String, Value>,
    /// Our name to the file's.
    pub(super) columns: &'a BTreeMap<String, String>,
    pub(super) root: &'a Path,
    pub(super) check_images: bool,
}

impl Fields<'_> {
    /// The file's name for one of our keys.
    pub(super) fn key<'k>(&'k self, ours: &'k str) -> &'k str {
        self.columns.get(ours).map_or(ours, String::as_str)
    }

    /// Takes a key out; null counts as absent.
    pub(super) fn take(&mut self, ours: &str) -> Option<Value> {
        let key = self.key(ours).to_owned();
        self.map.shift_remove(&key).filter(|value| !value.is_null())
    }

    pub(super) fn take_text(&mut self, ours: &str) -> Result<Option<String>, Fault> {
        match self.take(ours) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(ours, "a string", &other)),
        }
    }

    /// A text that the ecosystem often writes as a number: ids, groups.
    pub(super) fn take_name(&mut self, ours: &str) -> Result<Option<String>, Fault> {
        match self.take(ours) {
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            None => Ok(None),
            Some(other) => Err(self.wrong(ours, "a string or a number", &other)),
        }
    }

    pub(super) fn require<T>(&self, ours: &str, value: Option<T>) -> Result<T, Fault> {
        value.ok_or_else(|| Fault::shape(format!("has no key `{}`", self.key(ours))))
    }

    pub(super) fn take_record<T: DeserializeOwned>(
        &mut self,
        ours: &str,
    ) -> Result<Option<T>, Fault> {
        let Some(value) = self.take(ours) else {
            return Ok(None);
        };
        let key = self.key(ours);
        serde_json::from_value(value)
            .map(Some)
            .map_err(|e| Fault::shape(format!("key `{key}`: {e}")))
    }

    /// The pictures of `images` (a list or one path) or else `image`, from the root on. None is not an error.
    pub(super) fn take_images(&mut self) -> Result<Vec<PathBuf>, Fault> {
        let (name, value) = match self.take("images") {
            Some(value) => ("images", Some(value)),
            None if self.columns.contains_key("images") => ("images", None),
            None => ("image", self.take("image")),
        };
        let items = match value {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(one) => vec![one],
        };
        items
            .into_iter()
            .map(|item| self.picture(name, item))
            .collect()
    }

    fn picture(&self, name: &str, item: Value) -> Result<PathBuf, Fault> {
        let Value::String(named) = item else {
            return Err(self.wrong(name, "file names", &item));
        };
        let missing = |detail: String| Err(Fault::new(Reason::MissingImage, detail));
        if named.is_empty() {
            return missing(format!("an entry of `{}` is empty", self.key(name)));
        }
        if named.starts_with("http://") || named.starts_with("https://") {
            return missing(format!(
                "`{named}` is an address; download the pictures first and name the files"
            ));
        }
        let path = self.root.join(&named);
        if !self.check_images || path.is_file() {
            return Ok(path);
        }
        if path.is_dir() {
            return missing(format!(
                "`{}` is a folder; expected a picture",
                path.display()
            ));
        }
        let hint = if Path::new(&named).is_absolute() {
            String::new()
        } else {
            let root = match self.root.as_os_str().is_empty() {
                true => Path::new("."),
                false => &self.root,
            };
            format!(
                "; paths are relative to `{}` (`[data] images` or `--image-root` changes that)",
                root.display()
            )
        };
        missing(format!("`{}` does not exist{hint}", path.display()))
    }

    fn wrong(&self, ours: &str, expected: &str, found: &Value) -> Fault {
        Fault::shape(format!(
            "key `{}`: expected {expected}, found {}",
            self.key(ours),
            kind_of(found)
        ))
    }
}
