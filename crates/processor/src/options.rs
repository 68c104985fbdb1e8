//! What a recipe says about a processor.

/// Settings that a recipe can change.
#[derive(Clone, Debug)]
pub struct Options {
    /// Adds a second begin-of-text token, as open-llava-next does in training and inference.
    pub extra_bos: bool,
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
            extra_bos: false,
            template_date: "26 Jul 2024".to_owned(),
            parse_texts: false,
            min_pixels: None,
            max_pixels: None,
        }
    }
}
