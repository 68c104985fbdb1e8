//! The forward of Llama 3.2 Vision.
//!
//! Shapes: t packed tokens, d model width.

use processor::{ImageGrid, ImageInput};
use torch::{Device, Kind, Tensor, no_grad_guard};

use super::Config;
use super::cross_mask::{Seen, runs};
use super::tower::Tower;
use crate::batch::{Batch, Picture};
use crate::cache::{Cache, Pool};
use crate::error::Error;
use crate::families::accessors::accessors;
use crate::families::head::{head, tied_names};
use crate::families::names::{Layout, is_buffer};
use crate::init::Init;
use crate::mllm::Mllm;
use crate::nn::cross::{CrossInputs, Run, SequencePictures};
use crate::nn::decoder::Decoder;
use crate::nn::layers::Linear;
use crate::parameter::{Group, Parameter};
use crate::patches::Patches;
use crate::recompute::Recompute;
use crate::weights::Source;

const TOWER: &str = "model.vision_model";
const TEXT: &str = "model.language_model";

/// A Llama 3.2 Vision model.
#[derive(Debug)]
pub struct Mllama {
    config_text: String,
    config: Config,
    tower: Tower,
    projector: Linear,
    decoder: Decoder,
    head: Tensor,
    parameters: Vec<Parameter>,
    device: Device,
    kind: Kind,
}

impl Mllama {
    /// From a checkpoint or a random start.
    pub fn new(
        config_text: String,
        config: Config,
        source: Source,
        device: Device,
        kind: Kind,
    ) -> Result<Self, Error> {
        let (_, mut weights) = Layout::weights(source, device, kind);
        weights.group = Group::VisionTower;
        let tower = Tower::new(&mut weights, TOWER, &config.vision)?;
        weights.group = Group::Projector;
        let projector = Linear::new(
            &mut weights,
            "model.multi_modal_projector",
            config.vision.out(),
            config.text.hidden_size,
            true,
            Init::Xavier,
        )?;
        weights.group = Group::LanguageModel;
        let decoder = Decoder::new(&mut weights, TEXT, config.text.clone(), device)?;
        let head = head(&mut weights, &config.text, false, &decoder)?;
        let parameters = weights.finish(&tied_names(false, TEXT), is_buffer)?;
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

    /// Checks a picture; gives its arrangement's id and the number of its tiles.
    fn arrangement(&self, index: usize, image: &ImageInput) -> Result<(i64, usize), Error> {
        let vision = &self.config.vision;
        let bad = |problem: String| Error::Image { index, problem };
        let ImageGrid::Canvas { tiles } = image.grid else {
            return Err(bad("it was not laid on a canvas of tiles".to_owned()));
        };
        let known = vision.ratios.iter().position(|&ratio| ratio == tiles);
        let id = known.ok_or_else(|| {
            bad(format!(
                "{} rows of {} tiles are none of the known arrangements {:?}",
                tiles.0, tiles.1, vision.ratios
            ))
        })?;
        let side = vision.image_size as usize;
        let count = tiles.0 * tiles.1;
        let expected = [count, vision.num_channels as usize, side, side];
        let length: usize = expected.iter().product();
        if image.shape != expected || image.pixels.len() != length || image.num_tokens != 1 {
            return Err(bad(format!(
                "it has shape {:?}, {} values and {} image tokens, expected {expected:?} and one token",
                image.shape,
                image.pixels.len(),
                image.num_tokens
            )));
        }
        Ok((id as i64 + 1, count))
    }

    /// What the cross-attention layers are to look at; none when no sequence has pictures. A cache learns what its
    /// sequences see next.
    fn sight(
        &self,
        batch: &Batch,
        mut cache: Option<&mut Cache>,
    ) -> Result<Option<CrossInputs>, Error> {
        let token = self.config.image_token;
        let tokens = batch.ids.iter().filter(|&&id| id == token).count();
        if tokens != batch.images.len() {
            return Err(Error::ImageTokens {
                tokens,
                features: batch.images.len(),
                images: batch.images.len(),
            });
        }
        let vision = &self.config.vision;
        let (tile, picture) = (vision.tokens(), vision.tokens() * vision.max_tiles);
        let mut used = 0;
        let mut sequences = Vec::new();
        let features = match (batch.pictures.as_slice(), &cache) {
            ([], _) => self.features_each(&batch.images, batch.recompute)?,
            // Their keys and values join the cache.
            (_, Some(_)) => Vec::new(),
            (known, None) => known.iter().map(|p| p.features.shallow_clone()).collect(),
        };
        let mut features = features.into_iter();
        for (index, span) in batch.starts.windows(2).enumerate() {
            let ids = batch.ids.get(span[0]..span[1]).unwrap_or_default();
            let is_picture: Vec<bool> = ids.iter().map(|&id| id == token).collect();
            let count = is_picture.iter().filter(|&&is| is).count();
            let own = &batch.images[used..used + count];
            let row = cache
                .as_deref()
                .map(|cache| &cache.sequence(cache.rows[index]).pictures);
            let (before, old) = row.map_or((Vec::new(), 0), |row| (row.seen.clone(), row.count));
            let known = batch.pictures.get(used..used + count).unwrap_or_default();
            let mut seen: Vec<Seen> = Vec::with_capacity(count);
            for (i, image) in own.iter().enumerate() {
                let (_, tiles) = self.arrangement(used + i, image)?;
                let start = old + picture * i as i64;
                seen.push((start, tile * tiles as i64));
            }
            let features: Vec<Tensor> = features.by_ref().take(count).collect();
            let features = match features.as_slice() {
                [] => None,
                [one] => Some(one.shallow_clone()),
                several => Some(Tensor::f_cat(several, 0)?),
            };
            used += count;
            let total = old + picture * count as i64;
            if total == 0 || ids.is_empty() {
                continue;
            }
            let runs: Vec<Run> = runs(&is_picture, &seen, &before);
            if let (Some(cache), Some(last)) = (&mut cache, runs.last()) {
                let row = &mut cache.sequence_mut(cache.rows[index]).pictures;
                (row.seen, row.count) = (last.seen.clone(), total);
                row.join(known)?;
            }
            sequences.push(SequencePictures {
                index,
                features,
                runs,
            });
        }
        CrossInputs::new(sequences, &batch.starts, self.device)
    }

    /// Features `[n, d]` of each picture.
    fn features_each(
        &self,
        images: &[ImageInput],
        recompute: Recompute,
    ) -> Result<Vec<Tensor>, Error> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let vision = &self.config.vision;
        let all = self.features(images, 0, recompute)?;
        Ok(all.f_split(vision.tokens() * vision.max_tiles, 0)?)
    }

    /// Features of pictures, one after the other, the first of which is number `first` of its batch.
    fn features(
        &self,
        images: &[ImageInput],
        first: usize,
        recompute: Recompute,
    ) -> Result<Tensor, Error> {
        let mut arrangements = Vec::with_capacity(images.len());
        for (i, image) in images.iter().enumerate() {
            arrangements.push(self.arrangement(first + i, image)?.0);
        }
        let mut distinct = arrangements.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let places = self.tower.places(&distinct)?;
        let mut all = Vec::with_capacity(images.len());
        for (image, arrangement) in images.iter().zip(&arrangements) {
            let shape: Vec<i64> = image.shape.iter().map(|&n| n as i64).collect();
            let pixels = Tensor::f_from_slice(&image.pixels)?
                .f_reshape(shape)?
                .f_to_device(self.device)?
                .f_to_kind(self.kind)?;
            let own = distinct.partition_point(|id| id < arrangement);
            let places = &places[own];
            all.push((self.tower).forward(&pixels, *arrangement, places, recompute)?);
        }
        self.projector.forward(&Tensor::f_cat(&all, 0)?)
    }
}

impl Mllm for Mllama {
    fn hidden(&self, batch: &Batch, mut cache: Option<&mut Cache>) -> Result<Tensor, Error> {
        // What is in a cache has no graph, so its gradients would be silently cut.
        let _guard = cache.is_some().then(no_grad_guard);
        // Checks the batch before anything of it is used as an index.
        crate::nn::attention::Spans::new(batch, cache.as_deref())?;
        let sight = self.sight(batch, cache.as_deref_mut())?;
        let positions = self.decoder.positions(batch)?;
        let embedded = self.decoder.embed(&batch.ids)?;
        self.decoder
            .forward(embedded, batch, &positions, sight.as_ref(), cache)
    }

    fn image_features(&self, images: &[ImageInput]) -> Result<Tensor, Error> {
        self.features(images, 0, Recompute::None)
    }

    fn patches(&self, image: &ImageInput) -> Patches {
        let vision = &self.config.vision;
        let tiles = image.shape.first().copied().unwrap_or(0);
        Patches {
            computed: (vision.max_tiles * vision.filled_tokens()) as usize,
            shown: tiles * vision.tokens() as usize,
        }
    }

    fn sees_ahead(&self) -> bool {
        true
    }

    fn pictures(&self, images: &[ImageInput]) -> Result<Vec<Picture>, Error> {
        let _guard = no_grad_guard();
        let mut pictures = Vec::with_capacity(images.len());
        for (index, image) in images.iter().enumerate() {
            let image = std::slice::from_ref(image);
            let features = self.features(image, index, Recompute::None)?;
            let layers = self.decoder.cross_keys(&features)?;
            pictures.push(Picture { features, layers });
        }
        Ok(pictures)
    }

    accessors!();
}
