//! Recipe keys in a grid.

use toml::Table;

use super::tables::Wrong;
use crate::recipe::overrides;

/// The key whose levels are random seeds.
pub(super) const SEED: &str = "run.seed";

/// Recipe keys of a table, as overrides; `place` says whose they are.
pub(super) fn settings(wrong: &mut Wrong, place: &str, table: &Table) -> Vec<String> {
    overrides(table).unwrap_or_else(|errors| {
        for error in errors {
            wrong.add(format!("{place}: {error}"));
        }
        Vec::new()
    })
}

/// Key and value of an override.
pub(super) fn parts(item: &str) -> (&str, &str) {
    let (key, value) = item.split_once('=').unwrap_or((item, ""));
    (key.strip_suffix('?').unwrap_or(key), value)
}

/// An override as one that a grid has for all of its cells.
pub(super) fn of_grid(item: &str) -> String {
    item.replacen('=', "?=", 1)
}

/// The random seed that overrides give, if they give one.
pub(super) fn seed_of(set: &[String]) -> Option<u64> {
    let mut seeds = set.iter().map(|item| parts(item));
    seeds.rfind(|(key, _)| *key == SEED)?.1.parse().ok()
}
