//! What is wrong with a grid's file, told all at once.

use std::path::Path;

use super::ABLATIONS;
use crate::grid::Grid;

fn refused(text: &str) -> String {
    let errors = Grid::read(text, Path::new("")).expect_err("refused");
    errors.join("\n")
}

/// What a sound grid is refused for when a piece of it is replaced.
fn with(from: &str, to: &str) -> String {
    assert!(ABLATIONS.contains(from), "{from}");
    refused(&ABLATIONS.replacen(from, to, 1))
}

#[test]
fn one_mistake_is_one_sentence_that_says_how_to_mend_it() {
    let seeds = "key = \"run.seed\"\nvalues = [1, 2]";
    let blank = "set = { synthesizer.blank_images = 0.0 }";
    let more = |text: &str| format!("\n{text}\n[[factor]]\nname = \"seed\"\n{seeds}");
    let factor = "\n[[factor]]\nname = \"seed\"\nkey = \"run.seed\"\nvalues = [1, 2]";
    for (from, to, expected) in [
        (
            "title = \"Ablations\"",
            "",
            "the grid has no `title`; write what its table is called, `title = \"…\"`",
        ),
        (
            "title = \"Ablations\"",
            "title = 3",
            "`title` of the grid is `3`, expected a text in quotes",
        ),
        (
            "about =",
            "abouts =",
            "the grid has the unknown key `abouts`; did you mean `about`? (known are title, about, recipe, demo, notes, set, lab, factor, cell, skip, published)",
        ),
        (
            "notes = [\"One seed in the paper.\"]",
            "notes = \"one\"",
            "`notes` of the grid is `\"one\"`, expected a list of sentences in quotes",
        ),
        (
            "recipe = \"../food/recipe.toml\"",
            "",
            "the grid names neither a `recipe` nor a `demo`; write `recipe = \"my.toml\"` (relative to the grid), or `demo = { domain = \"food\", seed = 1 }`, above its first table, or give every level of a factor a `recipe`",
        ),
        (
            "recipe = \"../food/recipe.toml\"",
            "recipe = \"r.toml\"\ndemo.domain = \"food\"",
            "the grid names both the `recipe` `r.toml` and a `demo`; its cells are made over one of them, leave out the other",
        ),
        (
            "recipe = \"../food/recipe.toml\"",
            "demo = { domain = \"food\", seed = -1 }",
            "`seed` of `demo` is `-1`, expected a whole number of at least 0",
        ),
        (
            "recipe = \"../food/recipe.toml\"",
            "demo = { seed = 1 }",
            "`demo` has no `domain`; write `domain = \"food\"`",
        ),
        (
            "train.max_steps = 120",
            "train.max_stepz = 120",
            "`[set]`: unknown recipe key `train.max_stepz`; did you mean `train.max_steps`?",
        ),
        (
            "train.max_steps = 120",
            "about = \"misplaced\"",
            "`about` stands below `[set]`, as if it were a recipe key; keys of the grid itself stand above its first table",
        ),
        (
            "train.max_steps = 120",
            "run.seed = 4",
            "`run.seed` is set for all cells by `[set]` and is what factor `seed` varies; leave it out of `[set]`",
        ),
        (
            "keep = \"predictions\"",
            "keep = \"all\"",
            "`keep` of `[lab]` is `\"all\"`, expected one of models, predictions",
        ),
        (
            "match = \"tokens\"",
            "matching = \"tokens\"",
            "`[lab]` has the unknown key `matching`; did you mean `match`? (known are keep, match, layout)",
        ),
        (
            "reference = \"ours\"\n",
            "",
            "`match = \"tokens\"` gives every way as many tokens as the reference learns, and no factor has a `reference`; name one, or take `match = \"epochs\"`",
        ),
        (
            "reference = \"ours\"",
            "reference = \"our\"",
            "`reference` of factor `way` is `our`, which is none of its levels; did you mean `ours`?",
        ),
        (
            "reference = \"ours\"",
            "reference = \"GPT-4o\"",
            "`match = \"tokens\"` counts the tokens of the reference, and level `GPT-4o` of factor `way` `needs` something, so that it has no cells; name another `reference`, or take `match = \"epochs\"`",
        ),
        (
            blank,
            "set = { synthesizer.blank_images = 2 }",
            "level `without blank pictures` of factor `way`: `synthesizer.blank_images` is `2`, expected a number from 0 to 1",
        ),
        (
            blank,
            "set = { synthesizer.blank_image = 0.0 }",
            "level `without blank pictures` of factor `way`: unknown recipe key `synthesizer.blank_image`; did you mean `synthesizer.blank_images`?",
        ),
        (
            blank,
            "set = { run.seed = 3, mix.caption = false }",
            "level `without blank pictures` of factor `way` sets `run.seed` among others; random seeds are a factor of their own: `key = \"run.seed\"` with `values`",
        ),
        (
            blank,
            "sets = { mix.caption = false }",
            "level `without blank pictures` of factor `way` has the unknown key `sets`; did you mean `set`? (known are name, about, recipe, set, needs)",
        ),
        (
            "needs = \"an endpoint of GPT-4o\"",
            "needs = true",
            "`needs` of level `GPT-4o` of factor `way` is `true`, expected a text in quotes",
        ),
        (
            "name = \"without blank pictures\"",
            "name = \"++\"",
            "a level of factor `way` is called `++`, which has neither letter nor digit; folders are called by it",
        ),
        (
            "name = \"seed\"\n",
            "",
            "factor 2 has no `name`; write what is varied, `name = \"…\"`",
        ),
        (
            seeds,
            "key = \"run.seed\"\nvalues = [1, 2]\nreference = 1",
            "factor `seed` has a `reference`, and its levels are random seeds, which are not compared; leave it out",
        ),
        (
            seeds,
            "key = \"run.seed\"",
            "factor `seed` has a `key` and no `values`; write `values = [1, 2, 3]`",
        ),
        (
            seeds,
            "key = \"run.seed\"\nvalues = [1, -2]",
            "level `-2` of factor `seed`: `run.seed` is `-2`, expected a whole number from 0 to 9223372036854775807",
        ),
        (
            seeds,
            "key = \"run.seed\"\nvalues = [1, 1]",
            "two levels of factor `seed` are called `1`; each needs a name of its own",
        ),
        (
            seeds,
            "key = \"run.seed\"\nvalues = [1]\nlevel = [{ name = \"a\" }]",
            "factor `seed` has both `key` with `values` and `[[factor.level]]`; keep one of them",
        ),
        (
            seeds,
            "key = \"run.seed\"\nvalues = 1",
            "`values` of factor `seed` is `1`, expected a list of the key's values",
        ),
        (
            factor,
            "\n[[factor]]\nname = \"empty\"",
            "factor `empty` has no levels; write a `[[factor.level]]` for each, or a `key` with `values`",
        ),
        (
            factor,
            &more("[[factor]]\nname = \"seed\"\nkey = \"mix.caption\"\nvalues = [true]"),
            "two factors are called `seed`; each needs a name of its own",
        ),
        (
            factor,
            &more("[[factor]]\nname = \"again\"\nkey = \"run.seed\"\nvalues = [3]"),
            "the factors `again` and `seed` are both random seeds (`run.seed`); keep one of them",
        ),
        (
            factor,
            &more(
                "[[factor]]\nname = \"blank\"\nkey = \"synthesizer.blank_images\"\nvalues = [0.2]",
            ),
            "level `without blank pictures` of factor `way` and level `0.2` of factor `blank` both set `synthesizer.blank_images`, so that one would win over the other; let one factor say it",
        ),
        (
            "scores = { food = 56.0 }",
            "scores = { food = 101 }",
            "`food` in `scores` of published 2 is `101`, expected a number from 0 to 100",
        ),
        (
            "scores = { food = 56.0 }",
            "",
            "published 2 has no `scores`; write `scores = { food = 42.0 }`",
        ),
        (
            "system = \"base\"",
            "system = \"bases\"",
            "`system` of published 2 is `bases`, expected `adapted`, `base`, or `after-` and the name of a stage of the training",
        ),
        (
            "levels = { way = \"GPT-4o\" }",
            "levels = { wy = \"GPT-4o\" }",
            "`levels` of published 2 names the unknown factor `wy`; did you mean `way`?",
        ),
        (
            "levels = { way = \"GPT-4o\" }",
            "levels = { way = \"GPT-4\" }",
            "`levels` of published 2 names the level `GPT-4` of factor `way`, which there is not; did you mean `GPT-4o`?",
        ),
        (
            "levels = { way = \"GPT-4o\" }",
            "levels = { way = \"ours\", seed = 1 }",
            "`levels` of published 2 names a random seed (factor `seed`), and what is published is of a way, whatever the seed; leave it out",
        ),
        (
            "levels = { way = \"GPT-4o\" }",
            "levels = {}",
            "`levels` of published 2 is empty; name a level of at least one factor",
        ),
        (
            "levels = { way = \"GPT-4o\" }",
            "",
            "published 2 has no `levels`; write `levels = { \"way\" = \"…\" }`",
        ),
        (
            "source = \"table 3\"",
            "",
            "published 2 has no `source`; write where the scores are from, `source = \"table 5\"`",
        ),
        (
            "[[published]]",
            "[[cell]]\nseed = 1\n[[published]]",
            "cell 1 says nothing of factor `way`; name one of its levels (ours, without blank pictures, GPT-4o)",
        ),
        (
            "[[published]]",
            "[[cell]]\nway = \"our\"\n[[published]]",
            "cell 1 names the level `our` of factor `way`, which there is not; did you mean `ours`?",
        ),
        (
            "[[published]]",
            "[[skip]]\nlevels = { way = \"ours\" }\n[[published]]",
            "skip 1 has no `because`; write why, `because = \"…\"`",
        ),
        (
            "[[published]]",
            "[skip]\nlevels = { way = \"ours\" }\n[[published]]",
            "`skip` of the grid is a table, expected tables that begin with `[[skip]]`",
        ),
    ] {
        assert_eq!(with(from, to), expected, "{to}");
    }
}

#[test]
fn recipes_of_two_factors_are_refused() {
    let level = |factor: &str, recipe: &str| {
        format!(
            "[[factor]]\nname = \"{factor}\"\n[[factor.level]]\nname = \"x\"\nrecipe = \"{recipe}\"\n"
        )
    };
    let text = format!(
        "title = \"t\"\n{}{}",
        level("a", "1.toml"),
        level("b", "2.toml")
    );
    assert_eq!(
        refused(&text),
        "level `x` of factor `a` and level `x` of factor `b` both name a `recipe`, so that one would win over the other; let \
         one factor say it"
    );
}

#[test]
fn a_product_that_nobody_can_mean_is_refused() {
    let factor = |key: &str| {
        let values: Vec<String> = (1..=100).map(|value| value.to_string()).collect();
        format!(
            "[[factor]]\nname = \"{key}\"\nkey = \"{key}\"\nvalues = [{}]\n",
            values.join(", ")
        )
    };
    let keys = ["train.max_steps", "train.batch_size", "train.save_steps"];
    let factors = keys.map(factor).concat();
    let said = refused(&format!("title = \"t\"\nrecipe = \"r.toml\"\n{factors}"));
    assert_eq!(
        said,
        "the product of the factors has 1000000 cells, and a grid may have 5000; list those that are meant in `[[cell]]`, or \
         make several grids"
    );
}

/// Damaged grids end in errors or in a grid, whose cells and ways can be asked for.
#[test]
fn hostile_grids_are_errors_or_grids() {
    const PIECES: [&str; 12] = [
        "-1",
        "nan",
        "[",
        "]]",
        "{",
        "\"",
        "= ",
        "\n[[factor]]\n",
        "\n[[cell]]\n",
        "\n[set]\n",
        "key = \"run.seed\"",
        ".",
    ];
    let mut grids = 0;
    for run in 0..3000 {
        let mut rng = corpus::seed::Rng::new(corpus::seed::hash(run, "grid"));
        let mut bytes = ABLATIONS.as_bytes().to_vec();
        for _ in 0..=rng.below(3) {
            let at = rng.below(bytes.len());
            let end = (at + rng.below(30)).min(bytes.len());
            match rng.below(3) {
                0 => drop(bytes.drain(at..end)),
                1 => {
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => drop(bytes.splice(at..at, rng.choose(&PIECES).bytes())),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(grid) = Grid::read(&text, Path::new("")) {
            let places = grid.ways().len();
            let compared = grid.comparisons();
            assert!(compared.iter().all(|(a, b)| a != b && *a.max(b) < places));
            if let Ok(cells) = grid.cells() {
                assert!(cells.iter().all(|cell| !cell.name.is_empty()));
            }
            grids += 1;
        }
    }
    assert!(grids > 100, "{grids}");
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = "tilte = \"t\"\n[lab]\nkeep = 1\n[[factor]]\nname = \"f\"\nkey = \"mix.joinr\"\nvalues = [1]\n[[cell]]\nx = \"y\"";
    let said = refused(text);
    for part in [
        "has the unknown key `tilte`",
        "has no `title`",
        "`keep` of `[lab]`",
        "level `1` of factor `f`: unknown recipe key `mix.joinr`; did you mean `mix.joiner`?",
        "cell 1 names the unknown factor `x`; did you mean `f`?",
        "cell 1 says nothing of factor `f`",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
    assert!(refused("title = ").starts_with("the grid is not valid TOML: "));
    assert!(
        refused("title = \"t\"\nrecipe = \"r\"")
            .starts_with("the grid has no factor; say what is varied")
    );
}
