//! What a multimodal model eats: a conversation and its pictures become token ids, a label mask and pixels. No tensors.
//!
//! Takes records of `corpus` and a Hugging Face folder (tokenizer, chat template, image settings), gives [`Encoded`].
//! Ids and mask come out of one rendering and one tokenisation: nothing is tokenised twice and counted. It cuts nothing
//! to a length and packs nothing; that is the trainer's.
//!
//! ```
//! use corpus::{Role, Sample, Turn};
//!
//! # fn main() -> Result<(), processor::Error> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/llama");
//! let processor = processor::load(folder.as_ref(), &processor::Options::default())?;
//! let turns = vec![Turn::new(Role::User, "What is it?"), Turn::new(Role::Assistant, "A plate.").learned()];
//! let sample = Sample { id: "1".into(), images: vec![], turns, end: false, origin: serde_json::Value::Null };
//! let encoded = processor.sample(&sample)?;
//! let learned = processor.spans(&encoded).into_iter().find(|(_, learned)| *learned);
//! assert_eq!(learned, Some(("A plate.<|eot_id|>".to_owned(), true)));
//! # Ok(())
//! # }
//! ```

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
pub use template::has_chat_template;
