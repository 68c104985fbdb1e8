//! The shipped grids, and what `adamllm lab --list` says of them.

mod program;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use evaluation::{grids, tasks};
use program::{adamllm, text};
use run::grid::Grid;
use serde_json::Value;

/// What the synthetic data of a run is measured by, and the paper's one score of table 12.
const MEASURES: [&str; 6] = [
    "accuracy",
    "complexity",
    "consistency",
    "diversity",
    "knowledge",
    "quality",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What `lab --list` prints, whole or in so many columns.
fn listed(arguments: &[&str], columns: Option<&str>) -> String {
    let mut command = adamllm();
    command.args(["lab", "--list"]).args(arguments);
    command
        .env_remove("COLUMNS")
        .envs(columns.map(|columns| ("COLUMNS", columns)));
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn published_scores_stand_in_columns_that_there_are() {
    let mut known: BTreeSet<String> = MEASURES.map(str::to_owned).into();
    // The average of a task of one's own, as those of the demo are.
    known.insert("own".to_owned());
    known.extend([tasks::BIOMEDICINE, tasks::FOOD, tasks::REMOTE_SENSING].map(str::to_owned));
    for spec in tasks::all() {
        known.extend(grids::names(&spec).into_iter().map(|(name, _)| name));
    }
    let mut seen = 0;
    for folder in ["recipes/paper", "recipes/paper/toy"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("folder") {
            let path = entry.expect("entry").path();
            if path.extension().is_none_or(|ending| ending != "toml") {
                continue;
            }
            let file = std::fs::read_to_string(&path).expect("a grid");
            let grid = Grid::read(&file, Path::new("")).expect("sound");
            for published in &grid.published {
                for column in published.scores.keys() {
                    assert!(known.contains(column), "{}: `{column}`", path.display());
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 400, "{seen}");
}

#[test]
fn the_list_names_the_files_that_there_are() {
    let document: Value = serde_json::from_str(&listed(&["--json"], None)).expect("JSON");
    let grids = document["grids"].as_array().expect("a list");
    let mut names = BTreeSet::new();
    for grid in grids {
        let place = grid["grid"].as_str().expect("a place");
        assert!(root().join(place).is_file(), "{place}");
        names.insert(place.to_owned());
    }
    let mut found = BTreeSet::new();
    for folder in ["recipes/paper", "recipes/paper/toy"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("folder") {
            let name = entry.expect("entry").file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".toml") {
                found.insert(format!("{folder}/{name}"));
            }
        }
    }
    assert_eq!(names, found);
    let hours = document["table_11"]["hours"].as_array().expect("a list");
    assert_eq!(hours.len(), 12);
    assert_eq!(hours[0]["published"], 21.0);
}

#[test]
fn the_list_fits_where_it_is_shown() {
    for columns in [60, 80, 120] {
        for line in listed(&[], Some(&columns.to_string())).lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
}
