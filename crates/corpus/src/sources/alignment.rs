//! LLaVA-Med's and PubMedVision's alignment files: conversations whose first answer describes the picture.

use std::path::Path;

use serde_json::Map;

use super::imported::Imported;
use super::rows::{exchange, list, one_picture, pair};
use super::source::Source;
use crate::Pair;
use crate::error::{Error, Reason};

/// Pairs of the rows with one picture.
pub(super) fn alignment(source: Source, path: &Path, root: &Path) -> Result<Imported<Pair>, Error> {
    let mut out = Imported::new();
    let name = if source == Source::LlavaMed {
        "PMC-Raw"
    } else {
        "PMC-Refined"
    };
    for (at, row) in list(path)?.iter().enumerate() {
        let id = row["id"]
            .as_str()
            .map_or_else(|| format!("{name}-{at}"), str::to_owned);
        let Some((_, caption)) = exchange(row).filter(|(_, caption)| !caption.trim().is_empty())
        else {
            out.reject(&id, Reason::EmptyCaption.as_str(), "no answer of `gpt`");
            continue;
        };
        match one_picture(row, root) {
            Ok(image) => {
                let mut meta = Map::new();
                for key in ["modality", "body_part", "domain"] {
                    if !row[key].is_null() {
                        meta.insert(key.to_owned(), row[key].clone());
                    }
                }
                out.rows.push(pair(id, image, caption, name, meta));
            }
            Err((reason, detail)) => out.reject(&id, reason.as_str(), detail),
        }
    }
    Ok(out)
}
