//! Models between the layouts of other projects and Hugging Face folders, tensor by tensor.
//!
//! Takes folders or a file, leaves a folder that was read back and compared by logits, and gives counts and warnings. It
//! finds no folder by name and prints nothing.

mod content;
mod files;
mod gguf;
mod llava;
mod open_llava_next;
mod request;
mod tokenizer;

pub use request::{Layout, Outcome, Request, run};
