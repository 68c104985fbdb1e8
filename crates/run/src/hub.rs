//! The Hugging Face cache on this machine: models by the name of their repository, without any network.
//!
//! `org/name` lies in `models--org--name/snapshots/<revision>`, where `refs/main` holds the revision.

use std::path::{Path, PathBuf};

use corpus::ModelPlace;
use corpus::model_place::ADAPTER;

/// A model that is named as a repository and lies in no cache.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no folder, and no repository of this name is in the cache ({1}); nothing is downloaded here: get it \
     with `hf download {0}`, or set HF_HOME",
    .model.display(),
    .looked.iter().map(|cache| cache.display().to_string()).collect::<Vec<_>>().join(", ")
)]
pub struct NotCached {
    /// What was asked for.
    pub model: PathBuf,
    /// Where it was looked for.
    pub looked: Vec<PathBuf>,
}

/// The caches of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hub {
    /// Folders of `models--org--name`, the first before the others.
    pub caches: Vec<PathBuf>,
}

impl Hub {
    /// The folder of a model: itself if it is one, else what a cache has under this name.
    pub fn resolve(&self, model: &Path) -> Result<PathBuf, NotCached> {
        if model.exists() {
            return Ok(model.to_owned());
        }
        if let Some(found) = self.cached(model) {
            return Ok(found);
        }
        if repository(model).is_some() {
            return Err(NotCached {
                model: model.to_owned(),
                looked: self.caches.clone(),
            });
        }
        Ok(model.to_owned())
    }

    /// Where a model lies that a file in `folder` names: in a cache, or else beside that file, be it there or not.
    pub fn place(&self, named: &str, folder: &Path) -> PathBuf {
        self.cached(Path::new(named))
            .unwrap_or_else(|| folder.join(named))
    }

    /// As [`Hub::place`], for what may be `BASE+ADAPTER`: the base in a cache or beside that file, the adapter beside it.
    pub fn model_place(&self, named: &str, folder: &Path) -> ModelPlace {
        let whole = self.place(named, folder);
        let of = |at: usize| {
            let (base, adapter) = (&named[..at], folder.join(&named[at + 1..]));
            let base = self.place(base, folder);
            adapter.join(ADAPTER).is_file().then_some(ModelPlace {
                base,
                adapter: Some(adapter),
            })
        };
        let cut = if whole.exists() {
            None
        } else {
            named.match_indices('+').find_map(|(at, _)| of(at))
        };
        cut.unwrap_or(ModelPlace {
            base: whole,
            adapter: None,
        })
    }

    /// What a cache has under the name of a repository; none for a name of something that is there as a file.
    pub fn cached(&self, model: &Path) -> Option<PathBuf> {
        if model.exists() {
            return None;
        }
        let (organisation, name) = repository(model)?;
        let folder = format!("models--{organisation}--{name}");
        self.caches
            .iter()
            .find_map(|cache| snapshot(&cache.join(&folder)))
    }
}

/// The parts of `org/name`.
fn repository(model: &Path) -> Option<(&str, &str)> {
    let (organisation, name) = model.to_str()?.split_once('/')?;
    let sound = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    (sound(organisation) && sound(name)).then_some((organisation, name))
}

/// The snapshot that `main` names, or the only one.
fn snapshot(repository: &Path) -> Option<PathBuf> {
    let snapshots = repository.join("snapshots");
    let usable = |folder: &PathBuf| folder.join("config.json").exists();
    if let Ok(revision) = std::fs::read_to_string(repository.join("refs/main")) {
        let named = snapshots.join(revision.trim());
        if usable(&named) {
            return Some(named);
        }
    }
    let mut found: Vec<PathBuf> = std::fs::read_dir(snapshots)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(usable)
        .collect();
    found.sort();
    if found.len() == 1 { found.pop() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snapshot_of_main_is_taken() {
        let folder = tempfile::tempdir().expect("folder");
        for revision in ["aa", "bb"] {
            let snapshot = folder.path().join("snapshots").join(revision);
            std::fs::create_dir_all(&snapshot).expect("folder");
            std::fs::write(snapshot.join("config.json"), "{}").expect("file");
        }
        assert_eq!(snapshot(folder.path()), None, "two, and nothing says which");
        std::fs::create_dir_all(folder.path().join("refs")).expect("folder");
        std::fs::write(folder.path().join("refs/main"), "bb\n").expect("file");
        assert_eq!(
            snapshot(folder.path()),
            Some(folder.path().join("snapshots/bb"))
        );
    }

    #[test]
    fn a_repository_that_no_cache_has_is_named_with_the_caches() {
        let folder = tempfile::tempdir().expect("folder");
        let hub = Hub {
            caches: vec![folder.path().join("one"), "two".into()],
        };
        let error = hub.resolve(Path::new("org/name")).expect_err("no model");
        let error = error.to_string();
        assert!(
            error.starts_with("`org/name` is no folder") && error.contains("one, two)"),
            "{error}"
        );
        let path = Path::new("no/such/folder");
        assert_eq!(hub.resolve(path).as_deref(), Ok(path));
    }

    #[test]
    fn names_of_repositories_are_told_from_paths() {
        let is = |text: &str| repository(Path::new(text)).is_some();
        assert!(is("llava-hf/llava-v1.6-mistral-7b-hf"));
        assert!(!is("a/b/c") && !is("/a") && !is("../model") && !is("model") && !is("./m/x"));
    }
}
