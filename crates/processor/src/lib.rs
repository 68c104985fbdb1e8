#![doc = include_str!("../README.md")]
//!
//! [`Options`] has what a recipe can change; [`resize()`] is the resizing of `torchvision` by itself.

#![deny(missing_docs)]

mod chat;
mod encoded;
mod error;
mod families;
mod folder;
mod options;
mod pixels;
mod processor;
mod rendering;
mod resize;
mod served;
mod shelf;
mod special;
mod template;
mod tokens;

pub use chat::LLAMA3_TEMPLATE;
pub use encoded::{Encoded, ImageGrid, ImageInput};
pub use error::Error;
pub use families::{KNOWN, load};
pub use folder::FolderSettings;
pub use options::Options;
pub use processor::Processor;
pub use resize::{Kernel, resize};
pub use served::{Opening, is_prepared, prepare_synthesizer};
pub use template::has_chat_template;
