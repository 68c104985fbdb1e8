//! An error with what it comes from, as one text.

use std::error::Error;

/// The error and its causes, the outermost first: `outer: inner`.
///
/// ```
/// let source = std::io::Error::other("no room");
/// let error = corpus::Error::Io { action: "write", path: "a.jsonl".into(), source };
/// assert_eq!(corpus::causes(&error), "cannot write `a.jsonl`: no room: no room");
/// ```
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |&error| error.source());
    let texts: Vec<String> = all.map(ToString::to_string).collect();
    texts.join(": ")
}
