//! What ends all requests of an endpoint. What is wrong with one request goes into its completion.

use std::path::PathBuf;
use std::time::Duration;

/// An error of a client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No address was given.
    #[error("no address of an endpoint is given")]
    NoAddress,
    /// The client could not be made.
    #[error("the client of endpoints could not be made: {0}")]
    Client(String),
    /// The file of certificates cannot be read.
    #[error("the certificates in `{path}` cannot be read: {problem}; expected PEM")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The proxy is none.
    #[error("the proxy `{proxy}` cannot be used: {problem}")]
    Proxy {
        /// Its address.
        proxy: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No endpoint can be reached.
    #[error("no endpoint can be reached:\n{0}")]
    Unreachable(String),
    /// An endpoint wants a key and there is none.
    #[error(
        "the endpoint `{address}` wants a key; put it into the environment variable {variable}"
    )]
    NoKey {
        /// Which one.
        address: String,
        /// Where a key is looked for.
        variable: String,
    },
    /// An endpoint refuses the key.
    #[error("the endpoint `{address}` refuses the key in {variable}: {problem}")]
    WrongKey {
        /// Which one.
        address: String,
        /// Where the key is from.
        variable: String,
        /// What it says.
        problem: String,
    },
    /// An endpoint does not have the model.
    #[error("the endpoint `{address}` has no model `{model}`; it has {}", .models.join(", "))]
    NoModel {
        /// Which one.
        address: String,
        /// The model that was asked for.
        model: String,
        /// Those that it has.
        models: Vec<String>,
    },
    /// An endpoint lacks a service.
    #[error(
        "the endpoint `{address}` has no `/{service}` ({problem}); {}",
        if *.service == "completions" { "raw prompts and the probabilities of a judge need it: serve the model with vLLM or SGLang, or choose another `filter.judge`" } else { "is it the address before `/chat/completions`?" }
    )]
    NoService {
        /// Which one.
        address: String,
        /// The service's path.
        service: &'static str,
        /// What it says.
        problem: String,
    },
    /// An endpoint's chat template does not let a conversation go on with another turn than an answer.
    #[error(
        "the chat template that the endpoint `{address}` serves `{model}` with does not know the variable `open`, which a synthesizer is asked by; serve the folder that `adamllm tune-synthesizer` saved"
    )]
    NoOpenTurns {
        /// Which one.
        address: String,
        /// The model.
        model: String,
    },
    /// An endpoint will answer no request.
    #[error("the endpoint `{address}` answers no request: {problem}")]
    Hopeless {
        /// Which one.
        address: String,
        /// What it says.
        problem: String,
    },
    /// An endpoint does not tell how likely given answers are.
    #[error("the endpoint `{address}` does not tell how likely a given answer is: {problem}")]
    NoLikelihoods {
        /// Which one.
        address: String,
        /// What is missing.
        problem: String,
    },
    /// Nothing was answered for long.
    #[error(
        "no endpoint has answered for {} s: {problem}; what was answered is kept, and the same command goes on (`endpoints.patience`)",
        .silent.as_secs()
    )]
    Silent {
        /// How long.
        silent: Duration,
        /// What happened last.
        problem: String,
    },
    /// A cap is reached.
    #[error("{0}; what was answered is kept: raise the cap and the same command goes on")]
    Spent(crate::ledger::Exhausted),
    /// The ledger cannot be kept.
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    /// The answers cannot be kept.
    #[error(transparent)]
    Cache(#[from] crate::cache::CacheError),
    /// A completion could not be stored.
    #[error("a completion could not be stored: {0}")]
    Sink(String),
    /// It was asked to stop.
    #[error("it was asked to stop")]
    Stopped,
    /// Pictures would leave the machine without a word that they may.
    #[error(
        "request `{id}` would send {pictures} pictures to `{address}`; allow it with `send_images = true` (`--send-images`)"
    )]
    PicturesStay {
        /// The request.
        id: String,
        /// Its pictures.
        pictures: usize,
        /// Where they would go.
        address: String,
    },
}
