//! The forward of Qwen2-VL.
//!
//! Shapes: t packed tokens, f image features of a batch, d model width.

use processor::ImageInput;
use torch::{Device, Kind, Tensor, no_grad_guard};

use super::Config;
use super::names::{is_nested, published};
use super::positions::{features, positions};
use super::tower::Tower;
use crate::batch::Batch;
use crate::cache::{Cache, Pool};
use crate::error::Error;
use crate::families::accessors::accessors;
use crate::families::features::with_features;
use crate::families::head::{head, tied_names};
use crate::families::names::is_buffer;
use crate::mllm::Mllm;
use crate::nn::decoder::Decoder;
use crate::parameter::{Group, Parameter};
use crate::patches::Patches;
use crate::recompute::Recompute;
use crate::weights::{Source, Weights};

const TOWER: &str = "model.visual";
const TEXT: &str = "model.language_model";

/// A Qwen2-VL model.
#[derive(Debug)]
pub struct Qwen2Vl {
    config_text: String,
    config: Config,
    tower: Tower,
    decoder: Decoder,
    head: Tensor,
    parameters: Vec<Parameter>,
    device: Device,
    kind: Kind,
}

impl Qwen2Vl {
    /// From a checkpoint or a random start.
    pub fn new(
        config_text: String,
        config: Config,
        source: Source,
        device: Device,
        kind: Kind,
    ) -> Result<Self, Error> {
        let nested = source
            .checkpoint()
            .is_some_and(|checkpoint| is_nested(checkpoint.names()));
        let name: Box<dyn Fn(&str) -> String> = if nested {
            Box::new(str::to_owned)
        } else {
            Box::new(published)
        };
        let mut weights = Weights::new(source, name, device, kind);
        let out = config.text.hidden_size;
        let tower = Tower::new(&mut weights, TOWER, &config.vision, out, device)?;
        weights.group = Group::LanguageModel;
        let decoder = Decoder::new(&mut weights, TEXT, config.text.clone(), device)?;
        let head = head(&mut weights, &config.text, config.tied, &decoder)?;
        let parameters = weights.finish(&tied_names(config.tied, TEXT), is_buffer)?;
        Ok(Self {
            config_text,
            config,
            tower,
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
        let side = vision.patch_size as usize;
        let expected = [vision.num_channels as usize, side, side];
        let (mut pixels, mut grids) = (Vec::new(), Vec::with_capacity(images.len()));
        for (index, image) in images.iter().enumerate() {
            let (rows, columns) = features(index, image, vision.merge as usize)?;
            let merge = vision.merge as usize;
            let grid = (rows * merge, columns * merge);
            let patches = grid.0 * grid.1;
            let sound = image.shape.len() == 4
                && image.shape[0] == patches
                && image.shape[1..] == expected
                && image.pixels.len() == image.shape.iter().product::<usize>();
            if !sound {
                let problem = format!(
                    "it has shape {:?} and {} values, expected [{patches}, {expected:?}]",
                    image.shape,
                    image.pixels.len()
                );
                return Err(Error::Image { index, problem });
            }
            let shape: Vec<i64> = image.shape.iter().map(|&n| n as i64).collect();
            pixels.push(Tensor::f_from_slice(&image.pixels)?.f_reshape(shape)?);
            grids.push(grid);
        }
        let pixels = Tensor::f_cat(&pixels, 0)?
            .f_to_device(self.device)?
            .f_to_kind(self.kind)?;
        self.tower.forward(&pixels, &grids, recompute)
    }
}

impl Mllm for Qwen2Vl {
    fn hidden(&self, batch: &Batch, mut cache: Option<&mut Cache>) -> Result<Tensor, Error> {
        // What is in a cache has no graph, so its gradients would be silently cut.
        let _guard = cache.is_some().then(no_grad_guard);
        // Checks the batch before anything of it is used as an index.
        crate::nn::attention::Spans::new(batch, cache.as_deref())?;
        let config = &self.config;
        let shifts: Vec<i64> = cache.as_deref().map_or_else(Vec::new, |cache| {
            let rows = cache.rows.iter();
            rows.map(|&slot| cache.sequence(slot).shift).collect()
        });
        let embedded = with_features(&self.decoder, batch, config.image_token, |images| {
            self.features(images, batch.recompute)
        })?;
        let merge = config.vision.merge as usize;
        let found = positions(batch, &shifts, config.image_token, merge)?;
        // Where no picture is, the three are one.
        let rows = if found.axes[0] == found.axes[1] && found.axes[0] == found.axes[2] {
            Tensor::f_from_slice(&found.axes[0])?
        } else {
            let axes: Vec<Tensor> = found
                .axes
                .iter()
                .map(|axis| Tensor::f_from_slice(axis))
                .collect::<Result<_, _>>()?;
            Tensor::f_stack(&axes, 0)?
        };
        let rows = rows.f_to_device(self.device)?;
        let hidden = self
            .decoder
            .forward(embedded, batch, &rows, None, cache.as_deref_mut())?;
        if let Some(cache) = cache {
            for (row, shift) in found.shifts.into_iter().enumerate() {
                cache.sequence_mut(cache.rows[row]).shift = shift;
            }
        }
        Ok(hidden)
    }

    fn image_features(&self, images: &[ImageInput]) -> Result<Tensor, Error> {
        self.features(images, Recompute::None)
    }

    fn patches(&self, image: &ImageInput) -> Patches {
        Patches::all(image.shape.first().copied().unwrap_or(0))
    }

    accessors!();
}
