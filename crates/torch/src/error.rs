//! Errors of libtorch in one line.

use tch::TchError;

/// What libtorch refused, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

impl From<TchError> for Error {
    fn from(error: TchError) -> Self {
        Self(short(&error))
    }
}

/// The first line of an error of `tch`; the rest is a C++ backtrace.
pub fn short(error: &TchError) -> String {
    first_line(&error.to_string())
}

pub(crate) fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("Internal torch error: ")
        .unwrap_or(line)
        .to_owned()
}
