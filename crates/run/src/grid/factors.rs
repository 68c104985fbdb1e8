//! The factors of a grid's file, with their levels.

use std::path::Path;

use toml::{Table, Value};

use super::settings::{SEED, parts, settings};
use super::tables::{At, Wrong, name_of};
use super::{Factor, Level};

/// The most cells of a grid.
const MOST: usize = 5000;

/// The factors. One that says nothing usable is left out, so that reading can go on.
pub(super) fn read(wrong: &mut Wrong, grid: &At<'_>, folder: &Path) -> Vec<Factor> {
    let tables = wrong.list(grid, "factor", "[[factor]]");
    if tables.is_empty() && !grid.table.contains_key("factor") {
        wrong.add(
            "the grid has no factor; say what is varied: `[[factor]]` with a `name`, and a `[[factor.level]]` for each of its \
             levels or a `key` with `values`"
                .to_owned(),
        );
    }
    let mut factors: Vec<Factor> = Vec::new();
    for (at, table) in tables.into_iter().enumerate() {
        let Some(factor) = one(wrong, at + 1, table, folder) else {
            continue;
        };
        if factors.iter().any(|other| other.name == factor.name) {
            wrong.add(format!(
                "two factors are called `{}`; each needs a name of its own",
                factor.name
            ));
        } else {
            factors.push(factor);
        }
    }
    factors
}

fn one(wrong: &mut Wrong, nth: usize, table: &Table, folder: &Path) -> Option<Factor> {
    let mut at = At {
        place: format!("factor {nth}"),
        table,
    };
    let name = wrong.needed(&at, "name", "what is varied, `name = \"…\"`");
    if let Some(name) = &name {
        at.place = format!("factor `{name}`");
    }
    wrong.unknown(&at, &["name", "reference", "key", "values", "level"]);
    let levels = if table.contains_key("key") || table.contains_key("values") {
        of_key(wrong, &at)
    } else {
        of_list(wrong, &at, folder)
    };
    let mut known: Vec<&str> = Vec::new();
    for level in &levels {
        if known.contains(&level.name.as_str()) {
            wrong.add(format!(
                "two levels of {} are called `{}`; each needs a name of its own",
                at.place, level.name
            ));
        }
        if !level.name.contains(char::is_alphanumeric) {
            wrong.add(format!(
                "a level of {} is called `{}`, which has neither letter nor digit; folders are called by it",
                at.place, level.name
            ));
        }
        known.push(&level.name);
    }
    let sets_seed = |level: &Level| matches!(&level.set[..], [item] if parts(item).0 == SEED);
    let is_short = table.get("key").and_then(Value::as_str) == Some(SEED);
    let is_seed = is_short || !levels.is_empty() && levels.iter().all(sets_seed);
    let reference = table.get("reference").map(name_of);
    let unknown = reference.as_deref().filter(|name| !known.contains(name));
    let nearest = unknown.and_then(|name| corpus::nearest(name, known.iter().copied()));
    if let (Some(unknown), Some(nearest)) = (unknown, nearest) {
        wrong.add(format!(
            "`reference` of {} is `{unknown}`, which is none of its levels; did you mean `{nearest}`?",
            at.place
        ));
    }
    if is_seed && reference.is_some() {
        wrong.add(format!(
            "{} has a `reference`, and its levels are random seeds, which are not compared; leave it out",
            at.place
        ));
    }
    let name = name?;
    if levels.is_empty() {
        return None;
    }
    Some(Factor {
        name,
        reference,
        is_seed,
        levels,
    })
}

/// Levels that are the values of one key, and are called like them.
fn of_key(wrong: &mut Wrong, at: &At<'_>) -> Vec<Level> {
    if at.table.contains_key("level") {
        wrong.add(format!(
            "{} has both `key` with `values` and `[[factor.level]]`; keep one of them",
            at.place
        ));
    }
    let key = wrong.needed(
        at,
        "key",
        "the recipe key that is varied, `key = \"run.seed\"`",
    );
    let values = match at.table.get("values") {
        Some(Value::Array(values)) if !values.is_empty() => values.as_slice(),
        Some(value) => {
            wrong.expected(at, "values", value, "a list of the key's values");
            &[]
        }
        None => {
            wrong.add(format!(
                "{} has a `key` and no `values`; write `values = [1, 2, 3]`",
                at.place
            ));
            &[]
        }
    };
    let Some(key) = key else {
        return Vec::new();
    };
    let level = |value: &Value| {
        let name = name_of(value);
        let place = format!("level `{name}` of {}", at.place);
        Level {
            set: settings(
                wrong,
                &place,
                &Table::from_iter([(key.clone(), value.clone())]),
            ),
            about: String::new(),
            recipe: None,
            needs: None,
            name,
        }
    };
    values.iter().map(level).collect()
}

fn of_list(wrong: &mut Wrong, at: &At<'_>, folder: &Path) -> Vec<Level> {
    let tables = wrong.list(at, "level", "[[factor.level]]");
    if tables.is_empty() {
        wrong.add(format!(
            "{} has no levels; write a `[[factor.level]]` for each, or a `key` with `values`",
            at.place
        ));
    }
    let mut levels = Vec::new();
    for (nth, table) in tables.into_iter().enumerate() {
        let mut level = At {
            place: format!("level {} of {}", nth + 1, at.place),
            table,
        };
        let name = wrong.needed(&level, "name", "what it is, `name = \"…\"`");
        if let Some(name) = &name {
            level.place = format!("level `{name}` of {}", at.place);
        }
        wrong.unknown(&level, &["name", "about", "recipe", "set", "needs"]);
        let set = match wrong.table(&level, "set") {
            Some(table) => settings(wrong, &level.place, table),
            None => Vec::new(),
        };
        let needs = table.contains_key("needs").then(|| {
            let example = "what it would need, `needs = \"…\"`";
            wrong.needed(&level, "needs", example).unwrap_or_default()
        });
        levels.push(Level {
            about: wrong.text(&level, "about").unwrap_or_default(),
            recipe: wrong.text(&level, "recipe").map(|path| folder.join(path)),
            // One without a name has been told of; it still counts as a level.
            name: name.unwrap_or_else(|| format!("level {}", nth + 1)),
            set,
            needs,
        });
    }
    levels
}

/// Refuses what would silently win over something else: a key that levels of two factors set, recipes of two factors, and random
/// seeds outside of the one factor that is about them.
pub(super) fn clashes(wrong: &mut Wrong, factors: &[Factor], of_all: &[String]) {
    for (at, one) in factors.iter().enumerate() {
        for other in &factors[at + 1..] {
            if one.is_seed && other.is_seed {
                wrong.add(format!(
                    "the factors `{}` and `{}` are both random seeds (`{SEED}`); keep one of them",
                    one.name, other.name
                ));
            } else if let Some(clash) = clash(one, other) {
                wrong.add(clash);
            }
        }
        let astray = one.levels.iter().filter(|_| !one.is_seed).find(|level| {
            let mut keys = level.set.iter().map(|item| parts(item).0);
            keys.any(|key| key == SEED)
        });
        if let Some(level) = astray {
            wrong.add(format!(
                "level `{}` of factor `{}` sets `{SEED}` among others; random seeds are a factor of their own: `key = \
                 \"{SEED}\"` with `values`",
                level.name, one.name
            ));
        }
    }
    let seeds = factors.iter().find(|factor| factor.is_seed);
    let is_set = of_all.iter().any(|item| parts(item).0 == SEED);
    if let (Some(factor), true) = (seeds, is_set) {
        wrong.add(format!(
            "`{SEED}` is set for all cells by `[set]` and is what factor `{}` varies; leave it out of `[set]`",
            factor.name
        ));
    }
}

/// Refuses a product that nobody can have meant; what is listed is as long as somebody wrote it.
pub(super) fn too_many(wrong: &mut Wrong, factors: &[Factor]) {
    let counts = factors.iter().map(|factor| factor.levels.len());
    let cells = counts.fold(1_usize, usize::saturating_mul);
    if cells > MOST {
        wrong.add(format!(
            "the product of the factors has {cells} cells, and a grid may have {MOST}; list those that are meant in `[[cell]]`, \
             or make several grids"
        ));
    }
}

/// The first thing that levels of two factors both say.
fn clash(one: &Factor, other: &Factor) -> Option<String> {
    for level in &one.levels {
        for second in &other.levels {
            let both = |what: &str| {
                format!(
                    "level `{}` of factor `{}` and level `{}` of factor `{}` both {what}, so that one would win over the \
                     other; let one factor say it",
                    level.name, one.name, second.name, other.name
                )
            };
            if level.recipe.is_some() && second.recipe.is_some() {
                return Some(both("name a `recipe`"));
            }
            let keys = level.set.iter().map(|item| parts(item).0);
            // That of seeds has a sentence of its own.
            let mut keys = keys.filter(|key| *key != SEED);
            let same = keys.find(|key| second.set.iter().any(|item| parts(item).0 == *key));
            if let Some(key) = same {
                return Some(both(&format!("set `{key}`")));
            }
        }
    }
    None
}

/// What `match = "tokens"` asks of factors: a reference whose cells are there to count the tokens of.
pub(super) fn matched(wrong: &mut Wrong, factors: &[Factor]) {
    let mut references = factors.iter().filter(|factor| factor.reference.is_some());
    if references.clone().next().is_none() {
        wrong.add(
            "`match = \"tokens\"` gives every way as many tokens as the reference learns, and no factor has a `reference`; name \
             one, or take `match = \"epochs\"`"
                .to_owned(),
        );
    }
    let needy = references.find_map(|factor| {
        let mut levels = factor.levels.iter();
        let level = levels.find(|level| Some(&level.name) == factor.reference.as_ref())?;
        level.needs.is_some().then_some((factor, level))
    });
    if let Some((factor, level)) = needy {
        wrong.add(format!(
            "`match = \"tokens\"` counts the tokens of the reference, and level `{}` of factor `{}` `needs` something, so that \
             it has no cells; name another `reference`, or take `match = \"epochs\"`",
            level.name, factor.name
        ));
    }
}
