//! The JSON that goes to an endpoint and comes from it.

pub(crate) mod answer;
pub(crate) mod pieces;
pub(crate) mod question;
#[cfg(test)]
mod recorded;
pub(crate) mod scoring;

/// What an endpoint has to be able to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// To answer conversations.
    Chat,
    /// To go on with raw prompts, and to say how likely given texts are after them.
    Completions,
    /// To go on with conversations after the header of another turn than an answer's: the served folder's chat template has
    /// to know the variable `open`, as those that a tuned synthesizer is saved with do.
    OpenTurns,
}

impl Need {
    /// The service that it is about.
    pub(crate) fn service(self) -> Service {
        match self {
            Self::Chat | Self::OpenTurns => Service::Chat,
            Self::Completions => Service::Completions,
        }
    }
}

/// A service of an endpoint.
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
