//! Small operations on text that several steps share: image marks, templates, normal forms.

use corpus::IMAGE_MARK;

/// The text without image marks, trimmed; one space or line break beside a mark goes with it.
///
/// ```
/// assert_eq!(synthesis::text::without_marks("<image>\nWhat is <image> this?"), "What is this?");
/// ```
pub fn without_marks(text: &str) -> String {
    let mut text = text.trim().to_owned();
    // Taking one mark out may join its surroundings into another, hence the loop.
    while let Some(start) = text.find(IMAGE_MARK) {
        let after = &text[start + IMAGE_MARK.len()..];
        let open = text[..start]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace);
        let after = if open {
            after.strip_prefix([' ', '\n']).unwrap_or(after)
        } else {
            after
        };
        let joined = format!("{}{after}", &text[..start]);
        joined.trim().clone_into(&mut text);
    }
    text
}

/// One mark an image, a line break, and the request without marks of its own.
pub fn with_marks(num_images: usize, request: &str) -> String {
    let request = without_marks(request);
    if num_images == 0 {
        return request;
    }
    format!("{}\n{request}", IMAGE_MARK.repeat(num_images))
}

/// Fills `{name}` places in one pass, so that what is filled in is never read as a template.
///
/// ```
/// assert_eq!(synthesis::text::fill("{a} or {b}?", &[("a", "{b}"), ("b", "2")]), "{b} or 2?");
/// ```
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let place = values.iter().find(|(name, _)| {
            rest[1..]
                .strip_prefix(name)
                .is_some_and(|r| r.starts_with('}'))
        });
        if let Some((name, value)) = place {
            out.push_str(value);
            rest = &rest[name.len() + 2..];
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// The text in one line: every run of white space becomes one space.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The form in which short answers are compared: lower case, without punctuation at the edges of words, without
/// articles, in one line.
///
/// ```
/// assert_eq!(synthesis::text::normal_answer("A Red apple."), "red apple");
/// ```
pub fn normal_answer(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| {
            word.trim_matches(|c: char| !c.is_alphanumeric() && !"-+%°".contains(c))
                .to_lowercase()
        })
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .collect();
    let kept: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|w| !["a", "an", "the"].contains(w))
        .collect();
    // An answer that is nothing but an article ("A", a choice) stays as it is.
    if kept.is_empty() {
        words.join(" ")
    } else {
        kept.join(" ")
    }
}

/// At most `limit` characters, the end marked where something was cut.
pub fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Whether the words of `phrase` stand in the text in a row, whatever their case and what is between them.
///
/// ```
/// assert!(synthesis::text::holds("It is a Rice-dish.", "rice dish"));
/// assert!(!synthesis::text::holds("I also think", "so"));
/// ```
pub fn holds(text: &str, phrase: &str) -> bool {
    let (words, wanted) = (words(text), words(phrase));
    !wanted.is_empty() && words.windows(wanted.len()).any(|w| w == wanted)
}

/// Runs of letters and digits, in lower case.
pub fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_out_wherever_they_stand() {
        let cases = [
            ("<image>", ""),
            ("Name it.\n<image>", "Name it."),
            ("a<image>b", "ab"),
            ("see <image>, then", "see , then"),
            ("<im<image>age>x", "x"),
            ("<image> <image>\n\nx", "x"),
            ("no mark", "no mark"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_marks(text), expected, "{text}");
        }
        assert_eq!(with_marks(2, "<image>Compare."), "<image><image>\nCompare.");
        assert_eq!(with_marks(0, "<image>Compare."), "Compare.");
    }

    #[test]
    fn answers_compare_by_their_normal_form() {
        let cases = [
            ("Yes.", "yes"),
            ("  the  Left lung ", "left lung"),
            ("A", "a"),
            ("(B)", "b"),
            ("-3 °C", "-3 °c"),
            ("T1-weighted", "t1-weighted"),
            ("…", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(normal_answer(text), expected, "{text}");
        }
    }

    #[test]
    fn unknown_places_stay() {
        assert_eq!(fill("{x} {y", &[("y", "1")]), "{x} {y");
    }
}
