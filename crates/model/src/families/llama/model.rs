//! The forward of Llama.

use processor::ImageInput;
use torch::{Device, Kind, Tensor, no_grad_guard};

use super::Config;
use crate::batch::Batch;
use crate::cache::{Cache, Pool};
use crate::error::Error;
use crate::families::accessors::accessors;
use crate::families::head::{head, tied_names};
use crate::families::names::is_buffer;
use crate::mllm::Mllm;
use crate::nn::decoder::Decoder;
use crate::parameter::{Group, Parameter};
use crate::weights::{Source, Weights};

/// Published under these names since the first version.
const TEXT: &str = "model";

/// A text-only model.
#[derive(Debug)]
pub struct Llama {
    config_text: String,
    decoder: Decoder,
    head: Tensor,
    parameters: Vec<Parameter>,
    device: Device,
    kind: Kind,
}

impl Llama {
    /// From a checkpoint or a random start.
    pub fn new(
        config_text: String,
        config: &Config,
        source: Source,
        device: Device,
        kind: Kind,
    ) -> Result<Self, Error> {
        let mut weights = Weights::new(source, Box::new(str::to_owned), device, kind);
        weights.group = Group::LanguageModel;
        let decoder = Decoder::new(&mut weights, TEXT, config.text.clone(), device)?;
        let head = head(&mut weights, &config.text, config.tied, &decoder)?;
        let parameters = weights.finish(&tied_names(config.tied, TEXT), is_buffer)?;
        Ok(Self {
            config_text,
            decoder,
            head,
            parameters,
            device,
            kind,
        })
    }
}

impl Mllm for Llama {
    fn hidden(&self, batch: &Batch, cache: Option<&mut Cache>) -> Result<Tensor, Error> {
        // What is in a cache has no graph, so its gradients would be silently cut.
        let _guard = cache.is_some().then(no_grad_guard);
        if !batch.images.is_empty() {
            return self.image_features(&batch.images);
        }
        let positions = self.decoder.positions(batch)?;
        let embedded = self.decoder.embed(&batch.ids)?;
        self.decoder
            .forward(embedded, batch, &positions, None, cache)
    }

    fn image_features(&self, _images: &[ImageInput]) -> Result<Tensor, Error> {
        Err(Error::Image {
            index: 0,
            problem: "this model reads text only; take a model with a vision tower".to_owned(),
        })
    }

    accessors!();
}
