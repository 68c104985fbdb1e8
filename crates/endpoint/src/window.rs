//! How many requests may be on their way to one endpoint at once.

use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Window {
    limit: usize,
    in_flight: usize,
}

#[derive(Debug)]
pub(crate) struct Slot {}

impl Window {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            limit: most.clamp(1, 8),
            in_flight: 0,
        }
    }

    pub(crate) fn has_room(&self, _now: Instant) -> bool {
        self.in_flight < self.limit
    }

    pub(crate) fn sent(&mut self, _now: Instant) -> Slot {
        self.in_flight += 1;
        Slot {}
    }

    pub(crate) fn abandoned(&mut self, _now: Instant, _slot: Slot) {
        self.in_flight -= 1;
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }
}
