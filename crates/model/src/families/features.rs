//! Image features in the places of image tokens.
//!
//! Shapes: t packed tokens, d model width.

use processor::ImageInput;
use torch::Tensor;

use crate::batch::Batch;
use crate::error::Error;
use crate::nn::decoder::Decoder;

/// Embeddings `[t, d]` of a batch with image features in the rows of the image token. `features` are those of pictures.
pub(super) fn with_features(
    decoder: &Decoder,
    batch: &Batch,
    image_token: i64,
    features: impl FnOnce(&[ImageInput]) -> Result<Tensor, Error>,
) -> Result<Tensor, Error> {
    let embedded = decoder.embed(&batch.ids)?;
    let rows: Vec<i64> = (0..batch.ids.len())
        .filter(|&i| batch.ids[i] == image_token)
        .map(|i| i as i64)
        .collect();
    let mismatch = |features| Error::ImageTokens {
        tokens: rows.len(),
        features,
        images: batch.images.len(),
    };
    if batch.images.is_empty() {
        return if rows.is_empty() {
            Ok(embedded)
        } else {
            Err(mismatch(0))
        };
    }
    let features = if batch.pictures.is_empty() {
        features(&batch.images)?
    } else {
        let known: Vec<&Tensor> = batch.pictures.iter().map(|p| &p.features).collect();
        Tensor::f_cat(&known, 0)?
    };
    let found = features.size()[0] as usize;
    if found != rows.len() {
        return Err(mismatch(found));
    }
    let rows = Tensor::f_from_slice(&rows)?.f_to_device(embedded.device())?;
    Ok(embedded.f_index_copy(0, &rows, &features)?)
}
