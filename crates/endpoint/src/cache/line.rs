//! The lines of a cache: `{"key":"...","sum":"...","answer":...}` with everything but the answer of fixed length, so that
//! a line is found and read without reading its JSON.

use corpus::digest;

const BEFORE_KEY: &[u8] = b"{\"key\":\"";
const BEFORE_SUM: &[u8] = b"\",\"sum\":\"";
const BEFORE_ANSWER: &[u8] = b"\",\"answer\":";
const END: &[u8] = b"}\n";

/// Digits of a key: a SHA-256 in hexadecimal.
const KEY: usize = 64;

/// Digits of a sum: the first half of the SHA-256 of the answer's text.
const SUM: usize = 32;

const ANSWER: usize = BEFORE_KEY.len() + KEY + BEFORE_SUM.len() + SUM + BEFORE_ANSWER.len();

/// The first half of a key: enough to find a line, which then tells the whole.
pub(super) fn short(key: &str) -> Option<u128> {
    let lower = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    if key.len() != KEY || !key.bytes().all(lower) {
        return None;
    }
    u128::from_str_radix(&key[..KEY / 2], 16).ok()
}

/// A line with its end.
pub(super) fn write(key: &str, answer: &[u8]) -> Vec<u8> {
    let sum = format!("{:0SUM$x}", digest::short(answer));
    let parts = [
        BEFORE_KEY,
        key.as_bytes(),
        BEFORE_SUM,
        sum.as_bytes(),
        BEFORE_ANSWER,
        answer,
        END,
    ];
    parts.concat()
}

/// The key of a line that looks whole; its sum is not computed.
pub(super) fn key(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(BEFORE_KEY)?;
    let (key, rest) = rest.split_at_checked(KEY)?;
    let rest = rest.strip_prefix(BEFORE_SUM)?;
    let (_, rest) = rest.split_at_checked(SUM)?;
    let rest = rest.strip_prefix(BEFORE_ANSWER)?;
    rest.strip_suffix(END)?;
    std::str::from_utf8(key).ok()
}

/// The answer's text in a line of a key, if its sum is right.
pub(super) fn answer<'a>(line: &'a [u8], sought: &str) -> Option<&'a [u8]> {
    if key(line)? != sought {
        return None;
    }
    let answer = &line[ANSWER..line.len() - END.len()];
    (line == write(sought, answer)).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    // `printf '%s' '{"a":1}' | sha256sum`
    const SUM_OF_ANSWER: &str = "015abd7f5cc57a2dd94b7590f04ad808";

    fn of(digit: char) -> String {
        digit.to_string().repeat(KEY)
    }

    #[test]
    fn a_line_is_json_with_a_published_sum() {
        let line = write(&of('a'), b"{\"a\":1}");
        let json: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
        assert_eq!(json["key"], of('a'));
        assert_eq!(json["answer"]["a"], 1);
        assert_eq!(json["sum"], SUM_OF_ANSWER);
        assert_eq!(key(&line), Some(of('a').as_str()));
        assert_eq!(answer(&line, &of('a')), Some(&b"{\"a\":1}"[..]));
        assert_eq!(answer(&line, &of('b')), None);
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let whole = write(&of('a'), b"{\"a\":1}");
        for at in 0..whole.len() {
            let mut line = whole.clone();
            line[at] ^= 1;
            assert_eq!(answer(&line, &of('a')), None, "byte {at}");
            assert_eq!(answer(&whole[..at], &of('a')), None, "{at} bytes");
        }
    }

    #[test]
    fn keys_are_digests() {
        assert_eq!(short(&of('0')), Some(0));
        assert_eq!(short(&of('f')), Some(u128::MAX));
        for wrong in ["", "abc", &of('g'), &of('A'), &of('é'), &"é".repeat(32)] {
            assert_eq!(short(wrong), None, "{wrong}");
        }
    }
}
