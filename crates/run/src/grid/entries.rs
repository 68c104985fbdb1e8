//! What a grid's file says of combinations of levels: the list of cells, what is skipped, and published scores.

use toml::Table;

use super::tables::{At, Wrong, name_of};
use super::{Factor, Levels, Published, Skip};

/// The system that published scores are of, where nothing else is said.
const ADAPTED: &str = "adapted";

/// Reads entries that name levels of these factors.
pub(super) struct Entries<'a> {
    pub factors: &'a [Factor],
    pub wrong: &'a mut Wrong,
}

impl Entries<'_> {
    /// The listed cells. One that names no random seed stands for all of them.
    pub fn cells(&mut self, grid: &At<'_>) -> Vec<Levels> {
        let mut out = Vec::new();
        let tables = self.wrong.list(grid, "cell", "[[cell]]");
        for (nth, table) in tables.into_iter().enumerate() {
            let place = format!("cell {}", nth + 1);
            let levels = self.levels(&place, table);
            let factors = self.factors.iter();
            let absent = factors.filter(|factor| !table.contains_key(&factor.name));
            let (seeds, absent): (Vec<_>, Vec<_>) = absent.partition(|factor| factor.is_seed);
            for factor in absent {
                self.wrong.add(format!(
                    "{place} says nothing of factor `{}`; name one of its levels ({})",
                    factor.name,
                    names(factor).join(", ")
                ));
            }
            match seeds.first() {
                Some(factor) => out.extend(names(factor).into_iter().map(|seed| {
                    let mut levels = levels.clone();
                    levels.insert(factor.name.clone(), seed.to_owned());
                    levels
                })),
                None => out.push(levels),
            }
        }
        out
    }

    /// Combinations that have no cell.
    pub fn skips(&mut self, grid: &At<'_>) -> Vec<Skip> {
        let mut out = Vec::new();
        let tables = self.wrong.list(grid, "skip", "[[skip]]");
        for (nth, table) in tables.into_iter().enumerate() {
            let at = At {
                place: format!("skip {}", nth + 1),
                table,
            };
            self.wrong.unknown(&at, &["levels", "because"]);
            let because = self.wrong.needed(&at, "because", "why, `because = \"…\"`");
            let levels = self.named_levels(&at);
            out.push(Skip {
                levels,
                because: because.unwrap_or_default(),
            });
        }
        out
    }

    /// Published scores.
    pub fn published(&mut self, grid: &At<'_>) -> Vec<Published> {
        let mut out = Vec::new();
        let tables = self.wrong.list(grid, "published", "[[published]]");
        for (nth, table) in tables.into_iter().enumerate() {
            let at = At {
                place: format!("published {}", nth + 1),
                table,
            };
            let known = ["levels", "system", "scores", "source", "differs"];
            self.wrong.unknown(&at, &known);
            let levels = self.named_levels(&at);
            let seeds = self.factors.iter().filter(|factor| factor.is_seed);
            for factor in seeds.filter(|factor| levels.contains_key(&factor.name)) {
                self.wrong.add(format!(
                    "`levels` of {} names a random seed (factor `{}`), and what is published is of a way, whatever the seed; \
                     leave it out",
                    at.place, factor.name
                ));
            }
            let system = self.wrong.text(&at, "system");
            let system = system.unwrap_or_else(|| ADAPTED.to_owned());
            let is_known = system == ADAPTED || system == "base" || system.starts_with("after-");
            if !is_known {
                self.wrong.add(format!(
                    "`system` of {} is `{system}`, expected `adapted`, `base`, or `after-` and the name of a stage of the \
                     training",
                    at.place
                ));
            }
            let source = "where the scores are from, `source = \"table 5\"`";
            let source = self.wrong.needed(&at, "source", source);
            out.push(Published {
                levels,
                system,
                scores: self.scores(&at),
                source: source.unwrap_or_default(),
                differs: self.wrong.text(&at, "differs").unwrap_or_default(),
            });
        }
        out
    }

    fn scores(&mut self, at: &At<'_>) -> std::collections::BTreeMap<String, f64> {
        let table = self.wrong.table(at, "scores");
        let found = table.into_iter().flatten().filter_map(|(column, value)| {
            let number = value.as_float();
            let number = number.or_else(|| value.as_integer().map(|whole| whole as f64));
            let usable = number.filter(|number| (0.0..=100.0).contains(number));
            if usable.is_none() {
                self.wrong.add(format!(
                    "`{column}` in `scores` of {} is `{value}`, expected a number from 0 to 100",
                    at.place
                ));
            }
            Some((column.clone(), usable?))
        });
        let scores = found.collect();
        if table.is_none_or(Table::is_empty) {
            self.wrong.add(format!(
                "{} has no `scores`; write `scores = {{ food = 42.0 }}`",
                at.place
            ));
        }
        scores
    }

    /// The levels of an entry's `levels`; at least one.
    fn named_levels(&mut self, at: &At<'_>) -> Levels {
        match self.wrong.table(at, "levels") {
            Some(table) if !table.is_empty() => {
                let place = format!("`levels` of {}", at.place);
                self.levels(&place, table)
            }
            Some(_) => {
                self.wrong.add(format!(
                    "`levels` of {} is empty; name a level of at least one factor",
                    at.place
                ));
                Levels::new()
            }
            None if !at.table.contains_key("levels") => {
                let factor = self.factors.first().map_or("factor", |one| &one.name);
                self.wrong.add(format!(
                    "{} has no `levels`; write `levels = {{ \"{factor}\" = \"…\" }}`",
                    at.place
                ));
                Levels::new()
            }
            None => Levels::new(),
        }
    }

    /// Levels by factor. Unknown ones are told of with the nearest that there are.
    fn levels(&mut self, place: &str, table: &Table) -> Levels {
        let mut levels = Levels::new();
        for (name, value) in table {
            let Some(factor) = self.factors.iter().find(|factor| factor.name == *name) else {
                let all = self.factors.iter().map(|factor| factor.name.as_str());
                let hint = corpus::nearest(name, all)
                    .map(|nearest| format!("; did you mean `{nearest}`?"))
                    .unwrap_or_default();
                self.wrong
                    .add(format!("{place} names the unknown factor `{name}`{hint}"));
                continue;
            };
            let level = name_of(value);
            let known = names(factor);
            if known.contains(&level.as_str()) {
                levels.insert(name.clone(), level);
            } else {
                let nearest = corpus::nearest(&level, known.iter().copied()).unwrap_or_default();
                self.wrong.add(format!(
                    "{place} names the level `{level}` of factor `{name}`, which there is not; did you mean `{nearest}`?"
                ));
            }
        }
        levels
    }
}

fn names(factor: &Factor) -> Vec<&str> {
    let levels = factor.levels.iter();
    levels.map(|level| level.name.as_str()).collect()
}
