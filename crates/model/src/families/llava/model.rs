//! The forward of LLaVA.
//!
//! Shapes: n pictures, p features of a picture, d model width.

use processor::{ImageGrid, ImageInput};
use torch::{Device, Kind, Tensor, no_grad_guard};

use super::{Config, TowerConfig};
use crate::batch::Batch;
use crate::cache::{Cache, Pool};
use crate::error::Error;
use crate::families::accessors::accessors;
use crate::families::features::with_features;
use crate::families::head::{head, tied_names};
use crate::families::names::{Layout, is_buffer};
use crate::mllm::Mllm;
use crate::nn::clip::Clip;
use crate::nn::decoder::Decoder;
use crate::nn::dino::Dino;
use crate::nn::projector::Projector;
use crate::parameter::{Group, Parameter};
use crate::patches::Patches;
use crate::recompute::Recompute;
use crate::weights::Source;

const TOWER: &str = "model.vision_tower";
const TEXT: &str = "model.language_model";

#[derive(Debug)]
enum Tower {
    Clip(Clip),
    Dino(Dino),
}

/// A LLaVA model.
#[derive(Debug)]
pub struct Llava {
    config_text: String,
    config: Config,
    tower: Tower,
    projector: Projector,
    decoder: Decoder,
    head: Tensor,
    parameters: Vec<Parameter>,
    device: Device,
    kind: Kind,
}

impl Llava {
    /// From a checkpoint or a random start.
    pub fn new(
        config_text: String,
        config: Config,
        source: Source,
        device: Device,
        kind: Kind,
    ) -> Result<Self, Error> {
        let (layout, mut weights) = Layout::weights(source, device, kind);
        weights.group = Group::VisionTower;
        let tower = match &config.vision {
            TowerConfig::Clip(sizes) => {
                let sizes = sizes.clone();
                Tower::Clip(Clip::new(&mut weights, TOWER, sizes, config.vision_layers)?)
            }
            TowerConfig::Dino(sizes) => {
                Tower::Dino(Dino::new(&mut weights, TOWER, sizes, config.vision_layers)?)
            }
        };
        weights.group = Group::Projector;
        let projector = Projector::new(
            &mut weights,
            "model.multi_modal_projector",
            (config.vision.sizes().hidden_size, config.text.hidden_size),
            config.projector_bias,
            config.projector_activation,
        )?;
        weights.group = Group::LanguageModel;
        let decoder = Decoder::new(&mut weights, TEXT, config.text.clone(), device)?;
        let head = head(&mut weights, &config.text, config.tied, &decoder)?;
        let mut parameters = weights.finish(&tied_names(config.tied, TEXT), is_buffer)?;
        let below = layout.published(&format!("{TOWER}."));
        for parameter in &mut parameters {
            if let Some(name) = parameter.layer().strip_prefix(&below) {
                parameter.reachable = match &tower {
                    Tower::Clip(tower) => tower.reads(name, config.keep_class),
                    Tower::Dino(tower) => tower.reads(name, config.keep_class),
                };
            }
        }
        Ok(Self {
            config_text,
            config,
            tower,
            projector,
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

    /// Checks a picture `[1, channels, height, width]` against the tower.
    fn check(&self, index: usize, image: &ImageInput) -> Result<(), Error> {
        let sizes = self.config.vision.sizes();
        let (side, channels) = (sizes.image_size as usize, sizes.num_channels as usize);
        let sound = image.grid == ImageGrid::Whole
            && image.shape.len() == 4
            && image.shape[..2] == [1, channels]
            && image.shape.iter().product::<usize>() == image.pixels.len();
        // Only DINOv2 can stretch its positions.
        let fits = match self.tower {
            Tower::Clip(_) => sound && image.shape[2..] == [side, side],
            Tower::Dino(_) => {
                sound
                    && image.shape[2..]
                        .iter()
                        .all(|&n| n as i64 >= sizes.patch_size)
            }
        };
        if fits {
            return Ok(());
        }
        Err(Error::Image {
            index,
            problem: format!(
                "it has shape {:?} and {} values, expected [1, {channels}, {side}, {side}]",
                image.shape,
                image.pixels.len()
            ),
        })
    }

    /// Features `[f, d]` of the pictures, one after the other.
    fn features(&self, images: &[ImageInput], recompute: Recompute) -> Result<Tensor, Error> {
        let mut packed = Vec::with_capacity(images.len());
        let mut at = 0;
        while at < images.len() {
            self.check(at, &images[at])?;
            // Neighbours of one size go through the tower together.
            let same = images[at..]
                .iter()
                .take_while(|i| i.shape == images[at].shape);
            let run = &images[at..at + same.count()];
            let mut pixels = Vec::with_capacity(run.len());
            for (index, image) in run.iter().enumerate() {
                self.check(at + index, image)?;
                let shape: Vec<i64> = image.shape.iter().map(|&n| n as i64).collect();
                pixels.push(Tensor::f_from_slice(&image.pixels)?.f_reshape(shape)?);
            }
            let pixels = Tensor::f_cat(&pixels, 0)?
                .f_to_device(self.device)?
                .f_to_kind(self.kind)?;
            let mut features = match &self.tower {
                Tower::Clip(tower) => tower.forward(&pixels, recompute)?,
                Tower::Dino(tower) => tower.forward(&pixels, recompute)?,
            };
            if !self.config.keep_class {
                features = features.f_narrow(1, 1, features.size()[1] - 1)?;
            }
            let found = features.size()[1] as usize;
            if let Some(index) = run.iter().position(|image| image.num_tokens != found) {
                let expected = run[index].num_tokens;
                let problem = format!("it has {found} features for {expected} image tokens");
                return Err(Error::Image {
                    index: at + index,
                    problem,
                });
            }
            let projected = self.projector.forward(&features)?;
            packed.push(projected.f_reshape([-1, self.config.text.hidden_size])?);
            at += run.len();
        }
        Ok(Tensor::f_cat(&packed, 0)?)
    }
}

impl Mllm for Llava {
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
        Patches::all(image.num_tokens)
    }

    accessors!();
}
