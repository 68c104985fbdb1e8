//! Tables of recipe keys that stand in other files, as the overrides that `--set` takes.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::flat::flatten;
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
