//! The Hugging Face cache on this machine: models by the name of their repository, without any network.
//!
//! `org/name` lies in `models--org--name/snapshots/<revision>`, where `refs/main` holds the revision.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The folder of a model: itself if it is one, else what the cache has under this name.
pub fn resolve(model: &Path) -> Result<PathBuf> {
    if model.exists() {
        return Ok(model.to_owned());
    }
    if let Some(found) = cached(model) {
        return Ok(found);
    }
    if repository(model).is_some() {
        let looked: Vec<String> = caches().iter().map(|c| c.display().to_string()).collect();
        bail!(
            "`{}` is no folder, and no repository of this name is in the cache ({}); nothing is downloaded here: get it \
             with `hf download {}`, or set HF_HOME",
            model.display(),
            looked.join(", "),
            model.display()
        );
    }
    Ok(model.to_owned())
}

/// What the cache has under the name of a repository; none for a name of something that is there as a file.
pub fn cached(model: &Path) -> Option<PathBuf> {
    if model.exists() {
        return None;
    }
    let (organisation, name) = repository(model)?;
    let folder = format!("models--{organisation}--{name}");
    caches()
        .iter()
        .find_map(|cache| snapshot(&cache.join(&folder)))
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

/// The caches of `huggingface_hub` in its own order of precedence.
fn caches() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = variable("HOME").map(|home| home.join(".cache"));
    let base = variable("XDG_CACHE_HOME").or(home);
    let hub = variable("HF_HOME")
        .or_else(|| base.map(|base| base.join("huggingface")))
        .map(|home| home.join("hub"));
    variable("HF_HUB_CACHE")
        .into_iter()
        .chain(variable("HUGGINGFACE_HUB_CACHE"))
        .chain(hub)
        .collect()
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
    fn names_of_repositories_are_told_from_paths() {
        let is = |text: &str| repository(Path::new(text)).is_some();
        assert!(is("llava-hf/llava-v1.6-mistral-7b-hf"));
        assert!(!is("a/b/c") && !is("/a") && !is("../model") && !is("model") && !is("./m/x"));
    }
}
