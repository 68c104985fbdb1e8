//! What can be wrong with an adapter.

use std::path::PathBuf;

/// An error about an adapter: its settings, its folder, or the model that it is put on.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// A rank that makes no matrix.
    #[error("`lora.rank` is {found}; a rank is a whole number above 0")]
    Rank {
        /// What was asked for.
        found: i64,
    },
    /// A scale of nothing, or backwards.
    #[error("`lora.alpha` is {found}; it is a number above 0, often once or twice the rank")]
    Alpha {
        /// What was asked for.
        found: f64,
    },
    /// A share that is none.
    #[error("`lora.dropout` is {found}; it is a share from 0 up to but not including 1")]
    Dropout {
        /// What was asked for.
        found: f64,
    },
    /// A target without a layer.
    #[error(
        "`lora.targets` names `{target}`, which is no group and no linear layer of this model{}",
        nearest.as_ref().map_or_else(String::new, |name| format!("; the nearest is `{name}`"))
    )]
    NoTarget {
        /// The target.
        target: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// A target that cannot learn where it is.
    #[error(
        "`lora.targets` puts an adapter on `{module}` of the group `{group}`, which is frozen; leave the group out of \
         `freeze` and give it a `learning_rate` above 0, or leave it out of the targets"
    )]
    Frozen {
        /// The layer.
        module: String,
        /// Its group.
        group: &'static str,
    },
    /// A training with an adapter of a model that has none, or the other way round.
    #[error("{0}")]
    Unsuited(&'static str),
    /// An option of `peft` that changes what is computed and that is not known here.
    #[error(
        "the adapter `{}` was made with `{option}` = {value}, which is not supported{hint}",
        folder.display()
    )]
    Option {
        /// The adapter.
        folder: PathBuf,
        /// The key of `adapter_config.json`.
        option: String,
        /// What it says, as JSON.
        value: String,
        /// What to do, after a semicolon; or nothing.
        hint: &'static str,
    },
    /// A key of `adapter_config.json` that cannot be read.
    #[error("`{}`: `{key}` {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A folder that holds no adapter as safetensors.
    #[error("`{}` is no adapter: it has no `{missing}`{hint}", folder.display())]
    NoAdapter {
        /// The folder.
        folder: PathBuf,
        /// What it lacks.
        missing: &'static str,
        /// What to do, after a semicolon; or nothing.
        hint: &'static str,
    },
    /// Names or shapes of another model, or another rank.
    #[error("the adapter `{}` does not fit this model:{}", folder.display(), listed(problems))]
    Tensors {
        /// The adapter.
        folder: PathBuf,
        /// One sentence a tensor.
        problems: Vec<String>,
    },
    /// It says of itself that it belongs to another base.
    #[error(
        "the adapter `{}` was trained on another model than this base ({found} for {expected}); take the base that it \
         was made with",
        folder.display()
    )]
    Base {
        /// The adapter.
        folder: PathBuf,
        /// What the base is.
        found: String,
        /// What it was trained on.
        expected: String,
    },
}

fn listed(problems: &[String]) -> String {
    const SHOWN: usize = 12;
    let more = problems.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("and {more} more"));
    let lines = problems.iter().take(SHOWN).chain(&more);
    lines.fold(String::new(), |text, line| text + "\n  - " + line)
}
