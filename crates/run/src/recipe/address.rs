//! Texts of a recipe behind which a key may hide: addresses, and names of environment variables. What is wrong with one is
//! said without repeating it where it may hold a key.

/// A text this long that is one word is a key, and no name of a variable.
const LONG: usize = 20;

/// What is wrong with an address of an endpoint or a proxy.
pub(super) fn problem(text: &str) -> Option<String> {
    if text.contains(['@', '?', '#']) {
        return Some(
            "holds more than scheme, host, port and path; keys and passwords are read from the environment alone"
                .to_owned(),
        );
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Some(format!(
            "is `{text}`, which has no scheme; write `http://{text}` or `https://{text}`"
        ));
    };
    if !matches!(scheme, "http" | "https") {
        return Some(format!(
            "is `{text}`, which is neither `http://` nor `https://`"
        ));
    }
    let place = rest.split('/').next().unwrap_or_default();
    // The colons inside of brackets are those of an IPv6 address.
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (place, None),
    };
    let is_number = |port: &str| port.parse::<u16>().is_ok();
    let is_sound = !host.is_empty() && port.is_none_or(is_number);
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    (!is_sound || !is_plain)
        .then(|| format!("is `{text}`, which is no address such as `http://host:8000/v1`"))
}

/// Whether a text is the name of an environment variable, and not the key that one would hold.
///
/// ```
/// assert!(run::recipe::is_variable("OPENAI_API_KEY"));
/// assert!(!run::recipe::is_variable("sk-0123456789"));
/// ```
pub fn is_variable(text: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && text.chars().all(is_of_name)
        && (text.len() < LONG || text.contains('_'))
}
