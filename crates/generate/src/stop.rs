//! Stop strings: found across token boundaries, cut off the text.

/// Tokens before the longest stop string that are decoded with it: the first tokens of a window can decode otherwise
/// than inside of the text (half characters, a leading space).
const MARGIN: usize = 16;

/// Where the earliest of the stop strings begins, in bytes.
pub(crate) fn find(text: &str, stop: &[String]) -> Option<usize> {
    stop.iter().filter_map(|s| text.find(s.as_str())).min()
}

/// Whether the last token completed a stop string. Only the end of the text is decoded, so that a long text costs no
/// more than a short one; a token gives at least one byte, so a stop string spans at most as many tokens as it has bytes.
pub(crate) fn reached(ids: &[i64], stop: &[String], decode: impl Fn(&[i64]) -> String) -> bool {
    let Some(longest) = stop.iter().map(String::len).max() else {
        return false;
    };
    let window = ids.len().saturating_sub(longest + MARGIN);
    find(&decode(&ids[window..]), stop).is_some()
        // A window can hold what the text does not, such as a string that its first token only seems to start.
        && (window == 0 || find(&decode(ids), stop).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(ids: &[i64]) -> String {
        ids.iter().map(|&i| char::from(i as u8)).collect()
    }

    fn check(text: &str, stop: &[&str], expected: bool) {
        let stop: Vec<String> = stop.iter().map(|&s| s.to_owned()).collect();
        let ids: Vec<i64> = text.bytes().map(i64::from).collect();
        assert_eq!(reached(&ids, &stop, letters), expected, "{text}");
    }

    #[test]
    fn is_found_across_tokens() {
        check("an answer\n\nQ:", &["\n\nQ:"], true);
        check("an answer\n\nQ", &["\n\nQ:"], false);
        check(&format!("{}###", "x".repeat(100)), &["---", "###"], true);
        check("anything", &[], false);
    }

    #[test]
    fn the_earliest_one_counts() {
        assert_eq!(find("a--b##", &["##".to_owned(), "--".to_owned()]), Some(1));
    }
}
