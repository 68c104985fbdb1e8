//! LLaVA-NeXT (LLaVA-v1.6): any-resolution tiles and a chat template over a Llama-shaped tokenizer.

mod tiles;

use self::tiles::Tiling;
use super::conversation::Family;
use super::source::Source;
use crate::Error;

pub(super) fn family(source: &Source) -> Result<Family, Error> {
    let tiling = source.images(|settings| Tiling::parse(settings, source.config))?;
    Ok(Family {
        image_token: source.image_token(),
        image_token_text: Some("<image>"),
        num_embeddings: source.config["text_config"]["vocab_size"].as_u64(),
        pictures: Some(Box::new(tiling)),
    })
}
