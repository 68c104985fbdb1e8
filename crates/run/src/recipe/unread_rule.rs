//! What a rule about keys that nothing reads says, and looks at.

use toml::Value;

use super::resolution::{Origin, Resolution};
use super::shape::as_number;
use super::stages::{STAGES, StageData, section_of};

/// Some keys, and why nothing reads them.
pub(super) struct Unread {
    /// Whole names, or sections with a dot at their end.
    pub keys: Vec<String>,
    /// The keys that make it so. Where one of them is changed with `--set` or by a level of a grid, what the recipe's file or the
    /// whole grid says of the others is passed over: it belongs to what they are without the change.
    pub because: Vec<String>,
    /// After "nothing reads `key`: ".
    pub why: String,
}

pub(super) fn unread(keys: &[&str], because: &[&str], why: &str) -> Unread {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Unread {
        keys: owned(keys),
        because: owned(because),
        why: why.to_owned(),
    }
}

/// What keys say, without a look at the places that they name.
#[derive(Clone, Copy)]
pub(super) struct Values<'a>(pub &'a Resolution);

impl<'a> Values<'a> {
    pub fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).map(|resolved| &resolved.value)
    }

    pub fn has(self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub fn is_off(self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool) == Some(false)
    }

    pub fn is_zero(self, key: &str) -> bool {
        self.get(key).and_then(as_number) == Some(0.0)
    }

    pub fn says(self, key: &str, word: &str) -> bool {
        self.get(key).and_then(Value::as_str) == Some(word)
    }

    pub fn list(self, key: &str) -> impl Iterator<Item = &'a str> {
        let list = self.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The stages of the training, and what each trains on where it is no file.
    pub fn stages(self) -> impl Iterator<Item = (&'a str, Option<StageData>)> {
        let data = move |stage| {
            let key = format!("{}.data", section_of(stage));
            self.get(&key)?.as_str()?.parse().ok()
        };
        self.list(STAGES).map(move |stage| (stage, data(stage)))
    }

    /// Whether a stage of the training takes a key of `[train]` from there.
    pub fn is_shared(self, name: &str) -> bool {
        let is_of_train = |stage: &str| {
            let resolved = self.0.get(&format!("{}.{name}", section_of(stage)));
            resolved.is_some_and(|r| matches!(r.origin, Origin::Train(_)))
        };
        self.list(STAGES).any(is_of_train)
    }
}
