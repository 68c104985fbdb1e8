//! What a training leaves: a model's folder, or an adapter's where one was trained.

use std::path::{Path, PathBuf};

use corpus::ModelPlace;
use model::{Mllm, adapter};
use torch::Kind;

use crate::error::{Error, Result};

/// Saves a trained model, or the adapter that was trained on `base`, into `folder` of a run's folder.
pub fn save(model: &dyn Mllm, folder: &Path, run: &Path, base: &Path, kind: Kind) -> Result<()> {
    let saved = if adapter::has_adapter(model) {
        let texts = ModelPlace::texts(base);
        let name = within(run, folder, &texts).unwrap_or_else(|| published(&texts));
        adapter::save_with(model, folder, &name, &texts)
    } else {
        model::export(model, folder, Some(base), kind)
    };
    saved.map_err(|source| Error::Save {
        folder: folder.to_owned(),
        source,
    })
}

/// What opens a trained model: its folder, or base and adapter.
pub fn place(folder: &Path, base: &Path) -> PathBuf {
    if !adapter::is_folder(folder) {
        return folder.to_owned();
    }
    let place = ModelPlace {
        base: ModelPlace::texts(base),
        adapter: Some(folder.to_owned()),
    };
    place.path()
}

/// The way from `folder` to a base that lies in the same run, which holds wherever the run is moved.
fn within(run: &Path, folder: &Path, base: &Path) -> Option<String> {
    let (folder, base) = (folder.strip_prefix(run).ok()?, base.strip_prefix(run).ok()?);
    let up = folder.iter().map(|_| "..");
    let down = base.iter().filter_map(|part| part.to_str());
    Some(up.chain(down).collect::<Vec<_>>().join("/"))
}

/// The name of a base for others: its repository's where it lies in the hub's cache, else its folder's, without the places of
/// this machine.
fn published(base: &Path) -> String {
    let parts = base.iter().filter_map(|part| part.to_str());
    let repository = parts.rev().find_map(|part| part.strip_prefix("models--"));
    let own = || base.file_name().unwrap_or_default().to_string_lossy();
    repository.map_or_else(|| own().into_owned(), |name| name.replacen("--", "/", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_named_as_others_know_it() {
        for (path, name) in [
            ("/data/my-model", "my-model"),
            (
                "/c/hub/models--Qwen--Qwen2-VL-2B-Instruct/snapshots/ab12",
                "Qwen/Qwen2-VL-2B-Instruct",
            ),
        ] {
            assert_eq!(published(Path::new(path)), name);
        }
        let from = |base: &str| {
            within(
                Path::new("/r"),
                Path::new("/r/train/model"),
                Path::new(base),
            )
        };
        let stage = from("/r/stages/a/train/model");
        assert_eq!(stage.as_deref(), Some("../../stages/a/train/model"));
        assert_eq!(from("/data/my-model"), None);
    }
}
