//! What can end a whole run of generation. What is wrong with one request goes into its completion.

use corpus::images::ImageError;

/// An error of generating.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model refused a whole group.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// libtorch refused.
    #[error("libtorch: {0}")]
    Torch(#[from] torch::Error),
    /// A completion could not be stored.
    #[error("a completion could not be stored: {0}")]
    Sink(String),
    /// Who answers in place of a model of this program cannot go on.
    #[error(transparent)]
    Outside(Box<dyn std::error::Error + Send + Sync>),
    /// A picture was not decoded in time. An answer without it would depend on how busy the machine was.
    #[error("request `{id}`: {source}")]
    Unfinished {
        /// The request.
        id: String,
        /// The picture, and how to mend it.
        source: ImageError,
    },
    /// An answer could not be scored.
    #[error("request `{id}` cannot be scored: {problem}")]
    Score {
        /// The request.
        id: String,
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    /// What a processor said of a request: what ends the run, or what is wrong with that request alone.
    pub(crate) fn of_request(id: &str, error: processor::Error) -> Result<String, Self> {
        match error {
            processor::Error::Image(source @ ImageError::Unfinished { .. }) => {
                let id = id.to_owned();
                Err(Self::Unfinished { id, source })
            }
            other => Ok(other.to_string()),
        }
    }
}

impl From<torch::TchError> for Error {
    fn from(error: torch::TchError) -> Self {
        Self::Torch(error.into())
    }
}
