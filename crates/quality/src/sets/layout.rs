//! What a file is, by its first record.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::lines::LONGEST;

/// Lines that are looked at for one that can be read.
const LOOKED_AT: usize = 100;

/// What the records of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `corpus::Triplet`.
    Triplets,
    /// `synthesis::SyntheticTask`.
    Tasks,
    /// `corpus::Seed`.
    Seeds,
    /// `corpus::Sample`, or conversations of others.
    Conversations,
}

corpus::words!(Layout {
    Triplets = "triplets",
    Tasks = "tasks",
    Seeds = "seeds",
    Conversations = "conversations",
});

/// The first object of a file of lines and where it stands.
pub(super) struct First {
    pub(super) object: Map<String, Value>,
    pub(super) line: usize,
}

impl First {
    /// Of a file; none if it is no file of JSON lines, or has no object among its first ones.
    pub(super) fn of(path: &Path) -> std::io::Result<Option<Self>> {
        let mut input = BufReader::new(File::open(path)?);
        let mut text = Vec::new();
        for number in 1..=LOOKED_AT {
            text.clear();
            if input.by_ref().take(LONGEST).read_until(b'\n', &mut text)? == 0 {
                break;
            }
            let bare = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
            match bare.trim_ascii_start().first() {
                Some(b'{') => {}
                // Another layout, unless it is a broken line among sound ones.
                Some(_) if number == 1 && bare.trim_ascii_start().starts_with(b"[") => break,
                _ => continue,
            }
            if let Ok(object) = serde_json::from_slice(bare) {
                return Ok(Some(Self {
                    object,
                    line: number,
                }));
            }
        }
        Ok(None)
    }

    /// Which of our own layouts it is.
    pub(super) fn own(&self) -> Option<Layout> {
        let has = |keys: &[&str]| keys.iter().all(|key| self.object.contains_key(*key));
        if has(&["pair", "instruction", "informative", "precise"]) {
            Some(Layout::Triplets)
        } else if has(&["pair", "exchanges"]) {
            Some(Layout::Tasks)
        } else {
            None
        }
    }

    /// Its keys, for a person.
    pub(super) fn keys(&self) -> String {
        let keys = self.object.keys().take(12).map(|key| format!("`{key}`"));
        format!("has the keys {}", keys.collect::<Vec<_>>().join(", "))
    }
}
