//! The shipped grids: each is read, and each of their cells is a recipe, in a folder that holds only configurations and empty
//! files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use run::grid::{Cell, Grid, Ground};
use run::recipe::{Recipe, Surroundings};

const DEMO: &str = include_str!("../../../recipes/demo.toml");

/// All grids, by their places in `recipes/paper`.
const GRIDS: [&str; 8] = [
    "toy/ablations",
    "toy/corruption",
    "toy/data-quality",
    "toy/filter",
    "toy/main-biomed",
    "toy/main-food",
    "toy/pipelines",
    "toy/synthesizer-inputs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder like the repository's, with what recipes name.
fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(path, text).expect("write");
    };
    for (model, family) in [
        ("open-llava-next-llama3-8b", "llava_next"),
        ("synthesizer", "llava_next"),
        ("Qwen2-VL-2B-Instruct", "qwen2_vl"),
        ("Llama-3.2-11B-Vision-Instruct", "mllama"),
        ("Meta-Llama-3-8B", "llama"),
    ] {
        let config = format!("{{\"model_type\": \"{family}\"}}");
        write(&format!("models/{model}/config.json"), &config);
    }
    for name in [
        "pmc-raw",
        "pmc-refined",
        "recipe1m",
        "nwpu",
        "rsicd",
        "rsitmd",
        "sydney",
        "ucm",
        "vision-flan-allava",
        "general",
    ] {
        write(&format!("data/{name}.jsonl"), "");
    }
    write("data/benchmarks/README", "");
    for name in [
        "pairs.jsonl",
        "seeds.jsonl",
        "truth.jsonl",
        "replay.jsonl",
        "tasks/kind.jsonl",
    ] {
        write(&format!("demo/{name}"), "");
    }
    for group in ["synthesizer", "biomed", "food", "remote-sensing"] {
        for entry in std::fs::read_dir(root().join("recipes").join(group)).expect("folder") {
            let path = entry.expect("entry").path();
            let text = std::fs::read_to_string(&path).expect("recipe");
            let name = path.file_name().expect("name").to_string_lossy();
            write(&format!("recipes/{group}/{name}"), &text);
        }
    }
    std::fs::create_dir_all(folder.path().join("recipes/paper/toy")).expect("folder");
    folder
}

/// A shipped grid as it is read in a folder.
fn grid(folder: &Path, name: &str) -> Grid {
    let path = root()
        .join("recipes/paper")
        .join(name)
        .with_extension("toml");
    let text = std::fs::read_to_string(&path).expect("a grid");
    let place = folder.join("recipes/paper").join(name);
    Grid::read(&text, place.parent().expect("folder"))
        .unwrap_or_else(|errors| panic!("{name}: {}", errors.join("\n")))
}

fn recipe(folder: &Path, cell: &Cell) -> Result<Recipe, Vec<String>> {
    let surroundings = Surroundings {
        demo_recipe: DEMO,
        ..Surroundings::default()
    };
    match &cell.ground {
        Ground::Demo { .. } => Recipe::read(DEMO, &cell.set, &folder.join("demo"), &surroundings),
        Ground::Recipe(path) => {
            let text = std::fs::read_to_string(path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let place = path.parent().expect("folder");
            Recipe::read(&text, &cell.set, place, &surroundings)
        }
    }
}

#[test]
fn every_grid_is_listed_here() {
    let mut found = BTreeSet::new();
    let paper = root().join("recipes/paper");
    for (folder, before) in [(paper.clone(), ""), (paper.join("toy"), "toy/")] {
        for entry in std::fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                let name = path.file_stem().expect("name").to_string_lossy();
                found.insert(format!("{before}{name}"));
            }
        }
    }
    let listed: BTreeSet<String> = GRIDS.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(found, listed);
}

#[test]
fn every_cell_is_a_recipe() {
    let world = world();
    for name in GRIDS {
        let grid = grid(world.path(), name);
        let cells = grid
            .cells()
            .unwrap_or_else(|errors| panic!("{name}: {}", errors.join("\n")));
        for cell in &cells {
            let recipe = recipe(world.path(), cell)
                .unwrap_or_else(|errors| panic!("{name}, {}: {}", cell.name, errors.join("\n")));
            if let Some(seed) = cell.seed {
                assert_eq!(recipe.seed, seed, "{name}, {}", cell.name);
            }
        }
    }
}

/// The sizes of the toys: ways, cells and comparisons.
#[test]
fn toys_have_five_seeds_of_all_that_needs_nothing() {
    let world = world();
    for (name, ways, filled, comparisons) in [
        ("toy/ablations", 9, 9, 8),
        ("toy/corruption", 8, 8, 6 + 4),
        ("toy/data-quality", 5, 2, 1),
        ("toy/filter", 3, 3, 2),
        ("toy/main-biomed", 5, 2, 1),
        ("toy/main-food", 4, 2, 1),
        ("toy/pipelines", 4, 2, 1),
        ("toy/synthesizer-inputs", 6, 6, 5),
    ] {
        let grid = grid(world.path(), name);
        let found = grid.ways();
        assert_eq!(found.len(), ways, "{name}");
        for way in &found {
            let seeds: Vec<u64> = way.cells.iter().filter_map(|(seed, _)| *seed).collect();
            match way.needs {
                Some(_) => assert!(seeds.is_empty(), "{name}, {}", way.name),
                None => assert_eq!(seeds, [1, 2, 3, 4, 5], "{name}, {}", way.name),
            }
        }
        assert_eq!(grid.cells().expect("cells").len(), 5 * filled, "{name}");
        assert_eq!(grid.comparisons().len(), comparisons, "{name}");
    }
}
