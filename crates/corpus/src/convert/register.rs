//! The `dataset_info.json` beside a file, which LLaMA-Factory looks names up in.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::Error;
use crate::formats::{self, Format};

/// Enters the file; gives a sentence for who wants to find it there.
pub(super) fn register(output: &Path, format: Format) -> Result<String, Error> {
    let place = output.with_file_name("dataset_info.json");
    let file = output.file_name().unwrap_or_default().to_string_lossy();
    let name = output.file_stem().unwrap_or_default().to_string_lossy();
    let entry = formats::dataset_info(&file, format);
    let mut entries = match std::fs::read(&place) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(Value::Object(entries)) => entries,
            _ => {
                return Ok(format!(
                    "`{}` is no JSON object; enter there `{name}`: {entry}",
                    place.display()
                ));
            }
        },
        Err(_) => Map::new(),
    };
    entries.insert(name.clone().into_owned(), entry);
    let aside = crate::sealed::aside(&place);
    serde_json::to_string_pretty(&entries)
        .map_err(std::io::Error::from)
        .and_then(|text| std::fs::write(&aside, text))
        .and_then(|()| std::fs::rename(&aside, &place))
        .map_err(|source| Error::Register {
            path: place.clone(),
            source,
        })?;
    Ok(format!(
        "registered as `{name}` in `{}`, for LLaMA-Factory",
        place.display()
    ))
}
