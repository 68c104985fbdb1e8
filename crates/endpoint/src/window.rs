//! How many requests may be on their way to one endpoint at once.
//!
//! Two things bound it beside what the user allows: where more of them bring no more work ([`climb`]), and what the endpoint
//! refuses ([`ceiling`]).

mod ceiling;
mod climb;
mod speed;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ceiling::{Ceiling, Refusal};
use climb::{Climb, State};

/// How many are tried first.
const FIRST: usize = 8;

/// Requests that leave within this time may arrive in any order.
const BURST: Duration = Duration::from_millis(5);

/// Of so many bursts the size is known.
const BURSTS: usize = 1024;

/// An answer counts as no more tokens, whatever its endpoint says.
const MOST_TOKENS: u64 = 1_000_000;

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
        let limit = self.limit(now);
        let state = State {
            is_full: limit > 0 && self.in_flight >= limit,
            learned,
        };
        let is_bound = learned.is_some_and(|it| it <= self.climb.limit());
        let took = now.saturating_duration_since(slot.sent);
        let mut pause = None;
        match ending {
            Ending::Answer(tokens) => {
                let tokens = tokens.clamp(1, MOST_TOKENS) as f64;
                self.climb.answered(now, tokens, took, state);
                let (sent, at_once) = (slot.sent, slot.at_once);
                let took_more = self.ceiling.answered(now, sent, at_once, slot.is_trial);
                if took_more && is_bound {
                    self.climb.follow(2 * at_once);
                }
            }
            Ending::Wasted => self.climb.answered(now, 0.0, took, state),
            Ending::TooMany(asked) => {
                let taken = self.bursts.refused(slot.burst);
                let refusal = Refusal {
                    sent: slot.sent,
                    taken: taken.unwrap_or(slot.at_once - 1),
                    is_alone: self.in_flight <= 1,
                    asked,
                };
                pause = self.ceiling.refused(now, refusal);
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

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Ending = Ending::TooMany(None);

    /// Some requests that leave at once.
    fn burst(window: &mut Window, now: Instant, requests: usize) -> Vec<Slot> {
        (0..requests).map(|_| window.sent(now)).collect()
    }

    fn after(now: Instant, milliseconds: u64) -> Instant {
        now + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_burst_of_eight_of_which_any_three_are_refused_teaches_five() {
        for refused in [[0, 1, 2], [1, 4, 6], [5, 6, 7]] {
            let (start, mut window) = (Instant::now(), Window::new(256));
            let slots = burst(&mut window, start, 8);
            for at in refused {
                window.ended(after(start, 20), &slots[at], REFUSED);
            }
            assert_eq!(window.limit(after(start, 20)), 5);
            assert_eq!(window.in_flight(), 5);
        }
    }

    #[test]
    fn one_more_is_tried_five_seconds_after_a_refusal_and_stays_if_it_is_taken() {
        let (start, mut window) = (Instant::now(), Window::new(4));
        let slots = burst(&mut window, start, 4);
        let mut now = after(start, 1);
        window.ended(now, &slots[3], REFUSED);
        assert_eq!(window.limit(now), 3);
        let mut on_way: VecDeque<Slot> = slots.into_iter().take(3).collect();
        let mut answer = |now: Instant, window: &mut Window, left: usize| {
            let slot = on_way.pop_front().expect("one is on its way");
            window.ended(now, &slot, Ending::Answer(100));
            while on_way.len() < left && window.in_flight() < window.limit(now) {
                on_way.push_back(window.sent(now));
            }
            window.in_flight()
        };
        // Ten a second for five seconds.
        for _ in 0..49 {
            now = after(now, 100);
            assert_eq!(answer(now, &mut window, 9), 3);
        }
        now = after(now, 100);
        assert_eq!(answer(now, &mut window, 9), 4, "the user allows four");
        assert_eq!(window.limit(now), 3, "until it is answered");
        // The three that left before it come first.
        for _ in 0..3 {
            now = after(now, 100);
            answer(now, &mut window, 9);
        }
        now = after(now, 100);
        answer(now, &mut window, 9);
        assert_eq!(window.limit(now), 4);
    }

    #[test]
    fn four_refusals_one_after_the_other_are_a_pause_of_a_second_and_then_of_two() {
        let (start, mut window) = (Instant::now(), Window::new(256));
        let old = burst(&mut window, start, 4);
        let mut now = after(start, 100);
        for expected in [1, 2] {
            let mut pauses = Vec::new();
            for _ in 0..4 {
                let slot = window.sent(now);
                now = after(now, 1);
                pauses.push(window.ended(now, &slot, REFUSED));
                now = after(now, 1000);
            }
            // The last thing that happened before the last second passed.
            let refused_at = now.checked_sub(Duration::from_secs(1)).unwrap();
            let pause = Duration::from_secs(expected);
            assert_eq!(pauses, [None, None, None, Some(pause)]);
            assert_eq!(window.limit(after(refused_at, 1000 * expected - 1)), 0);
            assert_eq!(window.limit(after(refused_at, 1000 * expected)), 1);
            now = after(now, 5000);
            assert_eq!(window.limit(now), 8, "what was known before holds again");
        }
        drop(old);
    }
}
