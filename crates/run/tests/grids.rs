//! The shipped grids: each is read, and each of their cells is a recipe, in a folder that holds only configurations and empty
//! files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use run::grid::{Cell, Grid, Ground};
use run::recipe::{Recipe, Surroundings};

const DEMO: &str = include_str!("../../../recipes/demo.toml");

/// All grids, by their places in `recipes/paper`.
const GRIDS: [&str; 17] = [
    "ablations",
    "corruption",
    "data-quality",
    "filter",
    "main-biomed",
    "main-food",
    "pipelines",
    "remote-sensing",
    "synthesizer-inputs",
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
        "vision-flan-allava.dev",
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
    for group in [
        "synthesizer",
        "biomed",
        "food",
        "remote-sensing",
        "paper/from-seed-data",
    ] {
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

/// Ways, those of them that need something, and comparisons of the paper's own grids, counted by hand.
#[test]
fn grids_have_the_rows_of_the_papers_tables() {
    let world = world();
    for (name, ways, needy, comparisons) in [
        // Two domains, nine columns.
        ("ablations", 18, 0, 2 * 8),
        ("corruption", 8, 0, 6 + 4),
        // Three sources, each with its baseline and ours.
        ("data-quality", 6, 0, 3),
        ("filter", 6, 0, 2 * 2),
        // Three models by two sources by two, and GPT-4o.
        ("main-biomed", 13, 1, 6),
        ("main-food", 7, 1, 3),
        // Three models, three sources, baseline or ours, two stages or one.
        ("pipelines", 36, 0, 18 + 18),
        ("remote-sensing", 6, 0, 3),
        ("synthesizer-inputs", 6, 0, 5),
    ] {
        let grid = grid(world.path(), name);
        let found = grid.ways();
        assert_eq!(found.len(), ways, "{name}");
        let needing = found.iter().filter(|way| way.needs.is_some());
        assert_eq!(needing.count(), needy, "{name}");
        assert_eq!(grid.cells().expect("cells").len(), ways - needy, "{name}");
        assert_eq!(grid.comparisons().len(), comparisons, "{name}");
    }
}

/// A model and a source of pairs make the recipe that is shipped for both.
#[test]
fn a_model_with_a_source_is_the_recipe_of_both() {
    let world = world();
    let grid = grid(world.path(), "pipelines");
    let cells = grid.cells().expect("cells");
    let mut seen = 0;
    for (model, recipe_of) in [
        ("LLaVA-v1.6-8B", "llava-v1.6-8b"),
        ("Qwen2-VL-2B", "qwen2-vl-2b"),
        ("Llama-3.2-11B", "llama-3.2-11b"),
    ] {
        for (pairs, source) in [
            ("PMC-Raw", "biomed/pmc-raw"),
            ("PMC-Refined", "biomed/pmc-refined"),
            ("Recipe1M", "food/recipe1m"),
        ] {
            let is_wanted = |cell: &&Cell| {
                let wanted = [
                    ("model", model),
                    ("pairs", pairs),
                    ("data", "ours"),
                    ("pipeline", "single stage"),
                ];
                let mut wanted = wanted.iter();
                wanted.all(|(factor, level)| cell.levels[*factor] == *level)
            };
            let cell = cells.iter().find(is_wanted).expect("a cell");
            let path = format!("recipes/{source}-{recipe_of}.toml");
            let shipped = Cell {
                ground: Ground::Recipe(world.path().join(path)),
                set: Vec::new(),
                ..cell.clone()
            };
            let values = |cell: &Cell| {
                let recipe = recipe(world.path(), cell).expect("sound");
                let values = recipe.resolution.into_iter();
                values
                    .map(|(key, one)| (key, one.value.to_string()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(values(cell), values(&shipped), "{model}, {pairs}");
            seen += 1;
        }
    }
    assert_eq!(seen, 9);
}

/// A published average is the plain mean of its domain's columns; a slip of the pen would show.
#[test]
fn published_averages_are_means() {
    let world = world();
    let biomedicine: &[&str] = &[
        "slake open",
        "slake closed",
        "path-vqa open",
        "path-vqa closed",
        "vqa-rad open",
        "vqa-rad closed",
        "pmc-vqa",
    ];
    let food: &[&str] = &["recipe1m", "nutrition5k", "food101", "foodseg103"];
    let mut seen = 0;
    for name in GRIDS {
        for published in grid(world.path(), name).published {
            for (domain, columns) in [("biomedicine", biomedicine), ("food", food)] {
                let scores: Vec<f64> = columns
                    .iter()
                    .filter_map(|column| published.scores.get(*column).copied())
                    .collect();
                let Some(average) = published.scores.get(domain) else {
                    continue;
                };
                if scores.is_empty() {
                    continue;
                }
                assert_eq!(scores.len(), columns.len(), "{published:?}");
                let mean = scores.iter().sum::<f64>() / scores.len() as f64;
                // Columns and averages are rounded to a tenth, each by itself.
                assert!((mean - average).abs() <= 0.1, "{mean}: {published:?}");
                seen += 1;
            }
        }
    }
    // 36 rows of table 15, and of tables 2 and 3 those that are rows of it, too: 12 and 6.
    assert_eq!(seen, 36 + 12 + 6);
}

/// Where published scores are shown: on a row that there is.
#[test]
fn published_scores_are_of_ways() {
    let world = world();
    for name in GRIDS {
        let grid = grid(world.path(), name);
        let ways = grid.ways();
        for published in &grid.published {
            let holds = |way: &&run::grid::Way| {
                let mut levels = published.levels.iter();
                levels.all(|(factor, level)| way.levels.get(factor) == Some(level))
            };
            let rows = ways.iter().filter(holds).count();
            // A base is the same whatever it is adapted with.
            let is_one = published.system == "base" || rows == 1;
            assert!(rows > 0 && is_one, "{name}: {rows} rows of {published:?}");
        }
    }
}
