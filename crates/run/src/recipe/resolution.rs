//! A recipe's text as a flat table of known keys, each with its value and where that comes from.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::dtype::{Automatic, DtypeChoice};
use super::family::{Family, Found};
use super::fitting::Fitting;
use super::flat::{flatten, loose_value};
use super::key::{Key, Preset};
use super::keys::{DEMO, key, keys};
pub use super::origin::{Origin, Resolution, Resolved, without_origins};
use super::shape::Shape;
use super::stage_resolution as stages;
use crate::hub::Hub;

/// What a recipe is read among: the rest of the world that its words name.
#[derive(Clone, Debug, Default)]
pub struct Surroundings<'a> {
    /// Where models are that are named as repositories.
    pub hub: Hub,
    /// The demo's own recipe, whose settings are presets with the demo base.
    pub demo_recipe: &'a str,
    /// What `model.dtype = "auto"` stands for.
    pub automatic: Automatic,
    /// What trainings with `fit = "auto"` are fitted to.
    pub fitting: Fitting<'a>,
}

/// Reads a recipe's text, applies overrides (`section.key=value`, or `section.key?=value` for what a grid says of all its cells,
/// which is passed over where another override leaves it unread) and fills in the presets. Those of the paper's table 10
/// are of the column that the checkpoint's `config.json` names; `folder`, the recipe's own, is where it is looked for. A key
/// whose column is not known stays absent ([`without_column`]).
///
/// Gives every problem at once: unknown keys with the nearest known one, wrong types and values out of range.
pub fn resolve(
    text: &str,
    overrides: &[String],
    folder: &Path,
    surroundings: &Surroundings,
) -> Result<Resolution, Vec<String>> {
    match resolve_most(text, overrides, folder, surroundings)? {
        (resolution, Wrong { errors, .. }) if errors.is_empty() => Ok(resolution),
        (_, Wrong { errors, .. }) => Err(errors),
    }
}

/// The keys of table 10 that have no value, since nothing says which column is the model's.
pub fn without_column(resolution: &Resolution) -> Vec<&'static str> {
    let of_columns = keys().filter(|key| matches!(key.preset, Preset::Columns(_)));
    let absent = of_columns.filter(|key| !resolution.contains_key(key.name));
    absent.map(|key| key.name).collect()
}

/// Between the key and the `=` of an override that is a grid's.
pub(super) const OF_GRID: char = '?';

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
    folder: &Path,
    surroundings: &Surroundings,
) -> Result<(Resolution, Wrong), Vec<String>> {
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            return Err(vec![format!(
                "the recipe is not valid TOML: {}",
                syntax(&error, text)
            )]);
        }
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
                let (key, origin) = match key.trim().strip_suffix(OF_GRID) {
                    Some(key) => (key.trim(), Origin::Grid),
                    None => (key.trim(), Origin::Set),
                };
                values.insert(key.to_owned(), (loose_value(value.trim()), origin));
            }
            None => wrong.errors.push(format!(
                "`--set {item}` has no `=`; write `--set section.key=value`"
            )),
        }
    }
    let of_stages = stages::take(&mut values);
    let mut resolution = Resolution::new();
    let demo =
        matches!(values.get("model.checkpoint"), Some((Value::String(name), _)) if name == DEMO);
    let presets = if demo {
        demo_presets(surroundings.demo_recipe)
    } else {
        BTreeMap::new()
    };
    let family = family(&values, folder, &surroundings.hub);
    if let Some((family, origin)) = &family {
        let value = Value::String(family.as_str().to_owned());
        let origin = origin.clone();
        resolution.insert(FAMILY.to_owned(), Resolved { value, origin });
    }
    let family = family.map(|(family, _)| family);
    for key in keys() {
        let given = values.remove(key.name).and_then(|(value, origin)| {
            match key.shape.check(&value) {
                Ok(value) => Some(Resolved { value, origin }),
                Err(problem) => {
                    wrong.errors.push(format!("`{}` {problem}", key.name));
                    if matches!(key.shape, Shape::Addresses) {
                        // The model is at an endpoint all the same, and what is wrong with its other keys can be told.
                        let value = Value::Array(Vec::new());
                        return Some(Resolved { value, origin });
                    }
                    wrong.keys.push(key.name);
                    None
                }
            }
        });
        let from_demo = || {
            Some(Resolved {
                value: presets.get(key.name)?.clone(),
                origin: Origin::Preset(
                    "recipes/demo.toml, as the model is the demo base".to_owned(),
                ),
            })
        };
        let preset = || preset_of(key, family);
        if let Some(resolved) = given.or_else(from_demo).or_else(preset) {
            resolution.insert(key.name.to_owned(), resolved);
        }
    }
    settle_dtype(&mut resolution, &surroundings.automatic);
    stages::settle(of_stages, &mut resolution, family, &mut wrong.errors);
    for name in values.keys() {
        wrong.errors.push(format!(
            "unknown key `{name}`; did you mean `{}`?",
            nearest_key(name)
        ));
    }
    Ok((resolution, wrong))
}

/// What is wrong with a text that is no TOML. Its line is shown, but for one that may hold the key of an endpoint.
fn syntax(error: &toml::de::Error, text: &str) -> String {
    let at = error.span().map_or(0, |span| span.start);
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    if line.contains("endpoint") || line.contains("proxy") || line.contains("key") {
        let number = before.matches('\n').count() + 1;
        format!("line {number}: {}", error.message())
    } else {
        error.to_string()
    }
}

/// The key that names a column of table 10.
pub(super) const FAMILY: &str = "model.family";

/// The column of table 10 that presets are from, and who says so: the recipe, or else the checkpoint.
fn family(
    values: &BTreeMap<String, (Value, Origin)>,
    folder: &Path,
    hub: &Hub,
) -> Option<(Family, Origin)> {
    let given = |key: &str| {
        let (value, origin) = values.get(key)?;
        Some((value.as_str()?, origin))
    };
    if let Some((name, origin)) = given(FAMILY) {
        return Some((name.parse().ok()?, origin.clone()));
    }
    let (checkpoint, _) = given("model.checkpoint")?;
    if checkpoint == DEMO {
        let origin = Origin::Preset("what the demo base is".to_owned());
        return Some((Family::LlavaNext, origin));
    }
    match Found::in_folder(&hub.model_place(checkpoint, folder).base) {
        Found::Is(family) => {
            let origin = Origin::Preset("the checkpoint's `config.json`".to_owned());
            Some((family, origin))
        }
        Found::Near(family, name) => {
            let near =
                format!("nearest to the checkpoint's `{name}`, which table 10 does not have");
            Some((family, Origin::Preset(near)))
        }
        Found::Nothing(_) => None,
    }
}

/// What a key is where nothing is said of it.
pub(super) fn preset_of(key: &Key, family: Option<Family>) -> Option<Resolved> {
    let column = || match family {
        Some(family) => format!("paper, table 10 ({})", family.in_paper()),
        None => "paper, table 10 (all columns)".to_owned(),
    };
    let (value, source) = match key.preset {
        Preset::Absent => return None,
        Preset::Value(value, source) => (value, source.to_owned()),
        Preset::Table9(value) => {
            let only = Family::LlavaNext;
            let tuned = match family {
                Some(other) if other != only => {
                    format!(", the one that was tuned; no {}", other.in_paper())
                }
                _ => String::new(),
            };
            let source = format!("paper, table 9 ({}{tuned})", only.in_paper());
            (value, source)
        }
        Preset::Table10(value) => (value, column()),
        Preset::Evaluation(values) => {
            let at = Family::ALL.iter().position(|one| Some(*one) == family);
            let source = match family {
                Some(family) => format!("paper, evaluation ({})", family.in_paper()),
                None => "the model's own".to_owned(),
            };
            (values[at.unwrap_or_default()], source)
        }
        Preset::Columns(values) => {
            let at = Family::ALL.iter().position(|one| Some(*one) == family)?;
            (values[at], column())
        }
    };
    Some(Resolved {
        value: loose_value(value),
        origin: Origin::Preset(source),
    })
}

/// The fewest and most pixels of a question's picture, as the paper's evaluation asks a model of this folder's family; the
/// model's own where nothing is said.
pub fn evaluation_pixels(folder: &Path) -> [Option<usize>; 2] {
    pixels(match Found::in_folder(folder) {
        Found::Is(family) | Found::Near(family, _) => Some(family),
        Found::Nothing(_) => None,
    })
}

/// As [`evaluation_pixels`], of a family that is known already.
pub(super) fn pixels(family: Option<Family>) -> [Option<usize>; 2] {
    ["evaluate.min_pixels", "evaluate.max_pixels"].map(|name| {
        let preset = preset_of(key(name)?, family)?;
        usize::try_from(preset.value.as_integer()?)
            .ok()
            .filter(|&pixels| pixels > 0)
    })
}

/// What `auto` stands for takes its place, so that the recipe as it is written down, and every key, has the dtype itself.
fn settle_dtype(resolution: &mut Resolution, automatic: &Automatic) {
    let Some(resolved) = resolution.get_mut("model.dtype") else {
        return;
    };
    if resolved.value.as_str() == Some(DtypeChoice::Auto.as_str()) {
        *resolved = Resolved {
            value: Value::String(automatic.dtype.as_str().to_owned()),
            origin: Origin::Chosen(automatic.why.clone()),
        };
    }
}

/// What the demo's recipe says of tuning, filter and training: settings that fit a toy model.
fn demo_presets(demo_recipe: &str) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    if let Ok(table) = demo_recipe.parse::<Table>() {
        flatten("", &table, &mut out);
    }
    out.retain(|key, _| {
        ["model.dtype", "synthesizer.", "filter.", "train."]
            .iter()
            .any(|s| key.starts_with(s))
            && key != "synthesizer.seed_data"
    });
    out
}

/// The name that somebody may have meant.
pub(super) fn nearest_key(name: &str) -> &'static str {
    // Of equally near ones the first of the alphabet.
    let mut names: Vec<&str> = keys().map(|key| key.name).collect();
    names.sort_unstable();
    corpus::nearest(name, names).unwrap_or("run.seed")
}
