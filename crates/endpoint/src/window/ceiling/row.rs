//! Refusals that follow each other.

use std::time::{Duration, Instant};

/// So many refusals, each of a request that left after the one before had been refused, with none taken in between, mean that
/// nothing is taken at all for now.
const LONG: u32 = 4;

/// At least so long it is waited for a refusal, and at most.
const SHORTEST_LAG: Duration = Duration::from_millis(5);
const LONGEST_LAG: Duration = Duration::from_secs(1);

/// Refusals without anything taken in between.
#[derive(Debug)]
pub(super) struct Row {
    since: Instant,
    last: Instant,
    length: u32,
    /// Requests that left since.
    sent: u32,
    /// How long it is waited for a refusal: twice as long as the last one took.
    lag: Duration,
    /// What the endpoint was known to let be at once before.
    pub(super) learned: Option<usize>,
}

impl Row {
    pub(super) fn new(now: Instant, learned: Option<usize>) -> Self {
        Self {
            since: now,
            last: now,
            length: 1,
            sent: 0,
            lag: SHORTEST_LAG,
            learned,
        }
    }

    /// One more was refused, that left at `sent`; those that left before the last refusal belong to that one.
    pub(super) fn refused(&mut self, now: Instant, sent: Instant) {
        let lag = now.saturating_duration_since(sent);
        self.lag = (2 * lag).clamp(SHORTEST_LAG, LONGEST_LAG);
        if sent >= self.last && now > self.since {
            self.length += 1;
            self.last = now;
        }
    }

    /// One more leaves. From the second refusal on, whether it is taken is to show before the next one leaves: when that is.
    pub(super) fn sent(&mut self, now: Instant) -> Option<Instant> {
        self.sent += 1;
        (self.length > 1).then(|| now + self.lag)
    }

    /// Whether an answer to what left at `sent` shows that something is taken.
    pub(super) fn is_ended_by(&self, sent: Instant) -> bool {
        sent >= self.since
    }

    /// Refusals in a row, if at least half of what left meanwhile was refused; 1 otherwise.
    pub(super) fn dense_length(&self) -> u32 {
        if 2 * self.length > self.sent {
            self.length
        } else {
            1
        }
    }

    /// Whether more than one was refused, be it that others were taken.
    pub(super) fn is_row(&self) -> bool {
        self.length > 1
    }

    pub(super) fn is_long(&self) -> bool {
        self.dense_length() >= LONG
    }
}
