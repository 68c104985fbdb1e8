//! Takes keys out of a JSON object, under the names that the file has for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::dataset_info::Tags;
use super::objects::{Embedded, kind_of};
use super::picture_root::PictureRoot;
use crate::digest;
use crate::error::{Fault, Reason};
use crate::images;
use crate::shards::{self, Located};

/// One row's keys, and where its pictures lie.
pub(super) struct Fields<'a> {
    pub(super) map: Map<String, Value>,
    /// Our name to the file's.
    pub(super) columns: &'a BTreeMap<String, String>,
    pub(super) root: &'a PictureRoot,
    pub(super) check_images: bool,
    /// Names of keys and roles of a turn.
    pub(super) tags: &'a Tags,
    /// Pictures that lie in the data file beside the object.
    pub(super) beside: Vec<Embedded>,
    /// Columns of a table whose cell is empty.
    pub(super) empty: Vec<String>,
    /// Where pictures of the data file are to lie; in nothing but names if none.
    pub(super) unpack: Option<&'a Path>,
    /// Pictures of the data file that were taken, under the paths that the record has for them.
    pub(super) taken: Vec<Inside>,
}

/// A picture whose content came with its record, and the path that the record has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// `DIGEST.ending`, in the folder of [`super::Options::unpack`].
    pub path: PathBuf,
    /// The file's content.
    pub bytes: Vec<u8>,
    /// Where it lies in the data file, if it can be read from there.
    pub located: Option<Located>,
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
        value.ok_or_else(|| {
            let (key, present) = (self.key(ours), self.present());
            Fault::shape(format!(
                "has no key `{key}`, but {present}; `[data.columns] {ours} = \"…\"` names another"
            ))
        })
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

    /// The pictures under `images` (a list or one path), `image` or `file_name`, or else beside the object; paths are from
    /// the root on. None is not an error.
    pub(super) fn take_images(&mut self) -> Result<Vec<PathBuf>, Fault> {
        let mut names = vec!["images", "image", "file_name"];
        names.retain(|name| self.columns.contains_key(*name));
        if names.is_empty() {
            names = vec!["images", "image", "file_name"];
        }
        let beside = self.take_beside(&names);
        if !beside.is_empty() {
            let mut paths = Vec::with_capacity(beside.len());
            for picture in beside {
                paths.push(self.embed(picture.bytes, picture.located));
            }
            return Ok(paths);
        }
        for name in names {
            let items = match self.take(name) {
                None => continue,
                Some(Value::Array(items)) => items,
                Some(one) => vec![one],
            };
            let mut paths = Vec::with_capacity(items.len());
            for item in items {
                paths.push(self.picture(name, item)?);
            }
            return Ok(paths);
        }
        Ok(Vec::new())
    }

    /// Pictures of the columns of these names, or all if none has one of them and none is mapped.
    fn take_beside(&mut self, names: &[&str]) -> Vec<Embedded> {
        let mapped = names.iter().any(|name| self.columns.contains_key(*name));
        let keys: Vec<String> = names.iter().map(|name| self.key(name).to_owned()).collect();
        let is_named = |picture: &Embedded| keys.contains(&picture.column);
        let all = std::mem::take(&mut self.beside);
        if !mapped && !all.iter().any(is_named) {
            return all;
        }
        let (taken, left) = all.into_iter().partition(is_named);
        self.beside = left;
        taken
    }

    /// The path for a picture whose content came with the record.
    fn embed(&mut self, bytes: Vec<u8>, located: Option<Located>) -> PathBuf {
        let name = format!(
            "{}.{}",
            &digest::bytes(&bytes)[..32],
            images::extension(&bytes)
        );
        let path = self.unpack.unwrap_or(Path::new("")).join(name);
        self.taken.push(Inside {
            path: path.clone(),
            bytes,
            located,
        });
        path
    }

    /// The keys of the row, for a message.
    pub(super) fn present(&self) -> String {
        let mut keys: Vec<String> = self.map.keys().map(|key| format!("`{key}`")).collect();
        keys.extend(
            self.beside
                .iter()
                .map(|picture| format!("`{}`", picture.column)),
        );
        keys.dedup();
        if keys.is_empty() {
            "no other keys".to_owned()
        } else {
            keys.join(", ")
        }
    }

    pub(super) fn picture(&mut self, name: &str, item: Value) -> Result<PathBuf, Fault> {
        let Value::String(named) = item else {
            return Err(self.wrong(name, "file names", &item));
        };
        let missing = |detail: String| Err(Fault::new(Reason::MissingImage, detail));
        if named.is_empty() {
            return missing(format!("an entry of `{}` is empty", self.key(name)));
        }
        if named.starts_with("data:") {
            let problem = "an entry begins with `data:`, but is not base64 of a picture";
            let content = data_url(&named).ok_or_else(|| Fault::shape(problem))?;
            return Ok(self.embed(content, None));
        }
        if named.starts_with("http://") || named.starts_with("https://") {
            return missing(format!(
                "`{named}` is an address; download the pictures first and name the files"
            ));
        }
        let path = self
            .root
            .path
            .join(named.strip_prefix("file://").unwrap_or(&named));
        if !self.check_images || shards::is_there(&path) {
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
            format!("; {}", self.root.hint())
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

/// The content of `data:image/png;base64,…`.
fn data_url(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let (head, content) = text.split_once(',')?;
    let content = content.trim_end();
    head.ends_with(";base64").then(|| {
        base64::engine::general_purpose::STANDARD
            .decode(content)
            .ok()
    })?
}
