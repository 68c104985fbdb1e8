//! The forward of LLaVA-NeXT.
//!
//! Shapes: t packed tokens, f image features of a batch, d model width, v vocabulary.

use processor::ImageInput;
use torch::{Device, Kind, Tensor, no_grad_guard};

use super::Config;
use super::tiles;
use crate::batch::Batch;
use crate::cache::{Cache, Pool};
use crate::error::Error;
use crate::families::accessors::accessors;
use crate::families::features::with_features;
use crate::families::head::{head, tied_names};
use crate::families::names::{Layout, is_buffer};
use crate::init::Init;
use crate::mllm::Mllm;
use crate::nn::clip::Clip;
use crate::nn::decoder::Decoder;
use crate::nn::projector::Projector;
use crate::parameter::{Group, Parameter};
use crate::patches::Patches;
use crate::recompute::Recompute;
use crate::weights::Source;

const TOWER: &str = "model.vision_tower";
const TEXT: &str = "model.language_model";

/// A LLaVA-NeXT model.
#[derive(Debug)]
pub struct LlavaNext {
    config_text: String,
    config: Config,
    tower: Clip,
    projector: Projector,
    newline: Tensor,
    decoder: Decoder,
    head: Tensor,
    parameters: Vec<Parameter>,
    device: Device,
    kind: Kind,
}

impl LlavaNext {
    /// From a checkpoint or a random start.
    pub fn new(
        config_text: String,
        config: Config,
        source: Source,
        device: Device,
        kind: Kind,
    ) -> Result<Self, Error> {
        let (layout, mut weights) = Layout::weights(source, device, kind);
        let (d, wide) = (config.text.hidden_size, config.vision.hidden_size);

        weights.group = Group::VisionTower;
        let tower = Clip::new(
            &mut weights,
            TOWER,
            config.vision.clone(),
            config.vision_layers,
        )?;

        weights.group = Group::Projector;
        let projector = Projector::new(
            &mut weights,
            "model.multi_modal_projector",
            (wide, d),
            config.projector_bias,
            config.projector_activation,
        )?;
        let newline = weights.tensor(
            "model.image_newline",
            &[d],
            Init::Normal(1.0 / (d as f64).sqrt()),
        )?;

        weights.group = Group::LanguageModel;
        let decoder = Decoder::new(&mut weights, TEXT, config.text.clone(), device)?;
        let head = head(&mut weights, &config.text, config.tied, &decoder)?;
        let mut parameters = weights.finish(&tied_names(config.tied, TEXT), is_buffer)?;
        let below = layout.published(&format!("{TOWER}."));
        for parameter in &mut parameters {
            if let Some(name) = parameter.layer().strip_prefix(&below) {
                parameter.reachable = tower.reads(name, config.keep_class);
            }
        }
        Ok(Self {
            config_text,
            config,
            tower,
            projector,
            newline,
            decoder,
            head,
            parameters,
            device,
            kind,
        })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Features `[f, d]` of the pictures, one after the other.
    fn features(&self, images: &[ImageInput], recompute: Recompute) -> Result<Tensor, Error> {
        let vision = &self.config.vision;
        let distinct = tiles::distinct(images, vision)?;
        let count = distinct.pixels.len() as i64;
        let shape = [
            count,
            vision.num_channels,
            vision.image_size,
            vision.image_size,
        ];
        let pixels = Tensor::f_empty(shape, (self.kind, self.device))?;
        for (place, tile) in (0..count).zip(&distinct.pixels) {
            let tile = Tensor::f_from_slice(tile)?.f_reshape(&shape[1..])?;
            pixels.f_select(0, place)?.f_copy_(&tile)?;
        }
        let mut features = self.tower.forward(&pixels, recompute)?;
        if !self.config.keep_class {
            features = features.f_narrow(1, 1, vision.side() * vision.side())?;
        }
        let projected = self.projector.forward(&features)?;
        let mut packed = Vec::with_capacity(images.len());
        for (index, (image, tiles)) in images.iter().zip(&distinct.tiles).enumerate() {
            let tiles = Tensor::f_from_slice(tiles)?.f_to_device(self.device)?;
            let own = projected.f_index_select(0, &tiles)?;
            let lines = tiles::pack(&own, &image.grid, vision.side(), &self.newline, index)?;
            let found = lines.size()[0] as usize;
            if found != image.num_tokens {
                let expected = image.num_tokens;
                let problem = format!("it has {found} features for {expected} image tokens");
                return Err(Error::Image { index, problem });
            }
            packed.push(lines);
        }
        Ok(Tensor::f_cat(&packed, 0)?)
    }
}

impl Mllm for LlavaNext {
    fn hidden(&self, batch: &Batch, cache: Option<&mut Cache>) -> Result<Tensor, Error> {
        // What is in a cache has no graph, so its gradients would be silently cut.
        let _guard = cache.is_some().then(no_grad_guard);
        let positions = self.decoder.positions(batch)?;
        let embedded = with_features(&self.decoder, batch, self.config.image_token, |images| {
            self.features(images, batch.recompute)
        })?;
        self.decoder
            .forward(embedded, batch, &positions, None, cache)
    }

    fn image_features(&self, images: &[ImageInput]) -> Result<Tensor, Error> {
        self.features(images, Recompute::None)
    }

    fn patches(&self, image: &ImageInput) -> Patches {
        tiles::patches(image, self.config.vision.side())
    }

    accessors!();
}
