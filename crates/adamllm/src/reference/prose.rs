//! What all reference pages have: their head, and help texts as sentences.

/// What stands at the top of a page that is written by the program.
pub(super) fn head(title: &str) -> String {
    format!(
        "<!-- Written by `adamllm reference docs/reference`. What is changed here by hand is lost. -->\n\n# {title}\n\n"
    )
}

/// A sentence of a help text: it begins with a capital letter and ends with a full stop.
pub(super) fn sentence(help: &str) -> String {
    let help = help.trim();
    let mut letters = help.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    let end = if help.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{end}", first.unwrap_or_default(), letters.as_str())
}
