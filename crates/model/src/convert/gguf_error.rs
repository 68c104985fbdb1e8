//! Why a file of llama.cpp cannot be converted.

use std::path::PathBuf;

use serde_json::Value;

/// A sound GGUF file of something that cannot be converted.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// It is no Llama.
    #[error("`{}` has the architecture `{found}`; only llama can be converted", path.display())]
    Architecture {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// A number that has to be above 0 is not.
    #[error("`{}` has `{key}` = {found}", path.display())]
    Number {
        /// The file.
        path: PathBuf,
        /// The key of `config.json`.
        key: &'static str,
        /// What it is.
        found: Value,
    },
    /// A tensor that no Llama has.
    #[error("`{}` has the unknown tensor `{name}`", path.display())]
    UnknownTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor is missing.
    #[error("the file has no tensor `{name}`")]
    NoTensor {
        /// The tensor.
        name: &'static str,
    },
    /// A key is missing, or no number or list as it should be.
    #[error("the file has no `{key}`")]
    NoKey {
        /// The key.
        key: String,
    },
    /// Positions are scaled by a rule that is not there.
    #[error("the file scales positions by `{kind}`, which is not implemented")]
    Scaling {
        /// The rule.
        kind: String,
    },
    /// Positions are scaled by other factors than those of Llama.
    #[error(
        "the file scales positions by factors that are not those of Llama 3.1 and later; take the original model of \
         `transformers`"
    )]
    Factors,
    /// A mixture of experts.
    #[error("the file is a mixture of experts, which is not implemented")]
    Experts {
        /// How many there are.
        count: usize,
    },
    /// A tokenizer of another kind.
    #[error(
        "the file's tokenizer is of the kind `{kind}`; only byte-level BPE (`gpt2`) and SentencePiece (`llama`) can be \
         converted: take `tokenizer.json` from the original model"
    )]
    Tokenizer {
        /// The kind.
        kind: String,
    },
    /// An entry of a list of texts is something else.
    #[error("entry {at} of `{key}` is no text")]
    NoText {
        /// The key.
        key: String,
        /// Which entry, from 0.
        at: usize,
    },
    /// The scores of SentencePiece's pieces are not there, or not one for each.
    #[error("`tokenizer.ggml.scores` does not have a number for each token")]
    Scores {
        /// How many tokens there are.
        tokens: usize,
    },
    /// Texts are split by a rule that is not there.
    #[error(
        "the file splits texts by the rule `{rule}`; known are llama-bpe, qwen2, smollm, gpt-2 and default"
    )]
    Split {
        /// The rule.
        rule: String,
    },
}
