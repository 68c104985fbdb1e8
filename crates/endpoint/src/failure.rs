//! How one try of a request can end without an answer.

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
    /// The endpoint will have no request at all, such as with a wrong key.
    Hopeless(String),
}

impl Failure {
    /// Whether the request may have been paid for.
    pub(crate) fn may_be_paid(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}
