//! How a model's files are laid out.

/// How a model's files are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The original code's LLaVA-NeXT.
    OpenLlavaNext,
    /// A folder of `transformers`.
    Hf,
    /// A file of llama.cpp.
    Gguf,
    /// A LLaVA of parts.
    Llava,
}
