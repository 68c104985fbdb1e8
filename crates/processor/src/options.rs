//! What a recipe says about a processor.

/// Settings that a recipe can change.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether a conversation begins with a second begin-of-text token, as open-llava-next's do in training and inference;
    /// what the model's folder says if absent ([`FolderSettings`](crate::FolderSettings)).
    pub extra_bos: Option<bool>,
    /// What `strftime_now` of a chat template gives; never the clock.
    pub template_date: String,
    /// Parses control tokens in turns' texts as `transformers` does, for parity runs on trusted data only.
    pub parse_texts: bool,
    /// Fewest pixels of a resized picture, where a family keeps a picture's own size (Qwen2-VL); the checkpoint's if
    /// absent.
    pub min_pixels: Option<usize>,
    /// Most pixels of a resized picture, likewise.
    pub max_pixels: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            extra_bos: None,
            template_date: "26 Jul 2024".to_owned(),
            parse_texts: false,
            min_pixels: None,
            max_pixels: None,
        }
    }
}
