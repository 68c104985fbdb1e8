//! Llama and Mistral, text only.

use super::conversation::Family;
use super::source::Source;

pub(super) fn family(source: &Source) -> Family {
    Family {
        image_token: None,
        image_token_text: None,
        num_embeddings: source.config["vocab_size"].as_u64(),
        pictures: None,
    }
}
