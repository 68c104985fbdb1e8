//! How many requests and tokens a minute may go to one endpoint.

use std::time::{Duration, Instant};

use crate::settings::Limits;

/// What a minute may hold, and how much of it is left: a bucket of requests and one of tokens, filled evenly.
///
/// A bucket holds what a second is to see, and that is taken off the flow, so that no minute, wherever it begins, sees more than
/// its limit.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

/// A debt is paid off after this many seconds at the latest: an endpoint may count a request's tokens as many as it likes.
const LONGEST_DEBT: f64 = 300.0;

/// A wait is never said to be shorter, so that rounding cannot make a caller turn on the spot.
const LEAST: Duration = Duration::from_millis(1);

impl Rates {
    /// As `limits` say; full at the start.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            requests: limits.requests_per_minute.map(Bucket::new),
            tokens: limits.tokens_per_minute.map(Bucket::new),
        }
    }

    /// How long a request of so many tokens has to wait; none if it may go now.
    ///
    /// One that is larger than the whole bucket goes when the bucket is full: it would never go otherwise, and what follows it waits
    /// the longer.
    pub(crate) fn wait(&mut self, now: Instant, tokens: u64) -> Option<Duration> {
        let requests = self.requests.as_mut().and_then(|it| it.wait(now, 1.0));
        let wanted = tokens as f64;
        let tokens = self.tokens.as_mut().and_then(|it| it.wait(now, wanted));
        requests.max(tokens)
    }

    /// A request of so many tokens goes.
    pub(crate) fn take(&mut self, now: Instant, tokens: u64) {
        if let Some(bucket) = &mut self.requests {
            bucket.take(now, 1.0);
        }
        if let Some(bucket) = &mut self.tokens {
            bucket.take(now, tokens as f64);
        }
    }

    /// A request was taken to have so many tokens and had others.
    pub(crate) fn correct(&mut self, now: Instant, taken: u64, found: u64) {
        if let Some(bucket) = &mut self.tokens {
            bucket.take(now, found as f64 - taken as f64);
        }
    }
}

#[derive(Clone, Debug)]
struct Bucket {
    a_second: f64,
    holds: f64,
    /// Below nothing while a large one is paid off.
    left: f64,
    filled: Option<Instant>,
}

impl Bucket {
    fn new(a_minute: u64) -> Self {
        let a_minute = a_minute.max(1) as f64;
        let holds = (a_minute / 60.0).max(1.0);
        // A minute sees what is in the bucket and what flows, less the one whose time is when the next minute begins. A thousandth
        // is for a server whose clock runs otherwise.
        let a_second = 0.999 * (a_minute - holds + 1.0) / 60.0;
        Self {
            a_second,
            holds,
            left: holds,
            filled: None,
        }
    }

    fn fill(&mut self, now: Instant) {
        let filled = self.filled.replace(now).unwrap_or(now);
        let seconds = now.saturating_duration_since(filled).as_secs_f64();
        self.left = self.holds.min(self.left + seconds * self.a_second);
    }

    fn wait(&mut self, now: Instant, wanted: f64) -> Option<Duration> {
        self.fill(now);
        let missing = wanted.min(self.holds) - self.left;
        // What the filling in small steps loses to rounding is no reason to wait.
        (missing > 1e-6)
            .then(|| Duration::from_secs_f64(missing / self.a_second))
            .map(|wait| wait.max(LEAST))
    }

    fn take(&mut self, now: Instant, amount: f64) {
        self.fill(now);
        let least = -LONGEST_DEBT * self.a_second;
        self.left = (self.left - amount).clamp(least, self.holds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(requests: Option<u64>, tokens: Option<u64>) -> Limits {
        Limits {
            requests_per_minute: requests,
            tokens_per_minute: tokens,
            ..Limits::default()
        }
    }

    /// When each of a row of requests goes, in seconds, if each goes as soon as it may.
    fn times(limits: &Limits, requests: usize, tokens: u64) -> Vec<f64> {
        let (start, mut rates) = (Instant::now(), Rates::new(limits));
        let mut now = start;
        let mut went = Vec::new();
        for _ in 0..requests {
            if let Some(wait) = rates.wait(now, tokens) {
                now += wait;
            }
            assert_eq!(rates.wait(now, tokens), None);
            rates.take(now, tokens);
            went.push((now - start).as_secs_f64());
        }
        went
    }

    /// The most that any minute of them held.
    fn most_a_minute(went: &[f64]) -> usize {
        let until = |at: usize| went.partition_point(|&it| it < went[at] + 60.0);
        (0..went.len()).map(|at| until(at) - at).max().unwrap()
    }

    #[test]
    fn without_limits_nothing_waits() {
        assert!(times(&limits(None, None), 1000, 1_000_000)[999] <= 0.0);
    }

    #[test]
    fn no_minute_holds_more_than_its_limit_and_none_much_less() {
        for a_minute in [1, 7, 60, 600, 10_000] {
            let went = times(&limits(Some(a_minute), None), 4 * a_minute as usize, 1);
            let most = most_a_minute(&went);
            assert!(most <= a_minute as usize, "{most} of {a_minute}");
            let rate = went.len() as f64 / (went[went.len() - 1] / 60.0).max(1.0);
            assert!(rate >= 0.95 * a_minute as f64, "{rate} of {a_minute}");
        }
    }

    #[test]
    fn tokens_are_counted_and_a_request_larger_than_a_burst_still_goes() {
        // 6000 a minute: 100 in the bucket, 0.999 * 5901 / 60 a second. The first goes at once and leaves a debt of 400; the second
        // goes when the bucket is full again, 500 later.
        let went = times(&limits(None, Some(6000)), 3, 500);
        let apart = 500.0 / 98.25165;
        assert!(went[0] <= 0.0);
        assert!((went[1] - apart).abs() < 0.01, "{went:?}");
        assert!((went[2] - 2.0 * apart).abs() < 0.01, "{went:?}");
    }

    #[test]
    fn what_was_taken_too_much_is_given_back() {
        let (now, mut rates) = (Instant::now(), Rates::new(&limits(None, Some(6000))));
        rates.take(now, 100);
        assert!(rates.wait(now, 50).is_some());
        rates.correct(now, 100, 40);
        assert_eq!(rates.wait(now, 50), None);
        rates.correct(now, 40, 5000);
        let wait = rates.wait(now, 100).expect("a debt of 4900");
        assert!((wait.as_secs_f64() - 5000.0 / 98.25165).abs() < 0.01);
    }

    #[test]
    fn a_count_that_cannot_be_stops_an_endpoint_for_five_minutes_at_most() {
        let (now, mut rates) = (Instant::now(), Rates::new(&limits(None, Some(6000))));
        rates.take(now, 100);
        rates.correct(now, 100, u64::MAX);
        let wait = rates.wait(now, 0).expect("a debt");
        assert!(wait <= Duration::from_secs(301), "{wait:?}");
    }
}
