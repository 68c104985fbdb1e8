//! What an endpoint got done in a span of time, and how sure that is.

use std::time::{Duration, Instant};

/// Answers that ended in a span of time, and how many requests were on their way meanwhile.
///
/// Work a second is the mean number on their way times what one of them gets done in a second of its life (Little's law). That is
/// steadier than counting what ended: requests that left together end together, and a count depends on whether the span ends before
/// or after them.
#[derive(Clone, Debug)]
pub(super) struct Speed {
    since: Instant,
    until: Instant,
    /// Requests on their way, times seconds.
    area: f64,
    answers: usize,
    tokens: f64,
    seconds: f64,
    // Sums of squares and products of an answer's tokens and seconds.
    tokens_2: f64,
    seconds_2: f64,
    both: f64,
}

/// How work grows with requests at once: the exponent in "work a second goes as requests to the power of".
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    pub(super) exponent: f64,
    /// Its standard error.
    pub(super) error: f64,
}

impl Speed {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            until: now,
            area: 0.0,
            answers: 0,
            tokens: 0.0,
            seconds: 0.0,
            tokens_2: 0.0,
            seconds_2: 0.0,
            both: 0.0,
        }
    }

    /// So many were on their way until now.
    pub(super) fn pass(&mut self, now: Instant, in_flight: usize) {
        let seconds = now.saturating_duration_since(self.until).as_secs_f64();
        self.area += seconds * in_flight as f64;
        self.until = self.until.max(now);
    }

    /// An answer ended; one without tokens took its time for nothing.
    pub(super) fn count(&mut self, tokens: f64, took: Duration) {
        let seconds = took.as_secs_f64();
        self.answers += 1;
        self.tokens += tokens;
        self.seconds += seconds;
        self.tokens_2 += tokens * tokens;
        self.seconds_2 += seconds * seconds;
        self.both += tokens * seconds;
    }

    pub(super) fn answers(&self) -> usize {
        self.answers
    }

    fn lasted(&self) -> Duration {
        self.until - self.since
    }

    /// Whether the span is long enough to have seen answers come and go, and not just some that ended together.
    pub(super) fn is_a_span(&self) -> bool {
        self.lasted().as_secs_f64() >= 0.5 * self.seconds / self.answers as f64
    }

    /// The mean number on their way; 0 for no time at all.
    pub(super) fn at_once(&self) -> f64 {
        self.area / self.lasted().as_secs_f64().max(1e-9)
    }

    /// What one request gets done in a second.
    pub(super) fn of_one(&self) -> f64 {
        self.tokens / self.seconds
    }

    /// The standard error of [`Self::of_one`], relative: that of a ratio of two sums.
    fn error(&self) -> f64 {
        let ratio = self.of_one();
        let rest = self.tokens_2 - 2.0 * ratio * self.both + ratio * ratio * self.seconds_2;
        // A thousandth of it is what clocks and rounding are trusted with.
        (rest.max(0.0).sqrt() / self.tokens).max(1e-3)
    }

    /// How work grew from these requests at once to those of `other`; none if either did nothing or both are about as many.
    pub(super) fn growth(&self, other: &Self) -> Option<Growth> {
        let wider = (other.at_once() / self.at_once()).ln();
        let faster = (other.of_one() / self.of_one()).ln();
        let error = self.error().hypot(other.error());
        let growth = Growth {
            exponent: 1.0 + faster / wider,
            error: error / wider.abs(),
        };
        (wider.abs() > 0.1 && growth.exponent.is_finite() && error.is_finite()).then_some(growth)
    }

    /// As if both were one span.
    pub(super) fn joined(&self, other: &Self) -> Self {
        Self {
            since: self
                .until
                .checked_sub(self.lasted() + other.lasted())
                .unwrap_or(self.since),
            until: self.until,
            area: self.area + other.area,
            answers: self.answers + other.answers,
            tokens: self.tokens + other.tokens,
            seconds: self.seconds + other.seconds,
            tokens_2: self.tokens_2 + other.tokens_2,
            seconds_2: self.seconds_2 + other.seconds_2,
            both: self.both + other.both,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(at_once: usize, answers: usize, took: f64) -> Speed {
        let start = Instant::now();
        let mut speed = Speed::new(start);
        speed.pass(start + Duration::from_secs(10), at_once);
        for at in 0..answers {
            let tokens = if at % 2 == 0 { 90.0 } else { 110.0 };
            speed.count(tokens, Duration::from_secs_f64(took));
        }
        speed
    }

    #[test]
    fn an_exponent_of_one_is_twice_the_work_with_twice_the_requests_and_zero_is_none() {
        let base = speed(8, 100, 0.5);
        let exponent = |other: &Speed| base.growth(other).expect("a growth").exponent;
        assert!((exponent(&speed(16, 100, 0.5)) - 1.0).abs() < 1e-9);
        assert!(exponent(&speed(16, 100, 1.0)).abs() < 1e-9);
        // Half as many that take half as long get the same done.
        assert!(exponent(&speed(4, 100, 0.25)).abs() < 1e-9);
        assert!(base.growth(&speed(8, 100, 0.5)).is_none());
        assert!(base.growth(&speed(16, 0, 0.5)).is_none());
    }

    #[test]
    fn the_error_falls_with_the_root_of_the_answers() {
        // Tokens of 90 and 110 in equal times: each is off by 10 %, so that 100 answers are off by 1 %.
        assert!((speed(8, 100, 0.5).error() - 0.01).abs() < 1e-9);
        let growth = speed(8, 100, 0.5).growth(&speed(16, 100, 0.5));
        let error = growth.expect("a growth").error;
        assert!((error - 0.01 * 2.0_f64.sqrt() / 2.0_f64.ln()).abs() < 1e-9);
    }
}
