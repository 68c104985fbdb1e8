//! When a request is tried again, and what an endpoint says of it in the headers of its answer.

mod date;
mod headers;

use std::time::Duration;

use corpus::seed::{self, Rng};

pub(crate) use headers::asked;

/// The longest pause after the first try; it doubles with each one.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause; an endpoint may ask for a longer one.
const LONGEST: Duration = Duration::from_secs(30);

/// Up to this share more than what an endpoint asks for: else all that were told the same come back at the same moment.
const SPREAD: f64 = 0.1;

/// How long a request rests before its next try: drawn evenly between nothing and 0.5 s, 1 s, 2 s .. 30 s after 1, 2, 3 .. tries
/// ("full jitter"), and no less than the endpoint asked for.
///
/// The draw is a function of the run's seed, the request's id and the number of tries.
pub(crate) fn pause(seed: u64, id: &str, tries: u32, retry_after: Option<Duration>) -> Duration {
    let mut rng = Rng::new(seed::hash(seed.wrapping_add(u64::from(tries)), id));
    let doubled = 1_u32 << tries.saturating_sub(1).min(16);
    let drawn = (FIRST * doubled).min(LONGEST).mul_f64(rng.unit());
    let Some(asked) = retry_after else {
        return drawn;
    };
    let spread = asked.min(LONGEST).mul_f64(SPREAD * rng.unit());
    drawn.max(asked.saturating_add(spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_drawn_below_a_bound_that_doubles_up_to_half_a_minute() {
        for (tries, most) in [
            (1, 0.5),
            (2, 1.0),
            (3, 2.0),
            (6, 16.0),
            (7, 30.0),
            (99, 30.0),
        ] {
            let drawn = (0..2000).map(|id| pause(3, &id.to_string(), tries, None).as_secs_f64());
            let drawn: Vec<f64> = drawn.collect();
            let mean = drawn.iter().sum::<f64>() / 2000.0;
            assert!(drawn.iter().all(|it| (0.0..most).contains(it)));
            // The mean of 2000 even draws is off by 0.65 % of the bound; this is five times as much.
            assert!((mean / most - 0.5).abs() < 0.0325, "{mean} of {most}");
        }
    }

    #[test]
    fn the_same_request_and_try_draw_the_same_and_others_do_not() {
        assert_eq!(pause(3, "a", 2, None), pause(3, "a", 2, None));
        assert_ne!(pause(3, "a", 2, None), pause(3, "b", 2, None));
        assert_ne!(pause(3, "a", 7, None), pause(3, "a", 8, None));
        assert_ne!(pause(3, "a", 2, None), pause(4, "a", 2, None));
    }

    #[test]
    fn what_an_endpoint_asks_for_is_kept_and_those_that_were_told_the_same_come_apart() {
        for asked in [1, 20, 600] {
            let asked = Duration::from_secs(asked);
            let pauses: Vec<_> = (0..100)
                .map(|id| pause(3, &id.to_string(), 1, Some(asked)))
                .collect();
            let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
            assert!(*least >= asked);
            assert!(*most <= asked + Duration::from_secs(3).min(asked / 10));
            assert!(*most > *least + asked.min(Duration::from_secs(30)) / 20);
        }
        assert_eq!(
            pause(3, "a", 9, Some(Duration::ZERO)),
            pause(3, "a", 9, None)
        );
    }
}
