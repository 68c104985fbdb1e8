//! How long an answer asks to wait.
//!
//! `Retry-After` is RFC 9110, section 10.2.3: seconds or a date; some send fractions. Azure adds `retry-after-ms`. OpenAI, Groq and
//! those who follow them send `x-ratelimit-remaining-{requests,tokens}` and `x-ratelimit-reset-{requests,tokens}`, the latter as
//! Go writes a duration (`6m0s`, `7.66s`, `12ms`), Azure as seconds, and some gateways have one `x-ratelimit-reset` for all, with
//! the time of day in seconds or milliseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::date;

/// A number from here on is a time of day in seconds, from there on in milliseconds, and no duration: in seconds it would be 30
/// years.
const EPOCH_SECONDS: f64 = 1e9;
const EPOCH_MILLISECONDS: f64 = 1e11;

/// In seconds.
const LONGEST_RESET: f64 = 60.0;

/// How long the headers of an answer ask to wait: at most `longest`, and none if they say nothing that makes sense. `header` gives
/// the value of a header by its name in lower case.
///
/// When a limit is reset says less than `Retry-After` does, and is asked only without it: it tells when all of it is there again,
/// and one request needs but a part. So it counts for no more than a minute.
pub(crate) fn asked<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    now: SystemTime,
    longest: Duration,
) -> Option<Duration> {
    let milliseconds = || number(header("retry-after-ms")?).map(|it| it / 1000.0);
    let after = || seconds(header("retry-after")?, now);
    let reset = || {
        ["-requests", "-tokens", ""]
            .iter()
            .filter(|kind| {
                // What is left of a limit tells which one it was.
                let left = header(&format!("x-ratelimit-remaining{kind}"));
                left.and_then(number).is_none_or(|it| it == 0.0)
            })
            .filter_map(|kind| seconds(header(&format!("x-ratelimit-reset{kind}"))?, now))
            // Azure says 0 where it does not know.
            .filter(|&it| it > 0.0)
            .max_by(f64::total_cmp)
            .map(|it| it.min(LONGEST_RESET))
    };
    let seconds = milliseconds().or_else(after).or_else(reset)?;
    Some(Duration::try_from_secs_f64(seconds).map_or(longest, |it| it.min(longest)))
}

/// A plain number that is no less than 0.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_plain = text.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    text.parse().ok().filter(|_| is_plain)
}

/// Seconds from now on, whichever way they are written.
fn seconds(text: &str, now: SystemTime) -> Option<f64> {
    let until = |at: f64| {
        let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
        Some((at - now).max(0.0))
    };
    match number(text) {
        Some(at) if at >= EPOCH_MILLISECONDS => until(at / 1000.0),
        Some(at) if at >= EPOCH_SECONDS => until(at),
        Some(seconds) => Some(seconds),
        None => duration(text).or_else(|| until(date::since_1970(text)? as f64)),
    }
}

/// As Go writes a duration: numbers, each with its unit, such as `1h2m3.5s`.
fn duration(text: &str) -> Option<f64> {
    let (mut rest, mut seconds) = (text.trim(), 0.0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let unit = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let value = number(rest.get(..unit)?)?;
        rest = &rest[unit..];
        let next = rest.find(|it: char| it.is_ascii_digit());
        let (unit, after) = rest.split_at(next.unwrap_or(rest.len()));
        seconds += value
            * match unit {
                "d" => 86_400.0,
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" | "μs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = after;
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the time of the examples in RFC 9110, in seconds since 1970.
    const THEN: u64 = 784_111_777;

    fn check(headers: &[(&str, &str)], expected: Option<f64>) {
        let now = UNIX_EPOCH + Duration::from_secs(THEN);
        let header = |name: &str| headers.iter().find(|it| it.0 == name).map(|it| it.1);
        let found = asked(header, now, Duration::from_mins(10)).map(|it| it.as_secs_f64());
        let is_equal = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-6,
            (found, expected) => found == expected,
        };
        assert!(is_equal, "{headers:?}: {found:?} for {expected:?}");
    }

    #[test]
    fn reads_retry_after_in_seconds_fractions_and_dates() {
        check(&[], None);
        check(&[("retry-after", "0")], Some(0.0));
        check(&[("retry-after", "120")], Some(120.0));
        check(&[("retry-after", " 1.5 ")], Some(1.5));
        check(&[("retry-after", "20s")], Some(20.0));
        check(
            &[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")],
            Some(30.0),
        );
        check(
            &[("retry-after", "Sunday, 06-Nov-94 08:50:07 GMT")],
            Some(30.0),
        );
        check(&[("retry-after", "Sun Nov  6 08:50:07 1994")], Some(30.0));
        check(
            &[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")],
            Some(0.0),
        );
        check(&[("retry-after", "784111800")], Some(600.0));
        check(&[("retry-after", "1784111777")], Some(600.0));
    }

    #[test]
    fn nonsense_says_nothing_and_what_is_absurd_is_capped() {
        for nonsense in [
            "",
            "soon",
            "-5",
            "1e3",
            "NaN",
            "inf",
            "1.2.3",
            "5 minutes",
            "s",
            "5x",
        ] {
            check(&[("retry-after", nonsense)], None);
        }
        check(&[("retry-after", "99 Nov 1994 08:50:07 GMT")], None);
        check(&[("retry-after", "Sun, 31 Feb 1994 25:50:07 GMT")], None);
        check(&[("retry-after", "86400")], Some(600.0));
        check(
            &[("retry-after", "99999999999999999999999999")],
            Some(600.0),
        );
        check(
            &[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")],
            Some(600.0),
        );
        check(
            &[("retry-after-ms", "99999999999999999999999999")],
            Some(600.0),
        );
    }

    #[test]
    fn milliseconds_go_before_seconds_and_nonsense_before_neither() {
        check(
            &[("retry-after-ms", "250"), ("retry-after", "1")],
            Some(0.25),
        );
        check(&[("retry-after-ms", "x"), ("retry-after", "1")], Some(1.0));
    }

    #[test]
    fn reads_when_limits_are_reset() {
        // As the documentation of OpenAI shows them, and as Groq's does.
        check(&[("x-ratelimit-reset-tokens", "6m0s")], Some(60.0));
        check(&[("x-ratelimit-reset-requests", "12ms")], Some(0.012));
        check(&[("x-ratelimit-reset-requests", "0m59.56s")], Some(59.56));
        check(&[("x-ratelimit-reset-tokens", "7.66s")], Some(7.66));
        check(&[("x-ratelimit-reset-requests", "1h2m3s")], Some(60.0));
        // Azure: seconds, and 0 beside -1 where it does not know.
        check(&[("x-ratelimit-reset-tokens", "37")], Some(37.0));
        let unknown = [
            ("x-ratelimit-remaining-tokens", "-1"),
            ("x-ratelimit-reset-tokens", "0"),
        ];
        check(&unknown, None);
        // Gateways: the time of day, in seconds or in milliseconds.
        check(&[("x-ratelimit-reset", "1000000000")], Some(60.0));
        let later = ((THEN + 40) * 1000).to_string();
        check(&[("x-ratelimit-reset", &later)], Some(40.0));
        check(&[("x-ratelimit-reset", "45")], Some(45.0));
    }

    #[test]
    fn the_limit_that_is_used_up_counts() {
        let mut headers = [
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "5m"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "8s"),
        ];
        check(&headers, Some(8.0));
        headers[2].1 = "12";
        check(&headers, None);
        headers[0].1 = "0";
        check(&headers, Some(60.0));
    }
}
