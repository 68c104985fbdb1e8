//! The embedded pictograms: named concepts in five drawing styles, rendered on white.
//!
//! The data and their licences are in `assets/pictograms`. What is true of a picture (name, kind, colour) is known, so
//! that answers about it can be checked.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use image::RgbImage;
use resvg::{tiny_skia, usvg};
use serde::Deserialize;

/// The group that is the demo's domain.
pub const FOOD: &str = "food-drink";

/// What a pictogram stands for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Concept {
    /// Kebab case, unique.
    pub id: String,
    /// English name in lower case.
    pub name: String,
    /// One of Unicode's groups, such as `food-drink`.
    pub group: String,
    /// Finer than the group, such as `food-fruit`.
    pub subgroup: String,
    /// A plain noun for the subgroup.
    pub kind: String,
    /// Words that go with it.
    pub keywords: Vec<String>,
    /// A short definition; food and drink have one.
    #[serde(default)]
    pub gloss: Option<String>,
}

/// The drawing styles.
pub const STYLES: [&str; 5] = [
    "noto",
    "fluent-emoji",
    "fluent-emoji-flat",
    "noto-v1",
    "fxemoji",
];

const CONCEPTS: &str = include_str!("../../../assets/pictograms/concepts.jsonl");
const SETS: [&[u8]; 5] = [
    include_bytes!("../../../assets/pictograms/noto.jsonl.gz"),
    include_bytes!("../../../assets/pictograms/fluent-emoji.jsonl.gz"),
    include_bytes!("../../../assets/pictograms/fluent-emoji-flat.jsonl.gz"),
    include_bytes!("../../../assets/pictograms/noto-v1.jsonl.gz"),
    include_bytes!("../../../assets/pictograms/fxemoji.jsonl.gz"),
];

/// One picture of a concept.
#[derive(Clone, Debug)]
pub struct Pictogram {
    /// What it shows.
    pub concept: Arc<Concept>,
    /// One of [`STYLES`].
    pub style: &'static str,
    svg: Drawing,
}

#[derive(Clone, Debug, Deserialize)]
struct Drawing {
    concept: String,
    width: f32,
    height: f32,
    body: String,
}

/// A rendered picture and the colour that most of it has.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// On white.
    pub picture: RgbImage,
    /// One of the eleven basic colour names.
    pub colour: &'static str,
}

/// The embedded data are broken, or a picture cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[error("embedded pictograms: {0}")]
pub struct Error(String);

/// All pictograms, sorted by concept as published and then by style.
pub fn load() -> Result<Vec<Pictogram>, Error> {
    let broken = |what: &str, error: &dyn std::fmt::Display| Error(format!("{what}: {error}"));
    let mut concepts = Vec::new();
    for line in CONCEPTS.lines() {
        let concept: Concept = serde_json::from_str(line).map_err(|e| broken("concepts", &e))?;
        concepts.push(Arc::new(concept));
    }
    let mut drawings: BTreeMap<(String, usize), Drawing> = BTreeMap::new();
    for (at, bytes) in SETS.iter().enumerate() {
        let mut text = String::new();
        flate2::read::GzDecoder::new(*bytes)
            .read_to_string(&mut text)
            .map_err(|e| broken(STYLES[at], &e))?;
        for line in text.lines() {
            let drawing: Drawing =
                serde_json::from_str(line).map_err(|e| broken(STYLES[at], &e))?;
            drawings.insert((drawing.concept.clone(), at), drawing);
        }
    }
    let mut out = Vec::with_capacity(drawings.len());
    for concept in concepts {
        for (at, style) in STYLES.iter().enumerate() {
            if let Some(svg) = drawings.remove(&(concept.id.clone(), at)) {
                out.push(Pictogram {
                    concept: Arc::clone(&concept),
                    style,
                    svg,
                });
            }
        }
    }
    Ok(out)
}

impl Pictogram {
    /// Renders a square picture of `side` pixels.
    pub fn render(&self, side: u32) -> Result<Rendered, Error> {
        let name = format!("{} of {}", self.concept.id, self.style);
        let Drawing {
            width,
            height,
            body,
            ..
        } = &self.svg;
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
             viewBox=\"0 0 {width} {height}\" width=\"{side}\" height=\"{side}\">{body}</svg>"
        );
        let tree = usvg::Tree::from_str(&text, &usvg::Options::default())
            .map_err(|e| Error(format!("{name}: {e}")))?;
        let mut canvas = tiny_skia::Pixmap::new(side, side)
            .ok_or_else(|| Error(format!("{name}: a side of {side} px")))?;
        resvg::render(
            &tree,
            tiny_skia::Transform::identity(),
            &mut canvas.as_mut(),
        );
        let colour = main_colour(canvas.pixels());
        let picture = RgbImage::from_fn(side, side, |x, y| {
            let pixel = canvas.pixels()[(y * side + x) as usize];
            // Premultiplied colours over white.
            let rest = 255 - pixel.alpha();
            image::Rgb([pixel.red(), pixel.green(), pixel.blue()].map(|c| c.saturating_add(rest)))
        });
        Ok(Rendered { picture, colour })
    }
}

/// The colour name that most opaque pixels have. White and gray count a third: they are mostly shading and plates.
fn main_colour(pixels: &[tiny_skia::PremultipliedColorU8]) -> &'static str {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for pixel in pixels.iter().filter(|p| p.alpha() > 200) {
        let colour = pixel.demultiply();
        let name = colour_name(colour.red(), colour.green(), colour.blue());
        *counts.entry(name).or_default() += if name == "white" || name == "gray" {
            1
        } else {
            3
        };
    }
    counts
        .into_iter()
        .max_by_key(|&(name, count)| (count, name))
        .map_or("white", |(name, _)| name)
}

/// A basic colour name by hue (degrees), lightness and chroma.
#[expect(
    clippy::float_cmp,
    reason = "the largest of three values is one of them"
)]
fn colour_name(red: u8, green: u8, blue: u8) -> &'static str {
    let [r, g, b] = [red, green, blue].map(|c| f32::from(c) / 255.0);
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    let (lightness, chroma) = (f32::midpoint(high, low), high - low);
    if lightness < 0.14 {
        return "black";
    }
    if lightness > 0.92 {
        return "white";
    }
    if chroma < 0.16 {
        return if lightness > 0.75 { "white" } else { "gray" };
    }
    let hue = 60.0
        * if high == r {
            ((g - b) / chroma).rem_euclid(6.0)
        } else if high == g {
            (b - r) / chroma + 2.0
        } else {
            (r - g) / chroma + 4.0
        };
    match hue {
        h if h < 18.0 && lightness > 0.76 => "pink",
        h if (8.0..45.0).contains(&h) && (lightness < 0.36 || lightness < 0.55 && chroma < 0.5) => {
            "brown"
        }
        h if h < 18.0 => "red",
        h if h < 38.0 => "orange",
        h if h < 68.0 => "yellow",
        h if h < 170.0 => "green",
        h if h < 255.0 => "blue",
        h if h < 318.0 => "purple",
        h if h < 340.0 => "pink",
        _ if lightness > 0.76 => "pink",
        _ => "red",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn food_has_all_that_questions_need() {
        let all = load().expect("data");
        let food: Vec<&Pictogram> = all.iter().filter(|p| p.concept.group == FOOD).collect();
        let mut concepts: Vec<&str> = food.iter().map(|p| p.concept.id.as_str()).collect();
        concepts.dedup();
        assert_eq!((food.len(), concepts.len()), (531, 130));
        assert!(
            food.iter()
                .all(|p| p.concept.gloss.is_some() && !p.concept.kind.is_empty())
        );
    }

    #[test]
    fn general_concepts_do_not_name_food() {
        let all = load().expect("data");
        let names: Vec<&str> = all
            .iter()
            .filter(|p| p.concept.group == FOOD)
            .map(|p| p.concept.name.as_str())
            .collect();
        let general = all.iter().filter(|p| p.concept.group != FOOD);
        assert!(general.clone().count() > 2900);
        assert!(
            general
                .into_iter()
                .all(|p| !names.contains(&p.concept.name.as_str()))
        );
    }

    #[test]
    fn renders_what_it_names() {
        let all = load().expect("data");
        for (id, colour) in [
            ("red-apple", "red"),
            ("carrot", "orange"),
            ("broccoli", "green"),
            ("tomato", "red"),
        ] {
            for pictogram in all.iter().filter(|p| p.concept.id == id) {
                let rendered = pictogram.render(72).expect("picture");
                assert_eq!(rendered.colour, colour, "{id} of {}", pictogram.style);
            }
        }
        for pictogram in all.iter().filter(|p| p.concept.group == FOOD).step_by(9) {
            let picture = pictogram.render(36).expect("picture").picture;
            assert!(
                picture.pixels().any(|p| p.0 != [255; 3]),
                "{} is blank",
                pictogram.concept.id
            );
        }
    }
}
