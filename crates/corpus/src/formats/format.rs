//! The layouts by name.

use serde::{Deserialize, Serialize};

/// The layouts of a data file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Our own records, one JSON object a line.
    Jsonl,
    /// Our own records in one JSON array.
    JsonArray,
    /// Conversations under `messages` or `conversations`, as ShareGPT and LLaMA-Factory write them; an array or one
    /// object a line.
    #[serde(rename = "sharegpt")]
    ShareGpt,
    /// Conversations of `from` and `value` about one `image`, as LLaVA writes them.
    Llava,
    /// `messages` whose content is a list of parts, pictures among them.
    #[serde(rename = "openai")]
    OpenAi,
    /// `instruction`, `input`, `output`.
    Alpaca,
    /// A table of text, separated by commas, tabs or the like.
    Csv,
    /// Parquet as Hugging Face `datasets` writes it, pictures inside.
    Parquet,
    /// Arrow files or streams as Hugging Face `datasets` writes them, pictures inside.
    Arrow,
    /// Tar archives of members that share a key.
    #[serde(rename = "webdataset")]
    WebDataset,
    /// A folder of pictures with a table of captions.
    ImageFolder,
    /// A folder of pictures with a text file beside each.
    TextBeside,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Jsonl,
        Self::JsonArray,
        Self::ShareGpt,
        Self::Llava,
        Self::OpenAi,
        Self::Alpaca,
        Self::Csv,
        Self::Parquet,
        Self::Arrow,
        Self::WebDataset,
        Self::ImageFolder,
        Self::TextBeside,
    ];

    /// The format of this name; the names that other projects have for some of them are known too.
    ///
    /// ```
    /// use corpus::formats::Format;
    /// assert_eq!(Format::named("sharegpt"), Some(Format::ShareGpt));
    /// assert_eq!(Format::named("llama-factory"), Some(Format::ShareGpt));
    /// assert_eq!(Format::named("docx"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        let name = match name {
            "llama-factory" | "llamafactory" | "messages" => "sharegpt",
            "imagefolder" => "image-folder",
            "json" => "json-array",
            "tsv" => "csv",
            other => other,
        };
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// The format as it stands in commands and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::JsonArray => "json-array",
            Self::ShareGpt => "sharegpt",
            Self::Llava => "llava",
            Self::OpenAi => "openai",
            Self::Alpaca => "alpaca",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::WebDataset => "webdataset",
            Self::ImageFolder => "image-folder",
            Self::TextBeside => "text-beside",
        }
    }
}
