//! A time in which nothing is sent, and the gentle beginning after it.

use std::time::{Duration, Instant};

/// After a pause one may go, and twice as many each time this has passed without a refusal.
const DOUBLES: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Pause {
    pub(super) ends: Instant,
}

impl Pause {
    /// How many may be on their way by now. The number grows evenly, so that not many leave at the same moment.
    pub(super) fn allows(&self, now: Instant) -> usize {
        if now < self.ends {
            return 0;
        }
        let doublings = (now - self.ends).as_secs_f64() / DOUBLES.as_secs_f64();
        doublings.min(30.0).exp2() as usize
    }

    /// When it allows more than now, if it allows less than `wanted`.
    pub(super) fn allows_more(&self, now: Instant, wanted: usize) -> Option<Instant> {
        let allowed = self.allows(now);
        if allowed == 0 {
            return Some(self.ends);
        }
        let doublings = (allowed as f64 + 1.0).log2();
        // A little later, so that rounding does not make it one less.
        let at = self.ends + DOUBLES.mul_f64(doublings) + Duration::from_micros(1);
        (allowed < wanted).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_one_at_its_end_and_doubles_twice_a_second() {
        let start = Instant::now();
        let ends = start + Duration::from_secs(1);
        let pause = Pause { ends };
        let mut now = ends;
        assert_eq!(pause.allows(start), 0);
        assert_eq!(pause.allows_more(start, 9), Some(ends));
        for allowed in 1..9 {
            assert_eq!(pause.allows(now), allowed);
            now = pause.allows_more(now, 9).expect("more to come");
        }
        assert_eq!(pause.allows_more(now, 9), None);
        assert_eq!(pause.allows(ends + Duration::from_millis(1500)), 8);
        assert_eq!(pause.allows(ends + Duration::from_hours(1)), 1 << 30);
    }
}
