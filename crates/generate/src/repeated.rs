//! Pictures that occur more than once.

use std::sync::Arc;

use model::{Mllm, Picture};
use processor::ImageInput;

use crate::error::Error;

/// Whether two pictures are the same, by their values.
fn is_same(one: &ImageInput, other: &ImageInput) -> bool {
    let is_shared = Arc::ptr_eq(&one.pixels, &other.pixels);
    one.shape == other.shape
        && one.grid == other.grid
        && one.num_tokens == other.num_tokens
        && (is_shared || one.pixels == other.pixels)
}

/// Whether two samples have the same pictures.
pub(crate) fn are_same(some: &[ImageInput], others: &[ImageInput]) -> bool {
    let mut pairs = some.iter().zip(others);
    some.len() == others.len() && pairs.all(|(one, other)| is_same(one, other))
}

/// These pictures as a batch takes them, each different one encoded once; none where all differ, which the forward then
/// encodes itself.
pub(crate) fn encoded_once(model: &dyn Mllm, images: &[ImageInput]) -> Result<Vec<Picture>, Error> {
    let mut different: Vec<ImageInput> = Vec::new();
    let mut places = Vec::with_capacity(images.len());
    for image in images {
        let known = different.iter().position(|other| is_same(other, image));
        places.push(known.unwrap_or(different.len()));
        if known.is_none() {
            different.push(image.clone());
        }
    }
    if different.len() == images.len() {
        return Ok(Vec::new());
    }
    let pictures = model.pictures(&different)?;
    Ok(places.iter().map(|&at| pictures[at].clone()).collect())
}
