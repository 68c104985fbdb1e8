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

mod chat;
mod encoded;
mod error;
mod families;
mod pixels;
mod rendering;
mod resize;
mod shelf;
mod special;
mod template;
mod tokens;

use std::path::Path;

use corpus::{Request, Sample, TurnMarkers};

pub use chat::LLAMA3_TEMPLATE;
pub use encoded::{Encoded, ImageGrid, ImageInput};
pub use error::Error;
pub use families::{KNOWN, load};
pub use resize::{Kernel, resize};

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

/// Turns samples and requests of one model into ids, mask and pixels, and ids back into text.
pub trait Processor: Send + Sync {
    /// Ids, mask and pictures of a training sample.
    fn sample(&self, sample: &Sample) -> Result<Encoded, Error>;

    /// Ids and pictures of a request, up to where the model goes on. Nothing is learned.
    fn request(&self, request: &Request) -> Result<Encoded, Error>;

    /// The text of ids.
    fn decode(&self, ids: &[i64], skip_special_tokens: bool) -> String;

    /// Tokens that end a generation.
    fn stop_ids(&self) -> &[i64];

    /// The token that ends a synthesizer sample.
    fn end_of_text(&self) -> i64;

    /// The token that stands for image features.
    fn image_token(&self) -> i64;

    /// The control tokens around turns.
    fn markers(&self) -> Result<TurnMarkers, Error>;

    /// A picture as the model sees it.
    fn image(&self, path: &Path) -> Result<ImageInput, Error>;

    /// The text of the ids in runs of learned and not learned; image tokens are shown once with their number.
    fn spans(&self, encoded: &Encoded) -> Vec<(String, bool)> {
        let mut out: Vec<(String, bool)> = Vec::new();
        let mut images = encoded.images.iter().map(|image| image.num_tokens);
        let is_image = |at: usize| encoded.ids[at] == self.image_token();
        let mut at = 0;
        while at < encoded.ids.len() {
            let learned = encoded.learn[at];
            let same = |i: &usize| encoded.learn[*i] == learned && is_image(*i) == is_image(at);
            let run = (at..encoded.ids.len()).take_while(same).count();
            let (length, text) = if is_image(at) {
                let length = images.next().map_or(run, |length| length.clamp(1, run));
                (length, format!("[{length} image tokens]"))
            } else {
                (run, self.decode(&encoded.ids[at..at + run], false))
            };
            match out.last_mut() {
                Some((last, flag)) if *flag == learned => last.push_str(&text),
                _ => out.push((text, learned)),
            }
            at += length;
        }
        out
    }
}
