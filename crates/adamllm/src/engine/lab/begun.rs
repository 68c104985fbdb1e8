//! What a lab was begun with: a grid that says something else by now is told.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use corpus::sealed::{changed_keys, read_sealed, write_json, write_sealed};
use pipeline::lab::{CELLS, Union};
use run::recipe::without_origins;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cells::Prepared;

const NOTE: &str = "grid.json";

/// The stages of each cell by their names in its graph: their names in the store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    cells: BTreeMap<String, BTreeMap<String, String>>,
}

impl Begun {
    /// Of the grid as it is now; a cell that waits is not begun.
    pub fn of(prepared: &Prepared, union: &Union<'_>) -> Self {
        let cells = prepared.cells.iter().enumerate();
        Self {
            cells: cells
                .map(|(number, cell)| (cell.name.clone(), union.ids(number)))
                .filter(|(_, ids)| !ids.is_empty())
                .collect(),
        }
    }

    /// What is different from when the lab was begun, in notes; refused where a cell means something else, unless `changed`
    /// says that it may.
    pub fn against(&self, lab: &Path, prepared: &Prepared, changed: bool) -> Result<Vec<String>> {
        let path = lab.join(NOTE);
        let Some(before) = read_sealed::<Self>(&path) else {
            // Results are known by their keys; only what changed cannot be told any more.
            let damaged = format!(
                "`{}` is damaged, so that nobody can tell whether the grid changed since the lab was begun; it is written anew",
                path.display()
            );
            return Ok(path.exists().then_some(damaged).into_iter().collect());
        };
        let mut notes = Vec::new();
        let known = |name: &str| before.cells.contains_key(name);
        let new = self.cells.keys().filter(|name| !known(name)).count();
        if new > 0 {
            notes.push(format!("{new} cells are new in the lab"));
        }
        let all = |name: &&String| prepared.all.iter().any(|(cell, _)| cell.name == **name);
        let gone: Vec<&str> = before
            .cells
            .keys()
            .filter(|name| !all(name))
            .map(String::as_str)
            .collect();
        if !gone.is_empty() {
            notes.push(format!(
                "{} cells are no longer in the grid (such as `{}`); `adamllm lab clean` removes what only they need",
                gone.len(),
                gone[0]
            ));
        }
        let mut other = Vec::new();
        for (name, ids) in &self.cells {
            let Some(then) = before.cells.get(name).filter(|then| *then != ids) else {
                continue;
            };
            let differing = ids
                .iter()
                .filter(|(stage, id)| then.get(*stage) != Some(id));
            let stages: Vec<&str> = differing.map(|(stage, _)| stage.as_str()).collect();
            other.push((name, stages));
        }
        let Some((name, stages)) = other.first() else {
            return Ok(notes);
        };
        let what = format!(
            "{} cells of the grid mean something else than when the lab was begun; of `{name}` {} differ{}",
            other.len(),
            if stages.is_empty() {
                "the stages".to_owned()
            } else {
                stages.join(", ")
            },
            prepared.differences(lab, name)
        );
        if changed {
            notes.push(format!("{what}; what is equal is used again"));
            return Ok(notes);
        }
        bail!(
            "{what}.\nGo on with the grid as it is now by `--changed` (what is equal is used again, what was done stays until \
             `adamllm lab clean`), or choose another --lab-dir"
        )
    }

    /// Notes what the lab goes on with: the recipe of each cell as it was resolved, and the names of its stages.
    pub fn write(&self, lab: &Path, prepared: &Prepared) -> Result<()> {
        for cell in &prepared.cells {
            let folder = lab.join(CELLS).join(&cell.name);
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make `{}`", folder.display()))?;
            write_json(&folder.join("recipe.json"), &cell.recipe.resolution)?;
        }
        // Cells that are gone stay known, so that a grid that names them again goes on with them.
        let mut all = read_sealed::<Self>(&lab.join(NOTE)).unwrap_or_default();
        all.cells.extend(self.cells.clone());
        Ok(write_sealed(&lab.join(NOTE), &all)?)
    }
}

impl Prepared {
    /// The recipe keys in which a cell differs from what it was begun with, as an addition to a sentence.
    fn differences(&self, lab: &Path, name: &str) -> String {
        let path = lab.join(CELLS).join(name).join("recipe.json");
        let before: Option<Value> = std::fs::read(path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        let now = self.cells.iter().find(|cell| cell.name == name);
        let now = now.and_then(|cell| serde_json::to_value(&cell.recipe.resolution).ok());
        let (Some(before), Some(now)) = (before, now) else {
            return String::new();
        };
        let changed = changed_keys(&without_origins(&before), &without_origins(&now));
        if changed.is_empty() {
            ": the data, a model or the program changed".to_owned()
        } else {
            format!(":\n  {}", changed.join("\n  "))
        }
    }
}
