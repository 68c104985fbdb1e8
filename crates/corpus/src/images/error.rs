//! Why pictures cannot be used.

use std::path::PathBuf;

/// Why a picture cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file cannot be read.
    #[error("picture `{}` cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("picture `{}` cannot be written: {problem}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system or the encoder said.
        problem: String,
    },
    /// The content is not a picture that we can decode.
    #[error("picture `{}` cannot be decoded: {problem}; expected PNG, JPEG, WebP, GIF, BMP, TIFF or SVG", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        problem: String,
    },
    /// It is too large.
    #[error("picture `{}` is too large: {found}; at most {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: String,
        /// The limit.
        limit: String,
    },
    /// Whether it can be used is not known. This is no reason to leave a picture out: a faster or less busy machine
    /// would decide otherwise.
    #[error("picture `{}` was not decoded: {problem}", path.display())]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// What stopped it.
        problem: String,
    },
}
