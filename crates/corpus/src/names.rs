//! Many short texts in little memory: ids of records, names of groups.
//!
//! A text takes its bytes and eight more, one that can be looked up about ten beside these. Texts are compared themselves,
//! never by their hashes alone.
//!
//! ```
//! use corpus::names::Names;
//! let mut names = Names::default();
//! assert_eq!(names.add("a"), (0, true));
//! assert_eq!(names.add("b"), (1, true));
//! assert_eq!(names.add("a"), (0, false));
//! assert_eq!((names.find("b"), names.find("c")), (Some(1), None));
//! assert_eq!(names.get(1), "b");
//! ```

use std::hash::{BuildHasher as _, RandomState};

/// Texts in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    all: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Texts {
    /// Adds one at the end.
    pub fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text at a place, which has to be one below [`Texts::len`].
    pub fn get(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start..self.ends[place]]
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|place| self.get(place))
    }
}

impl<'a> FromIterator<&'a str> for Texts {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut all = Self::default();
        for text in texts {
            all.push(text);
        }
        all
    }
}

/// Different texts, each with a number from 0 in the order in which they first came.
#[derive(Clone, Debug, Default)]
pub struct Names {
    texts: Texts,
    /// By the hashes of the texts: their numbers from 1, each in the first free slot from its own on; 0 is a free one.
    slots: Vec<u32>,
    hasher: RandomState,
}

impl Names {
    /// The number of a name, which is a new one if nobody had the name before, and whether that is so.
    ///
    /// # Panics
    ///
    /// If there are 2^32 of them: they would take more than a hundred gigabytes.
    pub fn add(&mut self, name: &str) -> (usize, bool) {
        // A third of the slots stays free, so that few are looked at.
        if 3 * (self.texts.len() + 1) > 2 * self.slots.len() {
            self.grow();
        }
        let slot = self.slot(name);
        if let Some(known) = number(self.slots[slot]) {
            return (known, false);
        }
        let new = self.texts.len();
        self.texts.push(name);
        self.slots[slot] = u32::try_from(new + 1).expect("fewer than 2^32 names");
        (new, true)
    }

    /// The number of a name, if it was added.
    pub fn find(&self, name: &str) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        number(self.slots[self.slot(name)])
    }

    /// The name of a number that was given.
    pub fn get(&self, number: usize) -> &str {
        self.texts.get(number)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The slot of a name, or the free one where it belongs. There has to be a free one.
    fn slot(&self, name: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(name) as usize & mask;
        while let Some(other) = number(self.slots[slot])
            && self.texts.get(other) != name
        {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        // A power of two, so that a slot is some bits of a hash.
        let slots = (2 * self.slots.len()).max(16);
        self.slots = vec![0; slots];
        for known in 0..self.texts.len() {
            let slot = self.slot(self.texts.get(known));
            self.slots[slot] = u32::try_from(known + 1).expect("fewer than 2^32 names");
        }
    }
}

/// The number in a slot.
fn number(slot: u32) -> Option<usize> {
    slot.checked_sub(1).map(|number| number as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_keeps_its_number() {
        let mut names = Names::default();
        assert_eq!(names.find(""), None);
        for round in 0..2 {
            for at in 0..5000 {
                let name = format!("n{at}");
                assert_eq!(names.add(&name), (at, round == 0));
            }
        }
        assert_eq!(names.add(""), (5000, true));
        assert_eq!((names.len(), names.find("n4999")), (5001, Some(4999)));
        assert_eq!(names.find("n5000"), None);
        assert!((0..5000).all(|at| names.get(at) == format!("n{at}")));
    }

    #[test]
    fn texts_may_be_empty_and_come_twice() {
        let texts: Texts = ["", "ab", "", "c", "ab"].into_iter().collect();
        assert_eq!(texts.iter().collect::<Vec<_>>(), ["", "ab", "", "c", "ab"]);
        assert_eq!((texts.len(), texts.get(4)), (5, "ab"));
    }
}
