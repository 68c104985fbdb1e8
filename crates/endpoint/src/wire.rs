//! The JSON that goes to an endpoint and comes from it.

pub(crate) mod answer;
pub(crate) mod pieces;
pub(crate) mod question;
pub(crate) mod scoring;

/// What is asked of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Conversations with pictures.
    Chat,
    /// Raw prompts.
    Completions,
}

impl Service {
    /// Its path below an endpoint's address.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Completions => "completions",
        }
    }
}
