//! What every processor does.

use std::path::Path;

use corpus::{Request, Sample, TurnMarkers};

use crate::encoded::{Encoded, ImageInput};
use crate::error::Error;

/// Turns samples and requests of one model into ids, mask and pixels, and ids back into text.
///
/// A model without a chat template takes requests with a raw prompt; its conversations are
/// [`Error::NoTemplate`].
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

    /// Whether conversations begin with a second begin-of-text token.
    fn extra_bos(&self) -> bool;

    /// The control tokens around turns.
    fn markers(&self) -> Result<TurnMarkers, Error>;

    /// The texts of all control tokens, which here cannot be typed. Whoever sends text elsewhere should look for them.
    fn control_tokens(&self) -> Vec<String> {
        Vec::new()
    }

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
