//! Recipe1M: `layer1.json` has the recipes, `layer2.json` their pictures.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Map;

use super::imported::Imported;
use super::rows::{list, pair, text};
use crate::Pair;
use crate::error::{Error, Reason};

/// Title, ingredients and steps are the caption of a recipe's first picture; of the training part.
pub(super) fn recipes(folder: &Path, root: &Path) -> Result<Imported<Pair>, Error> {
    let mut out = Imported::new();
    let pictures: HashMap<String, String> = list(&folder.join("layer2.json"))?
        .iter()
        .filter_map(|row| {
            let first = row["images"].as_array()?.first()?;
            Some((text(row, "id").to_owned(), text(first, "id").to_owned()))
        })
        .collect();
    for row in list(&folder.join("layer1.json"))? {
        let (id, partition) = (
            text(&row, "id").to_owned(),
            text(&row, "partition").to_owned(),
        );
        if partition != "train" {
            *out.counts
                .entry(format!("left for evaluation ({partition})"))
                .or_default() += 1;
            continue;
        }
        let Some(name) = pictures.get(&id) else {
            *out.counts
                .entry("recipes without a picture".to_owned())
                .or_default() += 1;
            continue;
        };
        // Published in folders of the name's first four signs.
        let mut nested = root.join(&partition);
        name.chars()
            .take(4)
            .for_each(|sign| nested.push(sign.to_string()));
        let places = [nested.join(name), root.join(name)];
        let Some(image) = places.iter().find(|place| place.is_file()) else {
            out.reject(
                &id,
                Reason::MissingImage.as_str(),
                format!("`{}` does not exist", places[0].display()),
            );
            continue;
        };
        let lines = |key: &str| -> Vec<&str> {
            row[key]
                .as_array()
                .into_iter()
                .flatten()
                .map(|item| text(item, "text"))
                .collect()
        };
        let steps: Vec<String> = lines("instructions")
            .iter()
            .enumerate()
            .map(|(at, step)| format!("{}. {step}", at + 1))
            .collect();
        let caption = format!(
            "Title: {}\nIngredients: {}\nInstructions:\n{}",
            text(&row, "title"),
            lines("ingredients").join("; "),
            steps.join("\n")
        );
        let mut made = pair(id.clone(), image.clone(), &caption, "Recipe1M", Map::new());
        made.group = Some(id);
        out.rows.push(made);
    }
    Ok(out)
}
