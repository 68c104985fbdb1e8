//! How one try of a request can end without an answer.

use std::fmt;
use std::time::Duration;

/// How one try of a request ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing left this machine: no connection.
    Unreachable(String),
    /// The endpoint asks for patience (429, or 503 with `Retry-After`).
    TooMany {
        /// How long, if it says so.
        retry_after: Option<Duration>,
    },
    /// The endpoint says that it failed (5xx).
    Server {
        /// What it says.
        problem: String,
        /// How long to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// The request left and no whole, sound answer came: it may have been paid for.
    Broken(String),
    /// The endpoint will not have this request; another try would not help.
    Refused(String),
    /// The endpoint wants a key, or another one.
    Unauthorized(String),
    /// The endpoint will have no request at all, such as for a model that it does not have.
    Hopeless(String),
}

impl Failure {
    /// Whether the request may have been paid for.
    pub(crate) fn may_be_paid(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { .. } => formatter.write_str("it asks for patience (429)"),
            Self::Unreachable(problem)
            | Self::Server { problem, .. }
            | Self::Broken(problem)
            | Self::Refused(problem)
            | Self::Unauthorized(problem)
            | Self::Hopeless(problem) => formatter.write_str(problem),
        }
    }
}
