//! Captions of views from above: RSICD, RSITMD, Sydney-Captions, UCM-Captions and NWPU-Captions.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::imported::Imported;
use super::rows::{pair, read, text};
use crate::Pair;
use crate::error::{Error, Reason};
use crate::seed::{Rng, hash};

/// One of a picture's captions, drawn by the picture's name.
fn drawn<'a>(seed: u64, id: &str, said: &[&'a str]) -> Option<&'a str> {
    let said: Vec<&str> = said
        .iter()
        .copied()
        .filter(|text| !text.trim().is_empty())
        .collect();
    (!said.is_empty()).then(|| *Rng::new(hash(seed, &format!("caption of {id}"))).choose(&said))
}

/// RSICD and its kin: `images` of `filename`, `sentences` and `split`; the training part.
pub(super) fn captions(
    name: &str,
    path: &Path,
    root: &Path,
    seed: u64,
) -> Result<Imported<Pair>, Error> {
    let mut out = Imported::new();
    let document = read(path)?;
    let Some(rows) = document["images"].as_array() else {
        return Err(Error::file(
            path,
            "has no list `images` of `filename` and `sentences`",
        ));
    };
    // All parts together.
    let published = match name {
        "rsicd" => 10_921,
        "rsitmd" => 4_743,
        "sydney-captions" => 613,
        _ => 2_100,
    };
    out.expect("pictures", rows.len(), published, published);
    for row in rows {
        let file = text(row, "filename");
        let sentences = row["sentences"].as_array().into_iter().flatten();
        let said: Vec<&str> = sentences.map(|sentence| text(sentence, "raw")).collect();
        one_of(
            &mut out,
            name,
            file,
            &root.join(file),
            text(row, "split"),
            &said,
            seed,
            Map::new(),
        );
    }
    Ok(out)
}

#[expect(clippy::too_many_arguments, reason = "the fields of a published row")]
fn one_of(
    out: &mut Imported<Pair>,
    name: &str,
    file: &str,
    image: &Path,
    split: &str,
    said: &[&str],
    seed: u64,
    meta: Map<String, Value>,
) {
    if split != "train" {
        *out.counts
            .entry(format!("left for evaluation ({split})"))
            .or_default() += 1;
        return;
    }
    let id = format!("{name}/{file}");
    match drawn(seed, &id, said) {
        None => out.reject(&id, Reason::EmptyCaption.as_str(), "has no sentence"),
        Some(_) if !image.is_file() => {
            out.reject(
                &id,
                Reason::MissingImage.as_str(),
                format!("`{}` does not exist", image.display()),
            );
        }
        Some(caption) => out
            .rows
            .push(pair(id, image.to_owned(), caption, name, meta)),
    }
}

/// NWPU-Captions: a list of pictures for each class, with `raw` to `raw_4`.
pub(super) fn nwpu(path: &Path, root: &Path, seed: u64) -> Result<Imported<Pair>, Error> {
    let mut out = Imported::new();
    let Value::Object(classes) = read(path)? else {
        return Err(Error::file(
            path,
            "is not a JSON object of a list for each class",
        ));
    };
    let mut all = 0;
    for (class, rows) in &classes {
        for row in rows.as_array().into_iter().flatten() {
            all += 1;
            let file = text(row, "filename");
            let said = ["raw", "raw_1", "raw_2", "raw_3", "raw_4"].map(|key| text(row, key));
            let places = [root.join(class).join(file), root.join(file)];
            let image = places
                .iter()
                .find(|place| place.is_file())
                .unwrap_or(&places[0])
                .clone();
            let meta = Map::from_iter([("class".to_owned(), json!(class))]);
            one_of(
                &mut out,
                "nwpu-captions",
                file,
                &image,
                text(row, "split"),
                &said,
                seed,
                meta,
            );
        }
    }
    out.expect("pictures", all, 31_500, 31_500);
    Ok(out)
}
