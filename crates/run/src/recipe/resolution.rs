//! A recipe's text as a flat table of known keys, each with its value and where that comes from.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use toml::{Table, Value};

use super::keys::{DEMO, key, keys};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "from", content = "what")]
pub enum Origin {
    /// The recipe file.
    Recipe,
    /// A `--set` on the command line.
    Set,
    /// A preset, with its source.
    Preset(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipe => f.write_str("recipe"),
            Self::Set => f.write_str("--set"),
            Self::Preset(source) => write!(f, "preset: {source}"),
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

/// Every key by its dotted name.
pub type Resolution = BTreeMap<String, Resolved>;

/// Reads a recipe's text, applies overrides (`section.key=value`) and fills in the presets; those of the demo base are what
/// `demo_recipe` says.
///
/// Gives every problem at once: unknown keys with the nearest known one, wrong types and values out of range.
pub fn resolve(
    text: &str,
    overrides: &[String],
    demo_recipe: &str,
) -> Result<Resolution, Vec<String>> {
    match resolve_most(text, overrides, demo_recipe)? {
        (resolution, Wrong { errors, .. }) if errors.is_empty() => Ok(resolution),
        (_, Wrong { errors, .. }) => Err(errors),
    }
}

/// What is wrong with a recipe's keys.
#[derive(Default)]
pub(super) struct Wrong {
    /// One sentence each.
    pub errors: Vec<String>,
    /// Known keys whose values cannot be used.
    pub keys: Vec<&'static str>,
}

/// As [`resolve`], but beside the problems gives what is left: keys with unusable values have their presets.
pub(super) fn resolve_most(
    text: &str,
    overrides: &[String],
    demo_recipe: &str,
) -> Result<(Resolution, Wrong), Vec<String>> {
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return Err(vec![format!("the recipe is not valid TOML: {error}")]),
    };
    let mut wrong = Wrong::default();
    let mut given = BTreeMap::new();
    flatten("", &table, &mut given);
    let mut values: BTreeMap<String, (Value, Origin)> = given
        .into_iter()
        .map(|(key, value)| (key, (value, Origin::Recipe)))
        .collect();
    for item in overrides {
        match item.split_once('=') {
            Some((key, value)) => {
                values.insert(
                    key.trim().to_owned(),
                    (loose_value(value.trim()), Origin::Set),
                );
            }
            None => wrong.errors.push(format!(
                "`--set {item}` has no `=`; write `--set section.key=value`"
            )),
        }
    }
    let mut resolution = Resolution::new();
    let demo =
        matches!(values.get("model.checkpoint"), Some((Value::String(name), _)) if name == DEMO);
    let presets = if demo {
        demo_presets(demo_recipe)
    } else {
        BTreeMap::new()
    };
    for key in keys() {
        let given = values.remove(key.name).and_then(|(value, origin)| {
            let checked = key.shape.check(&value);
            let usable = checked.map(|value| Resolved { value, origin });
            usable
                .map_err(|expected| {
                    let error = format!("`{}` is `{value}`, expected {expected}", key.name);
                    wrong.errors.push(error);
                    wrong.keys.push(key.name);
                })
                .ok()
        });
        let from_demo = || {
            Some(Resolved {
                value: presets.get(key.name)?.clone(),
                origin: Origin::Preset(
                    "recipes/demo.toml, as the model is the demo base".to_owned(),
                ),
            })
        };
        let preset = || {
            Some(Resolved {
                value: loose_value(key.preset?),
                origin: Origin::Preset(key.source.to_owned()),
            })
        };
        if let Some(resolved) = given.or_else(from_demo).or_else(preset) {
            resolution.insert(key.name.to_owned(), resolved);
        }
    }
    for name in values.keys() {
        wrong.errors.push(format!(
            "unknown key `{name}`; did you mean `{}`?",
            nearest_key(name)
        ));
    }
    Ok((resolution, wrong))
}

/// What the demo's recipe says of tuning, filter and training: settings that fit a toy model.
fn demo_presets(demo_recipe: &str) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    if let Ok(table) = demo_recipe.parse::<Table>() {
        flatten("", &table, &mut out);
    }
    out.retain(|key, _| {
        ["synthesizer.", "filter.", "train."]
            .iter()
            .any(|s| key.starts_with(s))
            && key != "synthesizer.seed_data"
    });
    out
}

fn flatten(prefix: &str, table: &Table, out: &mut BTreeMap<String, Value>) {
    for (part, value) in table {
        let name = if prefix.is_empty() {
            part.clone()
        } else {
            format!("{prefix}.{part}")
        };
        let whole = key(&name).is_some();
        match value {
            Value::Table(inner) if !whole => flatten(&name, inner, out),
            _ => {
                out.insert(name, value.clone());
            }
        }
    }
}

/// A TOML value, or the text itself when it is not one (so that `--set model.checkpoint=some/folder` needs no quotes).
pub(super) fn loose_value(text: &str) -> Value {
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn nearest_key(name: &str) -> &'static str {
    // Of equally near ones the first of the alphabet.
    let mut names: Vec<&str> = keys().map(|key| key.name).collect();
    names.sort_unstable();
    corpus::nearest(name, names).unwrap_or("run.seed")
}
