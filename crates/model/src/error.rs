//! What can be wrong with a checkpoint or a batch.

use std::path::PathBuf;

/// An error of loading, saving or running a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(String),
    /// A JSON file does not parse.
    #[error("`{}` is not valid JSON: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// The configuration asks for what is not implemented, or does not fit together.
    #[error("the model's `config.json` cannot be used:{}", listed(problems))]
    Config {
        /// One sentence each: key, value, what is known.
        problems: Vec<String>,
    },
    /// No family of this name.
    #[error("`model_type` is `{found}`; known families: {known}")]
    UnknownFamily {
        /// What `config.json` says.
        found: String,
        /// The registry.
        known: String,
    },
    /// A folder without weights.
    #[error("`{}` holds neither `model.safetensors` nor `model.safetensors.index.json`", folder.display())]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// A safetensors file whose header is broken.
    #[error("`{}` is not a sound safetensors file: {problem}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A GGUF file that cannot be used.
    #[error("`{}` {problem}", path.display())]
    Gguf {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Tensors that are missing, unexpected or of another shape.
    #[error("the weights in `{}` do not fit their `config.json`:{}", folder.display(), listed(problems))]
    Tensors {
        /// The folder.
        folder: PathBuf,
        /// One sentence a tensor.
        problems: Vec<String>,
    },
    /// A saved file that reads back differently.
    #[error("`{}` reads back differently from what was written (tensor `{tensor}`); is the disk full or broken?", path.display())]
    ReadBack {
        /// The file.
        path: PathBuf,
        /// The first tensor that differs.
        tensor: String,
    },
    /// libtorch refused a tensor.
    #[error("tensor `{name}` {shape:?}: {problem}")]
    Tensor {
        /// Its published name.
        name: String,
        /// Its shape.
        shape: Vec<i64>,
        /// The first line of libtorch's message.
        problem: String,
    },
    /// A model that was not made from a `config.json` cannot be saved.
    #[error("the model has no `config.json` to save")]
    NoConfig,
    /// Image tokens and image features disagree; filling in anyway would corrupt embeddings.
    #[error(
        "the batch has {tokens} image tokens, but its {images} pictures give {features} features; were the pictures prepared with this checkpoint's processor?"
    )]
    ImageTokens {
        /// Image tokens among the ids.
        tokens: usize,
        /// Features of all pictures.
        features: usize,
        /// Number of pictures.
        images: usize,
    },
    /// A picture that this tower cannot take.
    #[error("picture {index} of the batch: {problem}")]
    Image {
        /// Index within the batch.
        index: usize,
        /// What was found and expected.
        problem: String,
    },
    /// An id past the embedding.
    #[error(
        "token id {id} at {index} is outside of the model's vocabulary of {vocabulary}; do tokenizer and model belong together?"
    )]
    TokenId {
        /// The id.
        id: i64,
        /// Its place in the batch.
        index: usize,
        /// Rows of the embedding.
        vocabulary: usize,
    },
    /// A batch whose parts disagree.
    #[error("malformed batch: {0}")]
    Batch(String),
    /// An adapter that cannot be, or not on this model.
    #[error(transparent)]
    Adapter(#[from] crate::adapter::error::AdapterError),
    /// A cache that is too short for what comes.
    #[error("the cache holds {capacity} tokens a sequence, sequence {row} needs {needed}")]
    CacheFull {
        /// Row of the cache.
        row: usize,
        /// Its capacity.
        capacity: usize,
        /// Stored and new tokens together.
        needed: usize,
    },
}

impl Error {
    /// A cache that holds no pictures where it should.
    pub(crate) fn unseen(row: usize) -> Self {
        Self::Batch(format!("sequence {row} sees pictures that it never had"))
    }
}

impl From<torch::Error> for Error {
    fn from(error: torch::Error) -> Self {
        Self::Torch(error.0)
    }
}

impl From<torch::TchError> for Error {
    fn from(error: torch::TchError) -> Self {
        Self::Torch(torch::short(&error))
    }
}

fn listed(problems: &[String]) -> String {
    const SHOWN: usize = 30;
    let more = problems.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("and {more} more"));
    let lines = problems.iter().take(SHOWN).chain(&more);
    lines.fold(String::new(), |text, line| text + "\n  - " + line)
}
