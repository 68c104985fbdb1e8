//! Jobs that wait for their first or their next try.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use crate::tries::Waiting;

/// Jobs that wait: some may leave, others are due later.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    ready: VecDeque<Waiting>,
    later: BinaryHeap<Reverse<Due>>,
    /// Jobs that were due later so far: of those of one moment the first goes first.
    count: u64,
}

impl Queue {
    /// A job that may leave at once, after those that wait.
    pub fn push(&mut self, waiting: Waiting) {
        self.ready.push_back(waiting);
    }

    /// One that could not leave after all.
    pub fn push_back(&mut self, waiting: Waiting) {
        self.ready.push_front(waiting);
    }

    /// One that rests until then.
    pub fn push_later(&mut self, at: Instant, waiting: Waiting) {
        self.count += 1;
        self.later.push(Reverse(Due(at, self.count, waiting)));
    }

    /// The next that may leave.
    pub fn pop(&mut self, now: Instant) -> Option<Waiting> {
        while self.next_due().is_some_and(|at| at <= now) {
            if let Some(Reverse(Due(_, _, waiting))) = self.later.pop() {
                self.ready.push_back(waiting);
            }
        }
        self.ready.pop_front()
    }

    /// When the first of those that rest is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.later.peek().map(|due| due.0.0)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty()
    }
}

/// When a job is due again; the earliest first.
#[derive(Debug)]
struct Due(Instant, u64, Waiting);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}
