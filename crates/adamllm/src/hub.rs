//! The Hugging Face cache of this machine, by the environment's variables.

use std::path::{Path, PathBuf};

use anyhow::Result;
use run::hub::Hub;

/// The folder of a model: itself if it is one, else what the cache has under this name.
pub fn resolve(model: &Path) -> Result<PathBuf> {
    Ok(of_environment().resolve(model)?)
}

/// The caches of `huggingface_hub` in its own order of precedence.
pub fn of_environment() -> Hub {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = variable("HOME").map(|home| home.join(".cache"));
    let base = variable("XDG_CACHE_HOME").or(home);
    let hub = variable("HF_HOME")
        .or_else(|| base.map(|base| base.join("huggingface")))
        .map(|home| home.join("hub"));
    let caches = variable("HF_HUB_CACHE")
        .into_iter()
        .chain(variable("HUGGINGFACE_HUB_CACHE"))
        .chain(hub);
    Hub {
        caches: caches.collect(),
    }
}
