//! The drawings behind the pictograms: one packed file a style, unpacked once when needed.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::OnceLock;

use image::RgbImage;
use resvg::{tiny_skia, usvg};
use serde::Deserialize;

use super::concept::Pictogram;
use super::error::Error;

/// The drawing styles.
pub const STYLES: [&str; 9] = [
    "noto",
    "fluent-emoji",
    "fluent-emoji-flat",
    "noto-v1",
    "fxemoji",
    "healthicons",
    "healthicons-24px",
    "healthicons-outline",
    "healthicons-outline-24px",
];

const PACKED: [&[u8]; 9] = [
    include_bytes!("../../../../assets/pictograms/noto.jsonl.gz"),
    include_bytes!("../../../../assets/pictograms/fluent-emoji.jsonl.gz"),
    include_bytes!("../../../../assets/pictograms/fluent-emoji-flat.jsonl.gz"),
    include_bytes!("../../../../assets/pictograms/noto-v1.jsonl.gz"),
    include_bytes!("../../../../assets/pictograms/fxemoji.jsonl.gz"),
    include_bytes!("../../../../assets/pictograms/healthicons.jsonl.gz"),
    include_bytes!("../../../../assets/pictograms/healthicons-24px.jsonl.gz"),
    include_bytes!("../../../../assets/pictograms/healthicons-outline.jsonl.gz"),
    include_bytes!("../../../../assets/pictograms/healthicons-outline-24px.jsonl.gz"),
];

/// The largest side that is rendered, in pixels.
const LARGEST: u32 = 4096;

type Drawings = HashMap<String, Drawing>;

static UNPACKED: [OnceLock<Result<Drawings, String>>; 9] = [const { OnceLock::new() }; 9];

#[derive(Deserialize)]
struct Drawing {
    concept: String,
    width: f32,
    height: f32,
    body: String,
}

impl Pictogram {
    /// Renders a square picture of `side` pixels on white.
    pub fn render(&self, side: u32) -> Result<RgbImage, Error> {
        if side == 0 || side > LARGEST {
            return Err(Error::Side { side });
        }
        let broken = |detail: String| Error::Data {
            place: format!("`{}` of `{}.jsonl.gz`", self.concept.id, self.style),
            detail,
        };
        let drawing = find(self.style, &self.concept.id).map_err(broken)?;
        let Drawing {
            width,
            height,
            body,
            ..
        } = drawing;
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
             viewBox=\"0 0 {width} {height}\" width=\"{side}\" height=\"{side}\">{body}</svg>"
        );
        let tree = usvg::Tree::from_str(&text, &usvg::Options::default())
            .map_err(|e| broken(e.to_string()))?;
        let mut canvas = tiny_skia::Pixmap::new(side, side).ok_or(Error::Side { side })?;
        let whole = tiny_skia::Transform::identity();
        resvg::render(&tree, whole, &mut canvas.as_mut());
        Ok(RgbImage::from_fn(side, side, |x, y| {
            let pixel = canvas.pixels()[(y * side + x) as usize];
            // Premultiplied colours over white.
            let rest = 255 - pixel.alpha();
            image::Rgb([pixel.red(), pixel.green(), pixel.blue()].map(|c| c.saturating_add(rest)))
        }))
    }
}

fn find(style: &str, concept: &str) -> Result<&'static Drawing, String> {
    let at = STYLES.iter().position(|known| *known == style);
    let at = at.ok_or_else(|| format!("no style `{style}`"))?;
    let unpacked = UNPACKED[at].get_or_init(|| unpack(PACKED[at]));
    let drawings = unpacked.as_ref().map_err(Clone::clone)?;
    drawings
        .get(concept)
        .ok_or_else(|| "no such drawing".to_owned())
}

fn unpack(packed: &[u8]) -> Result<Drawings, String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .map_err(|e| e.to_string())?;
    let drawing = |line: &str| {
        let drawing: Drawing = serde_json::from_str(line).map_err(|e| e.to_string())?;
        Ok((drawing.concept.clone(), drawing))
    };
    text.lines().map(drawing).collect()
}
