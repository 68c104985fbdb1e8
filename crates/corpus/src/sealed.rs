//! JSON files of our own that are either whole or told apart from whole ones: written aside and renamed into place, and
//! where it matters with a checksum of their own.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Error;

/// Keys of two flat tables that differ, with both values.
pub fn changed_keys(old: &Value, new: &Value) -> Vec<String> {
    let nothing = Map::new();
    let (old, new) = (
        old.as_object().unwrap_or(&nothing),
        new.as_object().unwrap_or(&nothing),
    );
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::to_string);
    let changed = keys.into_iter().filter(|k| old.get(*k) != new.get(*k));
    changed
        .map(|k| format!("`{k}` was {}, is {}", shown(old.get(k)), shown(new.get(k))))
        .collect()
}

/// The key of the checksum in a sealed file.
const SEAL: &str = "sha256";

/// Writes an object as [`write_json`] does, with a checksum of its own.
pub fn write_sealed(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut value = json(path, value)?;
    let seal = crate::digest::bytes(value.to_string().as_bytes());
    if let Some(object) = value.as_object_mut() {
        object.insert(SEAL.to_owned(), seal.into());
    }
    write_json(path, &value)
}

/// Reads what [`write_sealed`] wrote; nothing if it is not there or not what was written.
pub fn read_sealed<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut value: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let seal = value.as_object_mut()?.remove(SEAL)?;
    if seal != crate::digest::bytes(value.to_string().as_bytes()) {
        return None;
    }
    serde_json::from_value(value).ok()
}

/// Where a file is written before it is renamed to `path`: beside it, under a name that no other process takes, nor this
/// one twice.
pub fn aside(path: &Path) -> PathBuf {
    // Process numbers are those of one machine, and folders may be shared by several.
    static OF_PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:x}-{number}.part", *OF_PROCESS));
    PathBuf::from(name)
}

/// Writes pretty JSON aside, waits for the disk and renames it into place.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let aside = aside(path);
    let text = serde_json::to_string_pretty(&json(path, value)?).unwrap_or_default();
    let written = fs::write(&aside, text + "\n")
        .and_then(|()| File::open(&aside)?.sync_all())
        .and_then(|()| fs::rename(&aside, path))
        .and_then(|()| match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        });
    if written.is_err() {
        // The first error is the one to tell; what is left of the attempt is in nobody's way.
        let _ = fs::remove_file(&aside);
    }
    written.map_err(Error::writing(path))
}

fn json(path: &Path, value: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value)
        .map_err(|e| Error::file(path, format!("cannot be written as JSON: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_may_write_one_file_at_once() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("x.json");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..50 {
                        write_sealed(&path, &serde_json::json!({"number": number})).expect("write");
                    }
                });
            }
        });
        assert!(read_sealed::<Value>(&path).is_some());
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
    }

    #[test]
    fn a_flipped_byte_breaks_the_seal() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("x.json");
        let value = serde_json::json!({"b": 2e-5, "a": [1.234, "text"], "c": null});
        write_sealed(&path, &value).expect("write");
        assert_eq!(read_sealed::<Value>(&path), Some(value));
        let sound = fs::read(&path).expect("read");
        // The line ends and indents carry nothing.
        for at in (0..sound.len()).filter(|&at| !sound[at].is_ascii_whitespace()) {
            let mut flipped = sound.clone();
            flipped[at] ^= 1;
            fs::write(&path, flipped).expect("write");
            assert_eq!(read_sealed::<Value>(&path), None, "byte {at}");
        }
    }
}
