//! Requests to a model that judges, and reading what it says.
//!
//! [`questions`] says what is asked of which items, [`requests`] words it, [`read`] takes the completions. Items of several sets
//! are shown side by side, so that a judge has something to hold each against, and twice: the second time in the opposite order.
//! An item by itself is shown twice too: the second time with the levels listed from the best to the worst. What that changes is a
//! property of the judge, and [`assess`](crate::assessment::assess) says how large it is.

mod groups;
mod reading;
mod requests;

use serde::{Deserialize, Serialize};

use crate::aspect::Aspect;

pub use groups::questions;
pub use reading::{Reading, Unread, read};
pub use requests::requests;

/// What a judge is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgeOptions {
    /// Of which aspects; items that lack what an aspect is about are left out of it.
    pub aspects: Vec<Aspect>,
    /// Whether every item is shown by itself, even where there are several sets: for a judge whose context holds one picture.
    pub alone: bool,
}

impl Default for JudgeOptions {
    /// All aspects, side by side.
    fn default() -> Self {
        Self {
            aspects: Aspect::ALL.to_vec(),
            alone: false,
        }
    }
}

/// One request: an aspect of some items, asked for the first or second time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Of what.
    pub aspect: Aspect,
    /// 0, or 1 where the order is turned round.
    pub pass: usize,
    /// The items, in the order in which they are shown.
    pub keys: Vec<String>,
    /// Whether all of them have one picture, which is shown once by itself: the answer is that of every item.
    #[serde(default)]
    pub is_shared: bool,
}

impl Question {
    /// The id of its request and completion.
    ///
    /// ```
    /// use quality::{Aspect, judge::Question};
    /// let keys = vec!["k7".to_owned(), "k2".to_owned()];
    /// let question = Question { aspect: Aspect::Accuracy, pass: 1, keys, is_shared: false };
    /// assert_eq!(question.id(), "accuracy/1/k7+k2");
    /// ```
    pub fn id(&self) -> String {
        // A picture may have any number of tasks; the first stands for all.
        let shown = if self.is_shared { 1 } else { self.keys.len() };
        let keys = self.keys[..shown.min(self.keys.len())].join("+");
        format!("{}/{}/{keys}", self.aspect.as_str(), self.pass)
    }

    /// How many answers are asked for.
    pub fn answers(&self) -> usize {
        if self.is_shared { 1 } else { self.keys.len() }
    }
}

#[cfg(test)]
mod tests;
