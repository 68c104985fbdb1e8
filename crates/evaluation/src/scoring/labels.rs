//! What labels say.

use corpus::Label;

/// All the texts of a label.
pub(super) fn texts(label: &Label) -> Vec<&str> {
    match label {
        Label::Text(text) => vec![text],
        Label::List(texts) => texts.iter().map(String::as_str).collect(),
    }
}

/// The one text of a label; a list of one counts.
pub(super) fn one(label: &Label) -> Option<&str> {
    match texts(label).as_slice() {
        [one] => Some(one),
        _ => None,
    }
}

/// The names of a label: a list, or a text that writes one (`['egg', 'tea']`, `egg, tea`), as tables do.
///
/// `is_name` tells whether a text is a name as it stands, so that a name with a comma stays whole.
pub(super) fn names(label: &Label, is_name: impl Fn(&str) -> bool) -> Vec<String> {
    let text = match label {
        Label::List(names) => return names.clone(),
        Label::Text(text) => text.trim(),
    };
    if let Ok(names) = serde_json::from_str::<Vec<String>>(text) {
        return names;
    }
    let inner = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text)
        .trim();
    if inner.is_empty() || is_name(inner) {
        return if inner.is_empty() {
            Vec::new()
        } else {
            vec![inner.to_owned()]
        };
    }
    inner
        .split(',')
        .map(|name| name.trim().trim_matches(['\'', '"']).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_may_be_written_as_texts() {
        let names = |text: &str| {
            names(&Label::Text(text.to_owned()), |name| {
                name == "half, and half"
            })
        };
        for (text, expected) in [
            (r#"["egg", "tea"]"#, vec!["egg", "tea"]),
            ("['egg', 'tea']", vec!["egg", "tea"]),
            ("egg, tea", vec!["egg", "tea"]),
            ("half, and half", vec!["half, and half"]),
            ("egg", vec!["egg"]),
            ("[]", vec![]),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }
}
