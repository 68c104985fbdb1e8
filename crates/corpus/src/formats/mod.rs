//! Image-caption pairs, seeds and samples from the files that the field uses.
//!
//! A file's format is found by its content. Every row that cannot be used is named with its line, its id and a reason
//! of a fixed set; only a file that cannot be read at all is an error. Pictures are looked for, not decoded.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("recipes.json");
//! std::fs::write(folder.path().join("soup.jpg"), "a picture")?;
//! std::fs::write(&path, r#"[{"images": ["soup.jpg"], "messages": [
//!     {"role": "user", "content": "<image>What is this?"},
//!     {"role": "assistant", "content": "A bowl of tomato soup."}]}]"#)?;
//! let loaded = corpus::formats::read_pairs(&path, &corpus::formats::Options::default())?;
//! assert_eq!(loaded.format, corpus::formats::Format::ShareGpt);
//! assert_eq!(loaded.rows[0].request.as_deref(), Some("What is this?"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alpaca;
mod array;
mod content;
mod dataset_info;
mod delimited;
mod entry;
mod fields;
mod file;
mod format;
mod image_folder;
mod load;
mod native;
mod notes;
mod objects;
mod openai;
mod options;
mod parquet;
mod picture_root;
mod reader;
mod recognise;
mod row;
mod sharegpt;
mod source;
mod summary;
mod table;
mod webdataset;
mod write;

pub use dataset_info::dataset_info;
pub use entry::{Entry, Kind};
pub use fields::Inside;
pub use format::Format;
pub use load::{Loaded, read_pairs, read_samples, read_seeds};
pub use options::{COLUMNS, Options};
pub use picture_root::RootAbove;
pub use reader::Reader;
pub use row::Row;
pub use summary::{Lengths, Summary, Tally, summary};
pub use write::{Writer, write_pairs, write_samples};

#[cfg(test)]
mod tests;
