//! What can end a whole run of generation. What is wrong with one request goes into its completion.

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
    /// A picture was not decoded in time. An answer without it would depend on how busy the machine was.
    #[error("request `{id}`: {source}")]
    Unfinished {
        /// The request.
        id: String,
        /// The picture, and how to mend it.
        source: corpus::images::ImageError,
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

impl From<torch::TchError> for Error {
    fn from(error: torch::TchError) -> Self {
        Self::Torch(error.into())
    }
}
