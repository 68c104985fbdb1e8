//! A grid's file.

use std::path::Path;

use toml::Table;

use super::entries::Entries;
use super::factors;
use super::settings::settings;
use super::tables::{At, Wrong};
use super::{Grid, Ground, Keep, Layout, Matching};

/// The keys of a grid.
const KEYS: &[&str] = &[
    "title",
    "about",
    "recipe",
    "demo",
    "notes",
    "set",
    "lab",
    "factor",
    "cell",
    "skip",
    "published",
];

impl Grid {
    /// Reads a grid's text. The recipes that it names are relative to `folder`, the grid's own; paths in `set` are relative to
    /// the recipe that they change, as those of `--set` are. Recipes are not opened.
    ///
    /// Gives every problem at once, each with what was expected and how to mend it.
    ///
    /// ```
    /// let text = "title = \"Blank pictures\"\nrecipe = \"../my.toml\"\n[[factor]]\nname = \"blank pictures\"\n\
    ///     key = \"synthesizer.blank_images\"\nvalues = [0.1, 0.0]\nreference = \"0.1\"\n";
    /// let grid = run::grid::Grid::read(text, "grids".as_ref()).expect("a grid");
    /// let cells = grid.cells().expect("cells");
    /// assert_eq!(cells[1].set, ["synthesizer.blank_images=0.0"]);
    /// assert_eq!(grid.comparisons(), [(1, 0)]);
    /// ```
    pub fn read(text: &str, folder: &Path) -> Result<Self, Vec<String>> {
        let table: Table = text
            .parse()
            .map_err(|error| vec![format!("the grid is not valid TOML: {error}")])?;
        let at = At {
            place: "the grid".to_owned(),
            table: &table,
        };
        let mut wrong = Wrong::default();
        wrong.unknown(&at, KEYS);
        let title = wrong.needed(&at, "title", "what its table is called, `title = \"…\"`");
        let set = match wrong.table(&at, "set") {
            Some(table) => of_all(&mut wrong, table),
            None => Vec::new(),
        };
        let (keep, matching, layout) = lab(&mut wrong, &at);
        let factors = factors::read(&mut wrong, &at, folder);
        factors::clashes(&mut wrong, &factors, &set);
        if !at.table.contains_key("cell") {
            factors::too_many(&mut wrong, &factors);
        }
        let ground = ground(&mut wrong, &at, folder);
        let has_every = |factor: &super::Factor| {
            let mut levels = factor.levels.iter();
            levels.all(|level| level.recipe.is_some() || level.needs.is_some())
        };
        let is_named = at.table.contains_key("recipe") || at.table.contains_key("demo");
        if !is_named && !factors.iter().any(has_every) && !at.table.contains_key("cell") {
            wrong.add(
                "the grid names neither a `recipe` nor a `demo`; write `recipe = \"my.toml\"` (relative to the grid), or \
                 `demo = { domain = \"food\", seed = 1 }`, above its first table, or give every level of a factor a `recipe`"
                    .to_owned(),
            );
        }
        if matching == Matching::Tokens {
            factors::matched(&mut wrong, &factors);
        }
        let mut entries = Entries {
            factors: &factors,
            wrong: &mut wrong,
        };
        let list = entries.cells(&at);
        let skips = entries.skips(&at);
        let published = entries.published(&at);
        let grid = Self {
            title: title.unwrap_or_default(),
            about: wrong.text(&at, "about").unwrap_or_default(),
            ground,
            set,
            keep,
            matching,
            layout,
            notes: notes(&mut wrong, &at),
            factors,
            list,
            skips,
            published,
        };
        if wrong.0.is_empty() {
            Ok(grid)
        } else {
            Err(wrong.0)
        }
    }
}

/// Recipe keys of all cells. What stands below `[set]` and is a key of the grid was meant to stand above.
fn of_all(wrong: &mut Wrong, table: &Table) -> Vec<String> {
    let astray = table.keys().filter(|key| KEYS.contains(&key.as_str()));
    for key in astray {
        wrong.add(format!(
            "`{key}` stands below `[set]`, as if it were a recipe key; keys of the grid itself stand above its first table"
        ));
    }
    let mut rest = table.clone();
    rest.retain(|key, _| !KEYS.contains(&key));
    settings(wrong, "`[set]`", &rest)
}

fn lab(wrong: &mut Wrong, at: &At<'_>) -> (Keep, Matching, Layout) {
    let Some(table) = wrong.table(at, "lab") else {
        return (Keep::default(), Matching::default(), Layout::default());
    };
    let at = At {
        place: "`[lab]`".to_owned(),
        table,
    };
    wrong.unknown(&at, &["keep", "match", "layout"]);
    let keep = [("models", Keep::Models), ("predictions", Keep::Predictions)];
    let matching = [("epochs", Matching::Epochs), ("tokens", Matching::Tokens)];
    let layout = [("tasks", Layout::Tasks), ("ways", Layout::Ways)];
    (
        wrong.word(&at, "keep", &keep),
        wrong.word(&at, "match", &matching),
        wrong.word(&at, "layout", &layout),
    )
}

fn ground(wrong: &mut Wrong, at: &At<'_>, folder: &Path) -> Option<Ground> {
    let recipe = wrong.text(at, "recipe");
    let demo = wrong.table(at, "demo");
    if let (Some(recipe), Some(_)) = (&recipe, demo) {
        wrong.add(format!(
            "the grid names both the `recipe` `{recipe}` and a `demo`; its cells are made over one of them, leave out the other"
        ));
    }
    if let Some(recipe) = recipe {
        return Some(Ground::Recipe(folder.join(recipe)));
    }
    let at = At {
        place: "`demo`".to_owned(),
        table: demo?,
    };
    wrong.unknown(&at, &["domain", "seed"]);
    let domain = wrong.needed(&at, "domain", "`domain = \"food\"`")?;
    let seed = match at.table.get("seed") {
        None => 1,
        Some(value) => {
            let seed = value.as_integer().and_then(|seed| u64::try_from(seed).ok());
            if seed.is_none() {
                wrong.expected(&at, "seed", value, "a whole number of at least 0");
            }
            seed?
        }
    };
    Some(Ground::Demo { domain, seed })
}

fn notes(wrong: &mut Wrong, at: &At<'_>) -> Vec<String> {
    let Some(value) = at.table.get("notes") else {
        return Vec::new();
    };
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let notes: Vec<String> = list
        .iter()
        .filter_map(|note| note.as_str().map(str::to_owned))
        .collect();
    if !value.is_array() || notes.len() < list.len() {
        wrong.expected(at, "notes", value, "a list of sentences in quotes");
    }
    notes
}
