//! How much of the answers stands in the caption.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::percent::percent;
use super::spread::{Spread, Tally};

/// What of the answers is the caption's, over the items whose caption is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Copied {
    /// Percent of an item's words that stand in the caption, in whole percent: of both answers of a triplet, of all responses of
    /// a conversation. The complement of the complexity that `synthesis::quality` measures.
    pub words: Spread,
    /// The mean of the same, not rounded.
    pub mean: f64,
    /// Answers that are a part of the caption, word for word in a row.
    pub literal: Vec<Literal>,
}

/// Answers of one kind that are a part of the caption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Literal {
    /// `informative` and `precise` of triplets, `response` of conversations.
    pub answers: String,
    /// Of how many.
    pub of: usize,
    /// How many.
    pub count: usize,
    /// In percent.
    pub percent: f64,
}

#[derive(Default)]
pub(super) struct Copying {
    tally: Tally,
    sum: f64,
    items: usize,
    informative: (usize, usize),
    precise: (usize, usize),
    response: (usize, usize),
}

impl Copying {
    /// A triplet, by the words of its caption and of both answers.
    pub(super) fn triplet(&mut self, caption: &[u64], informative: &[u64], precise: &[u64]) {
        tell(&mut self.informative, caption, informative);
        tell(&mut self.precise, caption, precise);
        self.share(caption, informative.iter().chain(precise));
    }

    /// A conversation.
    pub(super) fn responses(&mut self, caption: &[u64], responses: &[Vec<u64>]) {
        for response in responses {
            tell(&mut self.response, caption, response);
        }
        self.share(caption, responses.iter().flatten());
    }

    fn share<'a>(&mut self, caption: &[u64], words: impl Iterator<Item = &'a u64>) {
        let known: HashSet<&u64> = caption.iter().collect();
        let (mut total, mut copied) = (0, 0);
        for word in words {
            total += 1;
            copied += usize::from(known.contains(word));
        }
        if total > 0 {
            let share = percent(copied, total);
            self.tally.add(share.round() as usize);
            self.sum += share;
            self.items += 1;
        }
    }

    pub(super) fn finish(self) -> Option<Copied> {
        if self.items == 0 {
            return None;
        }
        let kinds = [
            ("informative", self.informative),
            ("precise", self.precise),
            ("response", self.response),
        ];
        let literal = |(name, (count, of)): (&str, (usize, usize))| Literal {
            answers: name.to_owned(),
            of,
            count,
            percent: percent(count, of),
        };
        let there = kinds.into_iter().filter(|(_, (_, of))| *of > 0);
        Some(Copied {
            words: self.tally.spread(),
            mean: self.sum / self.items as f64,
            literal: there.map(literal).collect(),
        })
    }
}

/// Counts an answer with words, and whether it is a part of the caption.
fn tell((count, of): &mut (usize, usize), caption: &[u64], answer: &[u64]) {
    if answer.is_empty() {
        return;
    }
    *of += 1;
    *count += usize::from(caption.windows(answer.len()).any(|part| part == answer));
}
