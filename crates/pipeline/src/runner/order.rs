//! Completions come in any order, and go on in that of their requests, block by block.

use std::collections::{HashMap, VecDeque};

use corpus::{Completion, Request};

use crate::error::{Error, Result};

/// Blocks of requests that are being completed.
#[derive(Default)]
pub(super) struct Order<'a> {
    /// Those that are not whole yet, in the order in which the generator takes them.
    blocks: VecDeque<&'a [Request]>,
    /// Completions that have not gone on yet, by id.
    early: HashMap<String, VecDeque<Completion>>,
    /// How many of an id the first block still lacks.
    missing: HashMap<&'a str, usize>,
}

impl<'a> Order<'a> {
    /// A block will be completed after those before it.
    pub fn expect(&mut self, block: &'a [Request]) {
        self.blocks.push_back(block);
        if self.blocks.len() == 1 {
            self.look();
        }
    }

    /// Sees what the first block lacks.
    fn look(&mut self) {
        self.missing.clear();
        for request in self.blocks.front().copied().unwrap_or_default() {
            *self.missing.entry(&request.id).or_default() += 1;
        }
        let early = &self.early;
        self.missing.retain(|id, lacking| {
            let there = early.get(*id).map_or(0, VecDeque::len);
            *lacking = lacking.saturating_sub(there);
            *lacking > 0
        });
    }

    /// Takes a completion.
    pub fn take(&mut self, completion: Completion) {
        if let Some(lacking) = self.missing.get_mut(completion.id.as_str()) {
            *lacking -= 1;
            if *lacking == 0 {
                self.missing.remove(completion.id.as_str());
            }
        }
        let id = completion.id.clone();
        self.early.entry(id).or_default().push_back(completion);
    }

    /// The completions of the first block, if all of them are there; the next one is the first then.
    pub fn whole(&mut self) -> Result<Option<Vec<Completion>>> {
        if !self.missing.is_empty() {
            return Ok(None);
        }
        let Some(block) = self.blocks.pop_front() else {
            return Ok(None);
        };
        let ordered: Result<Vec<Completion>> = block.iter().map(|one| self.early_of(one)).collect();
        self.look();
        ordered.map(Some)
    }

    fn early_of(&mut self, request: &Request) -> Result<Completion> {
        let own = self.early.get_mut(&request.id);
        own.and_then(VecDeque::pop_front)
            .ok_or_else(|| Error::NoAnswer {
                request: request.id.clone(),
            })
    }

    /// The first request that has no completion is an error.
    pub fn finished(mut self) -> Result<()> {
        for request in self.blocks.front().copied().unwrap_or_default() {
            self.early_of(request)?;
        }
        Ok(())
    }
}
