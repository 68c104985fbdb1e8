//! How many requests may be on their way to one endpoint at once.
//!
//! Two things bound it beside what the user allows: where more of them bring no more work ([`climb`]), and what the endpoint
//! refuses ([`ceiling`]).

mod ceiling;
mod climb;
mod speed;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ceiling::Ceiling;
use climb::{Climb, State};

/// How many are tried first.
const FIRST: usize = 8;

/// Requests that leave within this time may arrive in any order.
const BURST: Duration = Duration::from_millis(5);

/// Of so many bursts the size is known.
const BURSTS: usize = 1024;

#[derive(Debug)]
pub(crate) struct Window {
    in_flight: usize,
    bursts: Bursts,
    climb: Climb,
    ceiling: Ceiling,
}

/// One request on its way.
#[derive(Debug)]
pub(crate) struct Slot {
    sent: Instant,
    /// How many were on their way when it left, it among them.
    at_once: usize,
    burst: u64,
    is_trial: bool,
}

/// How many were on their way at the end of each of the last bursts, less those of it that were refused.
#[derive(Debug, Default)]
struct Bursts {
    began: Option<Instant>,
    /// The number of the newest one.
    number: u64,
    /// Newest first.
    taken: VecDeque<usize>,
}

impl Bursts {
    /// One more leaves as one of so many; the number of its burst.
    fn sent(&mut self, now: Instant, at_once: usize) -> u64 {
        if self.began.is_none_or(|it| now >= it + BURST) {
            self.began = Some(now);
            self.number += 1;
            self.taken.push_front(at_once);
            self.taken.truncate(BURSTS);
        } else if let Some(newest) = self.taken.front_mut() {
            *newest = at_once.max(*newest);
        }
        self.number
    }

    /// One of a burst was refused. How many the endpoint had taken at most, if that is known still.
    fn refused(&mut self, burst: u64) -> Option<usize> {
        let taken = self.taken.get_mut((self.number - burst) as usize)?;
        *taken = taken.saturating_sub(1);
        Some(*taken)
    }
}

/// How a request ended, as far as the number at once goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an answer of so many tokens.
    Answer(u64),
    /// With a refusal for there being too many, and how long to wait if it says so.
    TooMany(Option<Duration>),
    /// Without an answer, though it took time there.
    Wasted,
    /// In a way that says nothing.
    Nothing,
}

impl Window {
    /// Never more than `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            in_flight: 0,
            bursts: Bursts::default(),
            climb: Climb::new(FIRST, most.max(1)),
            ceiling: Ceiling::new(),
        }
    }

    /// How many may be on their way now.
    pub(crate) fn limit(&self, now: Instant) -> usize {
        self.ceiling.limit(now, self.climb.limit())
    }

    /// When the limit rises though nothing ends.
    pub(crate) fn next_event(&self, now: Instant) -> Option<Instant> {
        self.ceiling.next_event(now, self.climb.limit())
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn sent(&mut self, now: Instant) -> Slot {
        self.climb.pass(now, self.in_flight);
        self.in_flight += 1;
        Slot {
            sent: now,
            at_once: self.in_flight,
            burst: self.bursts.sent(now, self.in_flight),
            is_trial: self.ceiling.sent(now, self.in_flight),
        }
    }

    /// A request ended. Says for how long the endpoint is left alone, if it asks for that.
    pub(crate) fn ended(&mut self, now: Instant, slot: &Slot, ending: Ending) -> Option<Duration> {
        self.climb.pass(now, self.in_flight);
        let learned = self.ceiling.learned();
        let state = State {
            is_full: self.in_flight + 1 >= self.limit(now),
            learned,
        };
        let is_bound = learned.is_some_and(|it| it <= self.climb.limit());
        let took = now.saturating_duration_since(slot.sent);
        let mut pause = None;
        match ending {
            Ending::Answer(tokens) => {
                let tokens = tokens.max(1) as f64;
                self.climb.answered(now, tokens, took, state);
                let (sent, at_once) = (slot.sent, slot.at_once);
                let took_more = self.ceiling.answered(now, sent, at_once, slot.is_trial);
                if took_more && is_bound {
                    self.climb.follow(2 * at_once);
                }
            }
            Ending::Wasted => self.climb.answered(now, 0.0, took, state),
            Ending::TooMany(asked) => {
                let taken = self.bursts.refused(slot.burst).unwrap_or(slot.at_once - 1);
                let in_flight = self.in_flight;
                pause = self
                    .ceiling
                    .refused(now, slot.sent, taken, in_flight, asked);
                match self.ceiling.learned().filter(|_| pause.is_none()) {
                    Some(learned) => self.climb.follow(learned + 1),
                    None => self.climb.disturbed(),
                }
            }
            Ending::Nothing => {}
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        pause
    }

    /// The endpoint was away: begins with one request and soon has as many as before.
    pub(crate) fn returned(&mut self, now: Instant) {
        self.ceiling.returned(now);
        self.climb.disturbed();
    }
}
