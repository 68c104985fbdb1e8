//! A value of a recipe and where it comes from.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use toml::Value;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "from", content = "what")]
pub enum Origin {
    /// The recipe file.
    Recipe,
    /// What a grid says for all of its cells.
    Grid,
    /// A `--set` on the command line, or a level of a grid.
    Set,
    /// A preset, with its source.
    Preset(String),
    /// What `auto` stands for, with the reason.
    Chosen(String),
    /// What fits the memory of the device, with the reason.
    Fit(String),
    /// What `[train]` says for all stages of the training, and who says it there. Presets of `[train]` keep their source.
    Train(Box<Origin>),
}

impl Origin {
    /// Whether somebody said it of this very key.
    pub fn is_given(&self) -> bool {
        self.rank().is_some()
    }

    /// What was said later changes what was said before: higher numbers are later. None of what nobody said of this very key.
    pub(super) fn rank(&self) -> Option<u8> {
        match self {
            Self::Recipe => Some(0),
            Self::Grid => Some(1),
            Self::Set => Some(2),
            Self::Preset(_) | Self::Chosen(_) | Self::Fit(_) | Self::Train(_) => None,
        }
    }

    /// Whether somebody said it, of this key or for all stages.
    pub fn is_said(&self) -> bool {
        match self {
            Self::Train(who) => who.is_given(),
            other => other.is_given(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipe => f.write_str("recipe"),
            Self::Grid => f.write_str("grid"),
            Self::Set => f.write_str("--set"),
            Self::Preset(source) => write!(f, "preset: {source}"),
            Self::Chosen(why) => write!(f, "auto: {why}"),
            Self::Fit(why) => write!(f, "fit: {why}"),
            Self::Train(who) => write!(f, "{who}, `[train]`"),
        }
    }
}

/// One resolved key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Resolved {
    /// Its value.
    pub value: Value,
    /// Where the value comes from.
    pub origin: Origin,
}

/// The values of a [`Resolution`] as it is kept in a run folder, without their origins.
pub fn without_origins(resolution: &serde_json::Value) -> serde_json::Value {
    let keys = resolution.as_object().into_iter().flatten();
    keys.map(|(key, resolved)| (key.clone(), resolved["value"].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Every key by its dotted name.
pub type Resolution = BTreeMap<String, Resolved>;
