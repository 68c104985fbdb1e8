//! What can be wrong with a processor's files, a conversation or its pictures.

use std::path::PathBuf;

/// An error of loading or running a processor.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("`{}` {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No family of this name.
    #[error("`{}` has the model type `{found}`; known: {known}", path.display())]
    UnknownFamily {
        /// The configuration file.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What it could say.
        known: String,
    },
    /// A conversation for a model that has no chat template.
    #[error(
        "`{}` has no chat template, so it takes raw prompts alone (`prompt` of a request); for conversations add \
         `chat_template.jinja` (neither `chat_template.json` nor `tokenizer_config.json` has a `chat_template` either)",
        folder.display()
    )]
    NoTemplate {
        /// The model's folder.
        folder: PathBuf,
    },
    /// The chat template cannot be used.
    #[error("the chat template cannot be used: {0}")]
    Template(String),
    /// The chat template refuses a conversation.
    #[error("the chat template cannot render `{id}`: {problem}")]
    Conversation {
        /// The sample or request.
        id: String,
        /// What it said.
        problem: String,
    },
    /// A text holds a character that marks places in a rendering.
    #[error(
        "turn {turn} of `{id}` holds the private-use character U+{:X}, which is reserved; take it out of the text",
        u32::from(*character)
    )]
    Reserved {
        /// The sample or request.
        id: String,
        /// Which turn, from 1.
        turn: usize,
        /// The character.
        character: char,
    },
    /// The tokenizer failed.
    #[error("the tokenizer failed: {0}")]
    Tokenizer(String),
    /// Marks and pictures disagree.
    #[error(
        "`{id}` has {marks} `<image>` marks and {images} pictures; give one mark for each picture"
    )]
    Marks {
        /// The sample or request.
        id: String,
        /// Marks in turns that may have them.
        marks: usize,
        /// Pictures of the record.
        images: usize,
    },
    /// A record with neither turns nor prompt.
    #[error("`{id}` has neither `turns` nor `prompt`")]
    Empty {
        /// The sample or request.
        id: String,
    },
    /// A picture for a model that has no vision tower.
    #[error("`{}` is for a model that sees; this one reads text only", path.display())]
    TextOnly {
        /// The picture.
        path: PathBuf,
    },
    /// A picture that this family cannot take.
    #[error("picture `{}` {problem}", path.display())]
    Picture {
        /// The picture.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A picture cannot be used.
    #[error(transparent)]
    Image(#[from] corpus::images::ImageError),
}
