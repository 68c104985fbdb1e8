//! What the environment says: the caches of the Hugging Face hub, and the program's own, on this machine.

use std::path::PathBuf;

use run::hub::Hub;
use run::recipe::{Automatic, Fitting, Surroundings};

/// The caches of `huggingface_hub` in its own order of precedence.
pub fn hub() -> Hub {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = variable("HOME").map(|home| home.join(".cache"));
    let base = variable("XDG_CACHE_HOME").or(home);
    let hub = variable("HF_HOME")
        .or_else(|| base.map(|base| base.join("huggingface")))
        .map(|home| home.join("hub"));
    let caches = variable("HF_HUB_CACHE")
        .into_iter()
        .chain(variable("HUGGINGFACE_HUB_CACHE"))
        .chain(hub)
        .collect();
    Hub { caches }
}

/// The program's own folder of what can be made anew, by the XDG rules (a relative path counts as unset); none without a
/// home.
pub fn cache() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("adamllm"))
}

/// What recipes are read in, where `model.dtype = "auto"` stands for `automatic` and trainings are fitted to `fitting`.
pub fn surroundings(automatic: Automatic, fitting: Fitting<'static>) -> Surroundings<'static> {
    Surroundings {
        hub: hub(),
        demo_recipe: demo::RECIPE,
        automatic,
        fitting: Fitting {
            demo_config: Some(demo::BASE_CONFIG),
            ..fitting
        },
    }
}
