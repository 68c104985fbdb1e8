//! Pairs as pictures with a text file beside each.

use std::path::Path;

use super::trouble::Trouble;
use crate::Pair;
use crate::error::{Error, Fault, Reason};
use crate::formats::content::content;
use crate::formats::fields::Inside;
use crate::images::extension;

/// A picture with its caption in a text file; gives the keys that have no place.
pub(super) fn put(
    folder: &Path,
    pair: &Pair,
    inside: &[Inside],
) -> Result<Vec<&'static str>, Trouble> {
    let cannot = |what: String| Trouble::Row(Fault::new(Reason::Inexpressible, what));
    let [picture] = pair.images.as_slice() else {
        return Err(cannot(format!(
            "has {} pictures; expected one",
            pair.images.len()
        )));
    };
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || "._- ".contains(c))
    };
    if !pair.id.split('/').all(is_plain) {
        return Err(cannot(format!(
            "the id `{}` cannot be a file name",
            pair.id
        )));
    }
    if pair.caption.ends_with('\r') || pair.caption.starts_with('\u{feff}') {
        return Err(cannot(
            "the caption begins or ends with a mark of text files".to_owned(),
        ));
    }
    let bytes = content(picture, inside)?;
    let ending = match extension(&bytes) {
        "bin" => {
            return Err(cannot(format!(
                "`{}` is no picture of a known kind",
                picture.display()
            )));
        }
        ending => ending,
    };
    let place = |ending: &str| folder.join(format!("{}.{ending}", pair.id));
    let (image, text) = (place(ending), place("txt"));
    if let Some(parent) = image.parent() {
        std::fs::create_dir_all(parent).map_err(Error::writing(parent))?;
    }
    std::fs::write(&image, &bytes).map_err(Error::writing(&image))?;
    let caption = format!("{}\n", pair.caption);
    std::fs::write(&text, caption).map_err(Error::writing(&text))?;
    let lost = [
        ("request", pair.request.is_some()),
        ("group", pair.group.is_some()),
        ("source", pair.source.is_some()),
        ("meta", !pair.meta.is_empty()),
    ];
    Ok(lost
        .into_iter()
        .filter_map(|(key, is_there)| is_there.then_some(key))
        .collect())
}
