//! What a reasoned response comes to.

/// What announces a conclusion, in lower case: the paper's "Therefore, the answer is …" (figure 2) and what else
/// `assets/prompts/joiners.toml` joins two answers with.
const CUES: [&str; 7] = [
    "answer is",
    "answer:",
    "leads to the answer",
    "in short:",
    "conclude:",
    "conclusion:",
    "what follows:",
];

/// What stands after the last words that announce an answer; the whole text where nothing announces one or nothing
/// follows.
///
/// ```
/// use evaluation::metrics::conclusion;
/// assert_eq!(conclusion("It is a stew. Therefore, the answer is soup"), "soup");
/// assert_eq!(conclusion("soup"), "soup");
/// ```
pub fn conclusion(text: &str) -> &str {
    // Of equal length, byte by byte.
    let lower = text.to_ascii_lowercase();
    let ends = CUES
        .iter()
        .filter_map(|cue| Some(lower.rfind(cue)? + cue.len()));
    let Some(end) = ends.max() else {
        return text;
    };
    let is_mark = |c: char| c.is_whitespace() || matches!(c, ':' | '*');
    let rest = text[end..].trim_start_matches(is_mark);
    // Bold type around the whole conclusion.
    let rest = rest.trim_end().trim_end_matches("**");
    if rest.is_empty() { text } else { rest }
}

#[cfg(test)]
mod tests {
    use super::conclusion;

    #[test]
    fn reads_what_follows_the_last_announcement() {
        for (text, expected) in [
            ("It is a stew. Therefore, the answer is soup", "soup"),
            ("the answer is a, no, the answer is: b.", "b."),
            ("Reasons.\nAnswer: left lung", "left lung"),
            ("So.\n**Final Answer:** **B**", "B"),
            ("Bones are white. This leads to the answer CT", "CT"),
            ("Observation: red\nWhat follows: apple", "apple"),
            ("I cannot give the answer.", "I cannot give the answer."),
            (
                "Nothing follows the answer is: ",
                "Nothing follows the answer is: ",
            ),
            ("İ: the ANSWER IS İ", "İ"),
            ("soup", "soup"),
            ("", ""),
        ] {
            assert_eq!(conclusion(text), expected, "{text}");
        }
    }
}
