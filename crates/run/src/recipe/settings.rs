//! Tables of recipe keys that stand in other files, as the overrides that `--set` takes.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::flat::{flatten, loose_value};
use super::keys::key;
use super::resolution::nearest_key;
use super::stages::STAGES;

/// Recipe keys of a table, nested or dotted, as `section.key=value` with the value as TOML, in the order of their names. What
/// cannot be used is told in sentences, all of them at once: unknown keys with the nearest known one, and values that do not
/// fit. What only the other keys of a recipe can tell is told when it is resolved with these.
///
/// ```
/// let table = toml::from_str("train.epochs = 2\n[mix]\ncaption = false\n").expect("TOML");
/// let said = run::recipe::overrides(&table);
/// assert_eq!(said, Ok(vec!["mix.caption=false".to_owned(), "train.epochs=2".to_owned()]));
/// ```
pub fn overrides(table: &Table) -> Result<Vec<String>, Vec<String>> {
    let mut flat = BTreeMap::new();
    flatten("", table, &mut flat);
    // Of stages single keys may be said, by the stage's name, beside the list that the key itself takes.
    if let Some(Value::Table(stages)) = flat.get(STAGES).cloned() {
        flat.remove(STAGES);
        flatten(STAGES, &stages, &mut flat);
    }
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    for (name, value) in flat {
        match key(&name).map(|key| key.shape.check(&value)) {
            None => errors.push(format!(
                "unknown recipe key `{name}`; did you mean `{}`?",
                nearest_key(&name)
            )),
            Some(Err(problem)) => errors.push(format!("`{name}` {problem}")),
            Some(Ok(value)) => out.push(format!("{name}={value}")),
        }
    }
    if errors.is_empty() {
        Ok(out)
    } else {
        Err(errors)
    }
}

/// The text of a recipe in which the file itself says these overrides, and those of them that it cannot say. What the file
/// says may be left unread where an override changes what reads it; an override itself may not.
///
/// ```
/// let set = ["train.epochs=2".to_owned()];
/// let (text, rest) = run::recipe::said_by_file("[train]\nepochs = 1\nseed = 3\n", &set);
/// assert_eq!(text, "[train]\nepochs = 2\nseed = 3\n");
/// assert!(rest.is_empty());
/// ```
pub fn said_by_file(text: &str, overrides: &[String]) -> (String, Vec<String>) {
    // What is no TOML is told by whoever reads it.
    let Ok(mut table) = text.parse::<Table>() else {
        return (text.to_owned(), overrides.to_vec());
    };
    let mut rest = Vec::new();
    for item in overrides {
        let said = item
            .split_once('=')
            .is_some_and(|(name, value)| say(&mut table, name.trim(), loose_value(value.trim())));
        if !said {
            rest.push(item.clone());
        }
    }
    match toml::to_string(&table) {
        Ok(text) => (text, rest),
        Err(_) => (text.to_owned(), overrides.to_vec()),
    }
}

/// Puts a value under its dotted name; not where something that is no table is in the way.
fn say(table: &mut Table, name: &str, value: Value) -> bool {
    let Some((section, rest)) = name.split_once('.') else {
        table.insert(name.to_owned(), value);
        return true;
    };
    let inner = table
        .entry(section.to_owned())
        .or_insert_with(|| Value::Table(Table::new()));
    match inner {
        Value::Table(inner) => say(inner, rest, value),
        _ => false,
    }
}
