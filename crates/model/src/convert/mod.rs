//! Models between the layouts of other projects and Hugging Face folders, tensor by tensor.
//!
//! Takes folders or a file, leaves a folder that was read back and compared by logits, and gives counts and warnings. It
//! finds no folder by name and prints nothing.

mod content;
mod error;
mod files;
mod gguf;
mod gguf_error;
mod layout;
mod llava;
mod merge;
mod open_llava_next;
mod request;
mod tokenizer;

pub use error::ConvertError;
pub use gguf_error::GgufError;
pub use layout::Layout;
pub use merge::{Merge, merge};
pub use request::{Outcome, Request, run};
