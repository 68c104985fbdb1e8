//! When and how more than an endpoint is known to take is tried.

use std::time::{Duration, Instant};

/// How long it takes until one more is tried, at first and after many that were refused, and how many answers: slow endpoints are
/// not to be asked in vain for every tenth request.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(30);
const ANSWERS: usize = 150;

/// After a refusal of as many as were taken before, the limit may have been lower for a moment only, and fewer answers have to do.
const ANSWERS_AFTER_FALL: usize = 10;

/// A refusal within this time shows that what was taken last was taken as an exception.
const HOLDS: Duration = Duration::from_secs(30);

/// So long trials go up by one each after that, except up to what would take long and 40 % of what was taken lately.
const CAREFUL: Duration = Duration::from_mins(2);
const FEW: usize = 8;
const KNOWN: f64 = 0.4;

/// How more than was learned is tried.
#[derive(Debug)]
pub(super) struct Trial {
    /// How many more; doubled as long as they are taken.
    step: usize,
    /// How many of them may still leave.
    left: usize,
    wait: Duration,
    not_before: Option<Instant>,
    /// Answers since the last one, and how many there have to be.
    answers: usize,
    needed: usize,
    /// When more was taken last.
    raised: Option<Instant>,
    /// Until when it goes up by one only.
    careful: Option<Instant>,
}

impl Trial {
    pub(super) fn new() -> Self {
        Self {
            step: 1,
            left: 0,
            wait: FIRST,
            not_before: None,
            answers: 0,
            needed: ANSWERS,
            raised: None,
            careful: None,
        }
    }

    /// How many more may be on their way now.
    pub(super) fn allows(&self, now: Instant) -> usize {
        let is_due = self.answers >= self.needed && self.not_before.is_some_and(|it| now >= it);
        if self.left > 0 || is_due {
            self.step
        } else {
            0
        }
    }

    /// When it allows more, if nothing but time is missing.
    pub(super) fn allows_more(&self, now: Instant) -> Option<Instant> {
        let is_near = self.answers >= self.needed;
        self.not_before.filter(|&it| is_near && it > now)
    }

    /// One of more than was learned leaves.
    pub(super) fn sent(&mut self, now: Instant) {
        if self.left == 0 {
            self.left = self.step;
        }
        self.left -= 1;
        self.put_off(now);
    }

    /// Whatever was answered.
    pub(super) fn answered(&mut self) {
        self.answers += 1;
    }

    /// One of more than was learned, which was so many, was answered. `proved` is what was taken lately.
    pub(super) fn taken(&mut self, now: Instant, learned: usize, proved: usize) {
        let is_known = learned < FEW || (learned as f64) < KNOWN * proved as f64;
        if self.careful.is_some_and(|it| now < it) && !is_known {
            self.put_off(now);
        } else {
            self.step *= 2;
            self.left = self.step;
        }
        self.raised = Some(now);
    }

    /// What was taken last may have been an exception, as where requests a second run out: be careful, if it is so.
    pub(super) fn beware(&mut self, now: Instant) {
        if self.was_raised(now) {
            self.careful = Some(now + CAREFUL);
        }
    }

    /// The first refusal after a while. `is_less` says that less is taken than before.
    pub(super) fn refused(&mut self, now: Instant, is_less: bool) {
        (self.wait, self.needed) = if is_less && !self.was_raised(now) {
            (FIRST, ANSWERS_AFTER_FALL)
        } else {
            ((2 * self.wait).min(LONGEST), ANSWERS)
        };
    }

    fn was_raised(&self, now: Instant) -> bool {
        self.raised.is_some_and(|it| now < it + HOLDS)
    }

    /// Whatever was under way is over.
    pub(super) fn stop(&mut self) {
        self.step = 1;
        self.left = 0;
    }

    /// It is time to wait again.
    pub(super) fn put_off(&mut self, now: Instant) {
        self.not_before = Some(now + self.wait);
        self.answers = 0;
    }
}
