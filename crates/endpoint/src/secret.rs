//! A key that is shown nowhere.

use std::fmt;
use std::sync::Arc;

/// A key of an endpoint. It has no text form: neither `Display` nor serialization, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

/// What stands where a key stood.
const HIDDEN: &str = "***";

/// A part of a key of so many characters or more is hidden too: servers like to quote both ends of a wrong key.
const TELLING: usize = 8;

impl Secret {
    /// Of an environment variable's value; white space around it is no part of a key. None for an empty one.
    pub fn new(value: &str) -> Option<Self> {
        let value = value.trim();
        (!value.is_empty()).then(|| Self(value.into()))
    }

    /// The key itself, for the header of a request and for nothing else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The text without the key.
    ///
    /// ```
    /// let key = endpoint::Secret::new("sk-0123456789abcdef").unwrap();
    /// assert_eq!(key.hidden_in("no such key: sk-0123456789abcdef"), "no such key: ***");
    /// ```
    pub fn hidden_in(&self, text: &str) -> String {
        text.replace(&*self.0, HIDDEN)
    }

    /// The text of an error without the key or any telling part of it.
    ///
    /// ```
    /// let key = endpoint::Secret::new("sk-0123456789abcdef").unwrap();
    /// assert_eq!(key.scrubbed("wrong key: sk-01234****cdef"), "wrong key: *******cdef");
    /// ```
    pub fn scrubbed(&self, text: &str) -> String {
        let key: Vec<char> = self.0.chars().collect();
        let text: Vec<char> = self.hidden_in(text).chars().collect();
        if key.len() < TELLING {
            return text.into_iter().collect();
        }
        let parts: std::collections::HashSet<&[char]> = key.windows(TELLING).collect();
        let mut told = vec![false; text.len()];
        for (at, part) in text.windows(TELLING).enumerate() {
            if parts.contains(part) {
                told[at..at + TELLING].fill(true);
            }
        }
        let mut out = String::new();
        for (at, character) in text.iter().enumerate() {
            match (told[at], at > 0 && told[at - 1]) {
                (false, _) => out.push(*character),
                (true, false) => out.push_str(HIDDEN),
                (true, true) => {}
            }
        }
        out
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HIDDEN)
    }
}
