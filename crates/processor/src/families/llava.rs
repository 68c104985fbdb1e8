//! LLaVA (LLaVA-v1.5): one tile a picture.
//!
//! Mirrors `CLIPImageProcessor`, `BitImageProcessor` and `LlavaImageProcessor` (torchvision backend) of transformers
//! 5.17.0: padding to a square in the mean colour where asked for, resizing, cropping the middle.

use std::sync::Arc;

use corpus::images::Alpha;
use image::{Rgb, RgbImage};
use serde_json::Value;

use super::conversation::{Family, Pictures};
use super::source::Source;
use crate::pixels::{CLIP, Normalisation, kernel, needs, number};
use crate::resize::{Kernel, resize};
use crate::{Error, ImageGrid, ImageInput};

/// Image processors that do the same, padding apart.
const KNOWN: &[&str] = &[
    "CLIPImageProcessor",
    "BitImageProcessor",
    "LlavaImageProcessor",
];

pub(super) fn family(source: &Source) -> Result<Family, Error> {
    let tile = source.images(|settings| Tile::parse(settings, source.config))?;
    Ok(Family {
        image_token: source.image_token(),
        image_token_text: Some("<image>"),
        num_embeddings: source.config["text_config"]["vocab_size"].as_u64(),
        pictures: Some(Box::new(tile)),
    })
}

/// How pictures are cut and scaled.
#[derive(Clone, Debug, PartialEq)]
struct Tile {
    target: Target,
    /// Height and width of the middle that is kept.
    crop: Option<(usize, usize)>,
    /// Whether pictures become squares first.
    square: bool,
    patch: usize,
    /// Whether the class token's feature is kept.
    class: bool,
    normalisation: Normalisation,
    kernel: Kernel,
}

/// The size after resizing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    ShortestEdge(usize),
    Exact(usize, usize),
}

impl Tile {
    fn parse(settings: &Value, config: &Value) -> Result<Self, String> {
        needs(
            settings,
            &["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"],
        )?;
        let kind = settings["image_processor_type"]
            .as_str()
            .or(settings["feature_extractor_type"].as_str());
        let kind = kind.unwrap_or("CLIPImageProcessor");
        let bare = kind
            .strip_suffix("Fast")
            .unwrap_or(kind)
            .replace("FeatureExtractor", "ImageProcessor");
        if !KNOWN.contains(&bare.as_str()) {
            let known = KNOWN.join(", ");
            return Err(format!(
                "names the image processor `{kind}`; known are {known}"
            ));
        }
        let vision = &config["vision_config"];
        let dino = vision["model_type"] == "dinov2";
        // What `transformers` leaves out of a saved `config.json`.
        let (side, patch) = match (vision.is_object(), dino) {
            (false, _) => (336, 14),
            (true, true) => (224, 14),
            (true, false) => (224, 32),
        };
        let side = number(&vision["image_size"]).unwrap_or(side);
        let patch = number(&vision["patch_size"]).unwrap_or(patch);
        let target = match (
            &settings["size"],
            number(&settings["size"]["shortest_edge"]),
        ) {
            (Value::Null, _) => Target::ShortestEdge(224),
            (Value::Number(n), _) => Target::ShortestEdge(n.as_u64().unwrap_or(224) as usize),
            (_, Some(edge)) => Target::ShortestEdge(edge),
            (given, None) => match (number(&given["height"]), number(&given["width"])) {
                (Some(height), Some(width)) => Target::Exact(height, width),
                _ => return Err(format!("has a size {given}; expected `height` and `width`")),
            },
        };
        let crop = if settings["do_center_crop"] == false {
            None
        } else {
            let given = &settings["crop_size"];
            let one = number(given).unwrap_or(224);
            let height = number(&given["height"]).unwrap_or(one);
            Some((height, number(&given["width"]).unwrap_or(one)))
        };
        let (height, width) = match (crop, target) {
            (Some(crop), _) => crop,
            (None, Target::Exact(height, width)) => (height, width),
            (None, Target::ShortestEdge(edge)) => {
                let problem = format!(
                    "resizes the shortest edge to {edge} and crops nothing; a tower needs pictures of one size"
                );
                return Err(problem);
            }
        };
        if !dino && (height, width) != (side, side) {
            return Err(format!(
                "gives pictures of {height} × {width} px, but the vision tower takes {side} × {side}"
            ));
        }
        if patch == 0 || patch > height.min(width) {
            return Err(format!(
                "gives pictures of {height} × {width} px for patches of {patch} px"
            ));
        }
        Ok(Self {
            target,
            crop,
            square: bare == "LlavaImageProcessor" && settings["do_pad"] == true,
            patch,
            class: config["vision_feature_select_strategy"] == "full",
            normalisation: Normalisation::parse(settings, CLIP)?,
            kernel: kernel(settings, 3)?,
        })
    }

    /// The picture in the middle of a square of the mean colour.
    fn squared(&self, picture: &RgbImage) -> RgbImage {
        let (width, height) = picture.dimensions();
        let side = width.max(height);
        let mut square = RgbImage::from_pixel(side, side, Rgb(self.normalisation.background()));
        let (left, top) = ((side - width) / 2, (side - height) / 2);
        image::imageops::replace(&mut square, picture, left.into(), top.into());
        square
    }
}

impl Pictures for Tile {
    fn alpha(&self) -> Alpha {
        Alpha::Dropped
    }

    fn input(&self, picture: &RgbImage) -> Result<ImageInput, String> {
        let squared;
        let picture = if self.square && picture.width() != picture.height() {
            squared = self.squared(picture);
            &squared
        } else {
            picture
        };
        let (old_height, old_width) = (picture.height() as usize, picture.width() as usize);
        let (height, width) = match self.target {
            Target::Exact(height, width) => (height, width),
            Target::ShortestEdge(edge) => {
                let longer =
                    |long: usize, short: usize| (edge as f64 * long as f64 / short as f64) as usize;
                if old_height <= old_width {
                    (edge, longer(old_width, old_height))
                } else {
                    (longer(old_height, old_width), edge)
                }
            }
        };
        if height.saturating_mul(width) > 1 << 28 {
            return Err(format!(
                "would become {width} × {height} px; its sides are too unlike"
            ));
        }
        let mut rgb = resize(picture, height, width, self.kernel);
        let (mut rows, mut columns) = (height, width);
        let (crop_height, crop_width) = self.crop.unwrap_or((height, width));
        if crop_height > rows || crop_width > columns {
            // What is too small gets a black edge.
            let (full_height, full_width) = (rows.max(crop_height), columns.max(crop_width));
            let (top, left) = ((full_height - rows) / 2, (full_width - columns) / 2);
            let mut canvas = vec![0; full_height * full_width * 3];
            for (row, line) in rgb.chunks_exact(columns * 3).enumerate() {
                let to = ((top + row) * full_width + left) * 3;
                canvas[to..to + line.len()].copy_from_slice(line);
            }
            (rgb, rows, columns) = (canvas, full_height, full_width);
        }
        let place = ((rows - crop_height) / 2, (columns - crop_width) / 2);
        let mut pixels = Vec::with_capacity(crop_height * crop_width * 3);
        let part = (crop_height, crop_width);
        self.normalisation
            .append(&rgb, columns, place, part, &mut pixels);
        let patches = (crop_height / self.patch) * (crop_width / self.patch);
        Ok(ImageInput {
            pixels: Arc::new(pixels),
            shape: vec![1, 3, crop_height, crop_width],
            grid: ImageGrid::Whole,
            num_tokens: patches + usize::from(self.class),
        })
    }
}
