//! The cells of a grid, the ways that a table has rows for, and which of them are compared.

use std::collections::BTreeMap;

use super::settings::{of_grid, parts, seed_of};
use super::{Cell, Factor, Grid, Ground, Level, Levels, Way};

/// The longest name of a file that all file systems take is 255 bytes, and stages come behind a cell's.
const LONGEST: usize = 180;

/// A level of every factor, in the order of the factors.
type Combination<'a> = Vec<(&'a Factor, &'a Level)>;

impl Grid {
    /// The cells, in the order of the file's list, or else of the product with the last factor changing fastest. Skipped
    /// combinations and those with a level that `needs` something have none.
    ///
    /// Refuses, in sentences, cells without a recipe, cells whose names fall together, and cells that are the same.
    pub fn cells(&self) -> Result<Vec<Cell>, Vec<String>> {
        let mut errors = Vec::new();
        let mut cells = Vec::new();
        for combination in self.combinations() {
            if combination.iter().any(|(_, level)| level.needs.is_some()) {
                continue;
            }
            let levels = levels_of(&combination);
            let name = cell_name(&combination);
            let of_levels = combination
                .iter()
                .find_map(|(_, level)| level.recipe.clone());
            let Some(ground) = of_levels
                .map(Ground::Recipe)
                .or_else(|| self.ground.clone())
            else {
                errors.push(format!(
                    "cell `{name}` has no recipe; name one in `recipe` of the grid or of one of its levels"
                ));
                continue;
            };
            let own = combination.iter().flat_map(|(_, level)| &level.set);
            let of_all = self.set.iter().map(|item| of_grid(item));
            let set: Vec<String> = of_all.chain(own.cloned()).collect();
            let is_seeded = combination.iter().any(|(factor, _)| factor.is_seed);
            let seed = seed_of(&set).filter(|_| is_seeded);
            if name.len() > LONGEST {
                errors.push(format!(
                    "the name `{name}` of a cell has {} bytes, and a folder's may have {LONGEST}; give its levels shorter names",
                    name.len()
                ));
            }
            cells.push(Cell {
                name,
                levels,
                seed,
                ground,
                set,
            });
        }
        if cells.is_empty() && errors.is_empty() {
            errors.push(
                "the grid has no cell: every combination of its levels is skipped or needs something".to_owned(),
            );
        }
        errors.extend(twins(&cells));
        if errors.is_empty() {
            Ok(cells)
        } else {
            Err(errors)
        }
    }

    /// Every combination of levels but the random seed's, in the order of the cells; also those that `need` something, which
    /// have no cells. Skipped ones are left out.
    pub fn ways(&self) -> Vec<Way> {
        let mut ways: Vec<Way> = Vec::new();
        for combination in self.combinations() {
            let unseeded = combination.iter().filter(|(factor, _)| !factor.is_seed);
            let unseeded: Combination<'_> = unseeded.copied().collect();
            let levels = levels_of(&unseeded);
            let needs = unseeded.iter().filter_map(|(_, level)| level.needs.clone());
            let needs: Vec<String> = needs.collect();
            let at = ways.iter().position(|way| way.levels == levels);
            let at = at.unwrap_or_else(|| {
                ways.push(Way {
                    name: way_name(&unseeded),
                    levels,
                    needs: (!needs.is_empty()).then(|| needs.join("; ")),
                    cells: Vec::new(),
                });
                ways.len() - 1
            });
            if ways[at].needs.is_none() {
                let mut seeds = combination.iter().filter(|(factor, _)| factor.is_seed);
                let seed = seeds.next().and_then(|(_, level)| seed_of(&level.set));
                ways[at].cells.push((seed, cell_name(&combination)));
            }
        }
        ways
    }

    /// Which ways are compared with which, by their places in [`Grid::ways`]: for each factor with a reference every other level
    /// against it, all other factors equal. Ways without cells are not compared.
    pub fn comparisons(&self) -> Vec<(usize, usize)> {
        let ways = self.ways();
        let mut out = Vec::new();
        for factor in &self.factors {
            let Some(reference) = &factor.reference else {
                continue;
            };
            for (at, way) in ways.iter().enumerate() {
                if way.levels.get(&factor.name) == Some(reference) || way.cells.is_empty() {
                    continue;
                }
                let mut wanted = way.levels.clone();
                wanted.insert(factor.name.clone(), reference.clone());
                let is_wanted = |other: &Way| other.levels == wanted && !other.cells.is_empty();
                out.extend(ways.iter().position(is_wanted).map(|against| (at, against)));
            }
        }
        out
    }

    /// The combinations that are not skipped: those of the list, or else the product.
    fn combinations(&self) -> Vec<Combination<'_>> {
        let mut all = if self.list.is_empty() {
            self.product()
        } else {
            let listed = self.list.iter();
            listed
                .filter_map(|levels| self.combination(levels))
                .collect()
        };
        all.retain(|combination| {
            let levels = levels_of(combination);
            let holds = |skipped: &Levels| {
                let mut named = skipped.iter();
                named.all(|(factor, level)| levels.get(factor) == Some(level))
            };
            !self.skips.iter().any(|skip| holds(&skip.levels))
        });
        all
    }

    fn product(&self) -> Vec<Combination<'_>> {
        let mut all = vec![Vec::new()];
        for factor in &self.factors {
            let longer = all.into_iter().flat_map(|combination: Combination<'_>| {
                factor.levels.iter().map(move |level| {
                    let mut longer = combination.clone();
                    longer.push((factor, level));
                    longer
                })
            });
            all = longer.collect();
        }
        all
    }

    fn combination(&self, levels: &Levels) -> Option<Combination<'_>> {
        let factors = self.factors.iter();
        let found = factors.map(|factor| {
            let name = levels.get(&factor.name)?;
            let level = factor.levels.iter().find(|level| level.name == *name)?;
            Some((factor, level))
        });
        found.collect()
    }
}

fn levels_of(combination: &Combination<'_>) -> Levels {
    let pairs = combination.iter();
    pairs
        .map(|(factor, level)| (factor.name.clone(), level.name.clone()))
        .collect()
}

/// The names of the levels, cut down to what all file systems take.
fn cell_name(combination: &Combination<'_>) -> String {
    let parts = combination.iter().map(|(_, level)| cut(&level.name));
    parts.collect::<Vec<_>>().join("_")
}

/// Letters and digits, with a hyphen for all that stands between them.
fn cut(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// The names of the levels, but for those of factors with a single one where another factor has several.
fn way_name(combination: &Combination<'_>) -> String {
    let several = |pair: &&(&Factor, &Level)| pair.0.levels.len() > 1;
    let is_varied = combination.iter().any(|pair| several(&pair));
    let told = combination
        .iter()
        .filter(|pair| !is_varied || several(pair));
    let names: Vec<&str> = told.map(|(_, level)| level.name.as_str()).collect();
    names.join(", ")
}

/// Cells that have one name, or are made over one ground with the same keys.
fn twins(cells: &[Cell]) -> Vec<String> {
    let mut errors = Vec::new();
    let mut by_name: BTreeMap<String, &Cell> = BTreeMap::new();
    let mut by_content: BTreeMap<(String, BTreeMap<&str, &str>), &Cell> = BTreeMap::new();
    for cell in cells {
        let said = |cell: &Cell| {
            let levels = cell.levels.iter();
            let all = levels.map(|(factor, level)| format!("{factor} = \"{level}\""));
            all.collect::<Vec<_>>().join(", ")
        };
        // Of a key that is said twice the last counts.
        let set: BTreeMap<&str, &str> = cell.set.iter().map(|item| parts(item)).collect();
        let content = (format!("{:?}", cell.ground), set);
        if let Some(other) = by_content.insert(content, cell) {
            errors.push(format!(
                "the cells ({}) and ({}) are the same: one recipe with the same keys; leave one of them out",
                said(other),
                said(cell)
            ));
        } else if let Some(other) = by_name.insert(cell.name.to_lowercase(), cell) {
            errors.push(format!(
                "the cells ({}) and ({}) would both lie in a folder `{}`, as only letters and digits of the names count; call \
                 one of the levels something else",
                said(other),
                said(cell),
                cell.name
            ));
        }
    }
    errors
}
