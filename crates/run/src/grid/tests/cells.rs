//! Cells, ways and comparisons, against what a hand counts.

use super::{ABLATIONS, grid, levels};
use crate::grid::{Ground, Way};
use crate::recipe::{Recipe, Surroundings};

/// Two factors with a reference, one without, two seeds, and a combination that is skipped.
const CROSSED: &str = r#"
title = "Pipelines"
[[factor]]
name = "model"
[[factor.level]]
name = "8B"
recipe = "a.toml"
[[factor.level]]
name = "2B"
recipe = "b.toml"
[[factor]]
name = "data"
reference = "ours"
[[factor.level]]
name = "rules"
set = { data.maker = "rules" }
[[factor.level]]
name = "ours"
[[factor]]
name = "pipeline"
reference = "single"
[[factor.level]]
name = "two stages"
set = { train.pipeline = "two-stage" }
[[factor.level]]
name = "single"
[[factor]]
name = "seed"
key = "run.seed"
values = [7, 8]
[[skip]]
levels = { model = "2B", data = "rules", pipeline = "single" }
because = "nobody asked"
"#;

#[test]
fn the_last_factor_changes_fastest() {
    let grid = grid(CROSSED);
    let cells = grid.cells().expect("cells");
    let names: Vec<&str> = cells.iter().map(|cell| cell.name.as_str()).collect();
    let expected = [
        "8B_rules_two-stages_7",
        "8B_rules_two-stages_8",
        "8B_rules_single_7",
        "8B_rules_single_8",
        "8B_ours_two-stages_7",
        "8B_ours_two-stages_8",
        "8B_ours_single_7",
        "8B_ours_single_8",
        "2B_rules_two-stages_7",
        "2B_rules_two-stages_8",
        "2B_ours_two-stages_7",
        "2B_ours_two-stages_8",
        "2B_ours_single_7",
        "2B_ours_single_8",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        cells[9].set,
        [
            "data.maker=\"rules\"",
            "train.pipeline=\"two-stage\"",
            "run.seed=8"
        ]
    );
    assert_eq!(cells[9].seed, Some(8));
    assert_eq!(cells[9].ground, Ground::Recipe("grids/b.toml".into()));
    let expected = levels(&[
        ("model", "2B"),
        ("data", "rules"),
        ("pipeline", "two stages"),
        ("seed", "8"),
    ]);
    assert_eq!(cells[9].levels, expected);
}

#[test]
fn each_factor_with_a_reference_is_compared_all_else_equal() {
    let grid = grid(CROSSED);
    let ways = grid.ways();
    let names: Vec<&str> = ways.iter().map(|way| way.name.as_str()).collect();
    let expected = [
        "8B, rules, two stages",
        "8B, rules, single",
        "8B, ours, two stages",
        "8B, ours, single",
        "2B, rules, two stages",
        "2B, ours, two stages",
        "2B, ours, single",
    ];
    assert_eq!(names, expected);
    let cells = [(Some(7), "2B_ours_single_7"), (Some(8), "2B_ours_single_8")];
    let cells = cells.map(|(seed, name)| (seed, name.to_owned()));
    assert_eq!(ways[6].cells, cells);
    // Rules against ours by pipeline and model, then two stages against one; 2B has no rules with a single stage.
    let expected = [(0, 2), (1, 3), (4, 5), (0, 1), (2, 3), (5, 6)];
    assert_eq!(grid.comparisons(), expected);
}

#[test]
fn what_needs_something_has_a_row_and_no_cells() {
    let grid = grid(ABLATIONS);
    let ways = grid.ways();
    assert_eq!(ways.len(), 3);
    let expected = Way {
        name: "GPT-4o".to_owned(),
        levels: levels(&[("way", "GPT-4o")]),
        needs: Some("an endpoint of GPT-4o".to_owned()),
        cells: Vec::new(),
    };
    assert_eq!(ways[2], expected);
    assert_eq!(grid.comparisons(), [(1, 0)]);
    let cells = grid.cells().expect("cells");
    assert_eq!(cells.len(), 4);
    // Keys of the grid come before those of the levels.
    assert_eq!(
        cells[2].set,
        [
            "train.max_steps?=120",
            "synthesizer.blank_images=0.0",
            "run.seed=1"
        ]
    );
    assert_eq!(cells[2].name, "without-blank-pictures_1");
}

/// A grid's own keys are for the cells that read them; what two levels say of each other is an error as ever.
#[test]
fn what_all_cells_have_is_passed_over_where_a_level_leaves_it_unread() {
    let folder = tempfile::tempdir().expect("folder");
    for name in ["pairs.jsonl", "seeds.jsonl", "general.jsonl"] {
        std::fs::write(folder.path().join(name), "").expect("file");
    }
    let recipe = "model.checkpoint = \"demo\"\ndata.pairs = \"pairs.jsonl\"\nsynthesizer.seed_data = \"seeds.jsonl\"\n\
        mix.general = \"general.jsonl\"\nmix.general_ratio = 1.0\n";
    let text = "title = \"t\"\nrecipe = \"r.toml\"\n[set]\nsynthesizer.train.max_steps = 12\nmix.general_ratio = 0.0\n[[factor]]\n\
        name = \"f\"\n[[factor.level]]\nname = \"ours\"\n[[factor.level]]\nname = \"captions\"\nset.mix.synthetic = false\n\
        [[factor.level]]\nname = \"wrong\"\nset = { mix.synthetic = false, synthesizer.train.epochs = 2 }";
    let surroundings = Surroundings::default();
    let cells = grid(text).cells().expect("cells");
    let read = |at: usize| Recipe::read(recipe, &cells[at].set, folder.path(), &surroundings);
    let ours = read(0).expect("sound");
    assert_eq!(ours.synthesizer.train.max_steps, Some(12));
    assert!(ours.mix.general_ratio.abs() < 1e-12);
    let origin = &ours.resolution["synthesizer.train.max_steps"].origin;
    assert_eq!(origin.to_string(), "grid");
    assert!(!read(1).expect("sound").mix.synthetic);
    let said = read(2).expect_err("refused").join("\n");
    assert!(
        said.starts_with("nothing reads `synthesizer.train.epochs`: "),
        "{said}"
    );
    assert!(!said.contains("max_steps"), "{said}");
}

#[test]
fn a_level_may_say_otherwise_than_the_grid() {
    let text = "title = \"t\"\nrecipe = \"r.toml\"\n[set]\ntrain.epochs = 1\n[[factor]]\nname = \"f\"\n[[factor.level]]\n\
        name = \"own\"\nrecipe = \"other.toml\"\n[[factor.level]]\nname = \"longer\"\nset.train.epochs = 3";
    let cells = grid(text).cells().expect("cells");
    assert_eq!(cells[0].ground, Ground::Recipe("grids/other.toml".into()));
    assert_eq!(cells[1].ground, Ground::Recipe("grids/r.toml".into()));
    assert_eq!(cells[1].set, ["train.epochs?=1", "train.epochs=3"]);
    assert_eq!((cells[0].seed, &*cells[0].name), (None, "own"));
    assert!(grid(text).comparisons().is_empty());
}

#[test]
fn a_list_of_cells_stands_for_the_product() {
    let listed = |cells: &str| {
        let text = CROSSED.split("[[skip]]").next().expect("text");
        grid(&format!("{text}{cells}"))
    };
    let grid = listed(
        "[[cell]]\nmodel = \"2B\"\ndata = \"ours\"\npipeline = \"single\"\nseed = 8\n\
         [[cell]]\nmodel = \"8B\"\ndata = \"ours\"\npipeline = \"single\"\n",
    );
    let cells = grid.cells().expect("cells");
    let names: Vec<&str> = cells.iter().map(|cell| cell.name.as_str()).collect();
    // Without a seed all of them are meant.
    assert_eq!(
        names,
        ["2B_ours_single_8", "8B_ours_single_7", "8B_ours_single_8"]
    );
    assert_eq!(grid.ways().len(), 2);
    assert!(grid.comparisons().is_empty());
}

fn refused(levels: &str) -> String {
    let text = format!("title = \"t\"\nrecipe = \"r.toml\"\n[[factor]]\nname = \"f\"\n{levels}");
    grid(&text).cells().expect_err("refused").join("\n")
}

#[test]
fn cells_that_are_the_same_are_refused() {
    let said = refused(
        "[[factor.level]]\nname = \"one\"\nset = { train.epochs = 2 }\n[[factor.level]]\nname = \"two\"\nset.train.epochs = 2",
    );
    assert_eq!(
        said,
        "the cells (f = \"one\") and (f = \"two\") are the same: one recipe with the same keys; leave one of them out"
    );
}

#[test]
fn names_that_fall_together_are_refused() {
    let said = refused(
        "[[factor.level]]\nname = \"no filter\"\nset = { filter.enabled = false }\n[[factor.level]]\nname = \"No-Filter!\"",
    );
    assert!(
        said.starts_with(
            "the cells (f = \"no filter\") and (f = \"No-Filter!\") would both lie in a folder `No-Filter`"
        ),
        "{said}"
    );
    let long = "x".repeat(200);
    let said = refused(&format!("[[factor.level]]\nname = \"{long}\""));
    assert!(
        said.contains("has 200 bytes, and a folder's may have 180"),
        "{said}"
    );
}

#[test]
fn a_grid_without_cells_is_refused() {
    let said = refused("[[factor.level]]\nname = \"GPT\"\nneeds = \"an endpoint\"");
    assert!(said.starts_with("the grid has no cell: "), "{said}");
    let text = "title = \"t\"\n[[factor]]\nname = \"f\"\n[[factor.level]]\nname = \"a\"\nrecipe = \"r.toml\"\n\
        [[factor.level]]\nname = \"b\"\n[[cell]]\nf = \"a\"\n[[cell]]\nf = \"b\"";
    let said = grid(text).cells().expect_err("refused");
    assert_eq!(
        said,
        ["cell `b` has no recipe; name one in `recipe` of the grid or of one of its levels"]
    );
}
