//! The stages of a training in a resolution: every key of every stage by its dotted name, `train.stages.<stage>.<key>`, with
//! where its value comes from, and under `train.stages` their names in order.
//!
//! A stage is an entry of `[[train.stages]]` or of what `train.pipeline` stands for. A table `[train.stages.<stage>]`, where
//! the stages are those of a pipeline, and `--set train.stages.<stage>.<key>=…` change single keys of them.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::family::Family;
use super::flat::{flatten, loose_value};
use super::keys::key;
use super::origin::{Origin, Resolution, Resolved};
use super::shape::listed;
use super::stage_keys::{nearest, of_stage};
use super::stages::{PIPELINE, Pipeline, STAGES, StageData, section_of};

/// What is said of stages: a list of them, and single keys by their dotted names.
#[derive(Default)]
pub(super) struct Given {
    list: Option<(Value, Origin)>,
    changes: Vec<(String, Resolved)>,
}

/// Takes out what is said of stages.
pub(super) fn take(values: &mut BTreeMap<String, (Value, Origin)>) -> Given {
    let mut given = Given::default();
    match values.remove(STAGES) {
        Some((Value::Table(table), origin)) => {
            let mut flat = BTreeMap::new();
            flatten(STAGES, &table, &mut flat);
            let changes = flat.into_iter().map(|(name, value)| {
                let origin = origin.clone();
                (name, Resolved { value, origin })
            });
            given.changes.extend(changes);
        }
        other => given.list = other,
    }
    let prefix = format!("{STAGES}.");
    let names: Vec<String> = values
        .keys()
        .filter(|name| name.starts_with(&prefix))
        .cloned()
        .collect();
    for name in names {
        if let Some((value, origin)) = values.remove(&name) {
            given.changes.push((name, Resolved { value, origin }));
        }
    }
    given
}

/// A stage with what is said of it alone, by the names of keys in a stage.
struct Draft {
    name: String,
    own: BTreeMap<String, Resolved>,
}

/// Puts the stages into a resolution that has all other keys.
pub(super) fn settle(
    given: Given,
    resolution: &mut Resolution,
    family: Option<Family>,
    errors: &mut Vec<String>,
) {
    let said = resolution.get(PIPELINE).cloned();
    let word = said.as_ref().and_then(|said| said.value.as_str());
    let pipeline: Pipeline = word.and_then(|word| word.parse().ok()).unwrap_or_default();
    let (mut drafts, origin) = if let Some((list, origin)) = given.list {
        if said.is_some_and(|said| said.origin.is_given()) {
            errors.push(format!(
                "`{PIPELINE} = \"{}\"` and `[[{STAGES}]]` both say which stages there are; keep `{PIPELINE}` for the \
                 paper's, or `[[{STAGES}]]` for your own",
                pipeline.as_str()
            ));
        }
        resolution.remove(PIPELINE);
        (of_list(&list, &origin, errors), origin)
    } else {
        let source = format!("what `{PIPELINE}` stands for");
        (of_pipeline(pipeline, family), Origin::Preset(source))
    };
    change(&mut drafts, given.changes, errors);
    if drafts.is_empty() {
        return;
    }
    let names = drafts.iter().map(|draft| Value::String(draft.name.clone()));
    let value = Value::Array(names.collect());
    resolution.insert(STAGES.to_owned(), Resolved { value, origin });
    for draft in &drafts {
        put(draft, resolution, errors);
    }
    for (flag, task, has) in [
        (
            "mix.caption",
            "captions",
            StageData::has_captions as fn(StageData) -> bool,
        ),
        ("mix.synthetic", "synthetic tasks", StageData::has_tasks),
    ] {
        let trains = drafts.iter().find(|draft| data_of(draft).is_some_and(has));
        settle_flag(resolution, flag, task, trains, errors);
    }
}

/// The entries of `[[train.stages]]`.
fn of_list(list: &Value, origin: &Origin, errors: &mut Vec<String>) -> Vec<Draft> {
    let tables: Option<Vec<&Table>> = list
        .as_array()
        .and_then(|list| list.iter().map(Value::as_table).collect());
    let Some(tables) = tables else {
        errors.push(format!(
            "`{STAGES}` is `{list}`, expected tables `[[{STAGES}]]`"
        ));
        return Vec::new();
    };
    if tables.is_empty() {
        errors.push(format!(
            "`{STAGES}` is empty; leave it out for a single stage, or name at least one"
        ));
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for (nth, table) in tables.into_iter().enumerate() {
        let nth = nth + 1;
        let name = match table.get("name") {
            None => {
                errors.push(format!("stage {nth} of `{STAGES}` has no `name`"));
                continue;
            }
            Some(Value::String(name)) if is_name(name) => name.clone(),
            Some(other) => {
                errors.push(format!(
                    "stage {nth} of `{STAGES}` is called `{other}`; a name is made of letters, digits, `-` and `_`"
                ));
                continue;
            }
        };
        if drafts.iter().any(|draft| draft.name == name) {
            errors.push(format!(
                "two stages of `{STAGES}` are called `{name}`; each needs a name of its own"
            ));
            continue;
        }
        let section = section_of(&name);
        let mut flat = BTreeMap::new();
        flatten(&section, table, &mut flat);
        let own = flat.into_iter().filter_map(|(key, value)| {
            let key = key.strip_prefix(&section)?.strip_prefix('.')?.to_owned();
            let origin = origin.clone();
            (key != "name").then_some((key, Resolved { value, origin }))
        });
        let own = own.collect();
        drafts.push(Draft { name, own });
    }
    drafts
}

/// Fit for a file name and for a dotted one.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= 40 && name.chars().all(fits)
}

/// The stages of the paper.
fn of_pipeline(pipeline: Pipeline, family: Option<Family>) -> Vec<Draft> {
    let source = match family {
        Some(family) => format!("paper, appendix E ({})", family.in_paper()),
        None => "paper, appendix E".to_owned(),
    };
    let preset = |value: Value| Resolved {
        value,
        origin: Origin::Preset(source.clone()),
    };
    let stages = pipeline.stages(family).into_iter();
    let drafts = stages.map(|stage| {
        let own = stage.own.iter();
        let mut own: BTreeMap<String, Resolved> = own
            .map(|(name, value)| ((*name).to_owned(), preset(loose_value(value))))
            .collect();
        let data = Value::String(stage.data.as_str().to_owned());
        own.insert("data".to_owned(), preset(data));
        Draft {
            name: stage.name.to_owned(),
            own,
        }
    });
    drafts.collect()
}

/// Single keys of stages.
fn change(drafts: &mut [Draft], changes: Vec<(String, Resolved)>, errors: &mut Vec<String>) {
    let names: Vec<String> = drafts.iter().map(|d| format!("`{}`", d.name)).collect();
    for (name, resolved) in changes {
        let of = name.strip_prefix(STAGES).unwrap_or_default();
        let of = of.strip_prefix('.').unwrap_or_default();
        let (stage, key) = of.split_once('.').unwrap_or((of, ""));
        let draft = drafts.iter_mut().find(|draft| draft.name == stage);
        match draft {
            Some(draft) => {
                draft.own.insert(key.to_owned(), resolved);
            }
            None if names.is_empty() => errors.push(format!(
                "`{name}` is of a stage, and the training has a single one; name stages in `[[{STAGES}]]`, or choose \
                 some with `{PIPELINE}`"
            )),
            None => errors.push(format!(
                "`{name}` is of the stage `{stage}`, which there is not; stages are {}",
                listed(&names, "and")
            )),
        }
    }
}

/// What a stage trains on, where it is a word.
fn data_of(draft: &Draft) -> Option<StageData> {
    draft.own.get("data")?.value.as_str()?.parse().ok()
}

/// All keys of a stage: its own, and of the others what `[train]` has.
fn put(draft: &Draft, resolution: &mut Resolution, errors: &mut Vec<String>) {
    let (stage, section) = (&draft.name, section_of(&draft.name));
    let mut usable: BTreeMap<&str, &Resolved> = BTreeMap::new();
    for (name, resolved) in &draft.own {
        let full = format!("{section}.{name}");
        let Some(key) = key(&full) else {
            errors.push(format!(
                "unknown key `{name}` of the stage `{stage}` of `{STAGES}`; did you mean `{}`?",
                nearest(name)
            ));
            continue;
        };
        match key.shape.check(&resolved.value) {
            Ok(_) => {
                usable.insert(name, resolved);
            }
            Err(problem) => errors.push(format!("`{full}` {problem}")),
        }
    }
    if let Some(data) = usable.get("data") {
        resolution.insert(format!("{section}.data"), (*data).clone());
    } else if !draft.own.contains_key("data") {
        errors.push(format!(
            "the stage `{stage}` of `{STAGES}` has no `data`; say what it trains on: {}, or a sample file",
            StageData::WORDS.join(", ")
        ));
    }
    for (name, key) in of_stage() {
        let shared = || {
            let Resolved { value, origin } = resolution.get(key.name)?.clone();
            let origin = if origin.is_given() {
                Origin::Train(Box::new(origin))
            } else {
                origin
            };
            Some(Resolved { value, origin })
        };
        let own = usable.get(name).map(|own| (*own).clone());
        if let Some(resolved) = own.or_else(shared) {
            resolution.insert(format!("{section}.{name}"), resolved);
        }
    }
}

/// Whether a task is made is what the stages train; a recipe that says otherwise is wrong.
fn settle_flag(
    resolution: &mut Resolution,
    flag: &str,
    task: &str,
    trains: Option<&Draft>,
    errors: &mut Vec<String>,
) {
    let Some(resolved) = resolution.get_mut(flag) else {
        return;
    };
    if !resolved.origin.is_given() {
        *resolved = Resolved {
            value: Value::Boolean(trains.is_some()),
            origin: Origin::Preset("what the stages of the training need".to_owned()),
        };
        return;
    }
    match (resolved.value.as_bool(), trains) {
        (Some(false), Some(draft)) => errors.push(format!(
            "the stage `{}` trains {task}, and `{flag}` is off",
            draft.name
        )),
        (Some(true), None) => errors.push(format!(
            "`{flag}` is on, and no stage of the training trains {task}; leave it out"
        )),
        _ => {}
    }
}
