//! Records as the members of an archive that share a key.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::trouble::Trouble;
use crate::error::{Error, Fault, Reason};
use crate::formats::content::all_content;
use crate::formats::fields::Inside;
use crate::images::extension;
use crate::jsonl::Aside;

/// What the members of one record say.
pub(super) struct Member<'a> {
    pub(super) pictures: &'a [PathBuf],
    pub(super) inside: &'a [Inside],
    pub(super) caption: Option<&'a str>,
    pub(super) json: &'a Map<String, Value>,
}

/// Appends the members of one record to the archive at `path`.
pub(super) fn append(
    out: &mut tar::Builder<Aside>,
    path: &Path,
    key: &str,
    record: &Member,
) -> Result<(), Trouble> {
    let Member {
        pictures,
        inside,
        caption,
        json,
    } = *record;
    let mut members = Vec::new();
    let content = all_content(pictures, inside)?;
    for (at, (path, bytes)) in content.iter().enumerate() {
        let ending = match extension(bytes) {
            "bin" => {
                let what = format!("`{}` is no picture of a known kind", path.display());
                return Err(Fault::new(Reason::Inexpressible, what).into());
            }
            ending => ending,
        };
        let name = if content.len() == 1 {
            format!("{key}.{ending}")
        } else {
            format!("{key}.{at}.{ending}")
        };
        members.push((name, bytes.as_ref()));
    }
    let json = serde_json::to_vec(json).unwrap_or_default();
    if let Some(caption) = caption {
        members.push((format!("{key}.txt"), caption.as_bytes()));
    }
    members.push((format!("{key}.json"), &json));
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        out.append_data(&mut header, &name, bytes)
            .map_err(Error::writing(path))?;
    }
    Ok(())
}
