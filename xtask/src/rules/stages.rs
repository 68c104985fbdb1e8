//! The name of a stage stands in the file of the stage, and nowhere else as a string literal.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::source::{self, Kind, Token};
use crate::workspace;

/// One file a stage lies here.
const STAGES: &str = "crates/pipeline/src/stages";

/// By which constants a stage file says what it, and the group that it belongs to, is called.
const DECLARATIONS: [&str; 2] = ["NAME", "GROUP"];

/// Where a literal is a word of something else: the beginning of a path, the literal, and what it means there.
const OTHER_MEANINGS: &[(&str, &str, &str)] = &[
    (
        "crates/run/src/recipe",
        "quality",
        "a section of the recipe",
    ),
    (
        "crates/pipeline/src/stages/judge.rs",
        "quality",
        "a section of the recipe",
    ),
    (
        "crates/report/src/quality_page",
        "pairs",
        "what is counted of a set",
    ),
    (
        "crates/corpus/src",
        "pairs",
        "what is counted of a data set",
    ),
    ("crates/corpus/src", "train", "a split of a data set"),
    (
        "crates/corpus/src/images/svg",
        "filter",
        "an element of a drawing",
    ),
    (
        "crates/endpoint/src/wire",
        "answer",
        "a key of a recorded exchange",
    ),
    ("crates/evaluation/src", "answer", "a column of a table"),
    ("crates/evaluation/src", "train", "a split of a data set"),
    (
        "crates/demo/src/bin/demo-base/phases.rs",
        "score",
        "a phase of making the base",
    ),
    (
        "crates/evaluation/src/results.rs",
        "score",
        "a key of a file",
    ),
    (
        "crates/report/src/run_page.rs",
        "pairs",
        "a step of the funnel",
    ),
    (
        "crates/report/src/scores/details.rs",
        "score",
        "a column of a table",
    ),
    ("crates/run/src/recipe", "filter", "a section of the recipe"),
    ("crates/run/src/recipe", "train", "a section of the recipe"),
    (
        "crates/run/src/recipe/stages.rs",
        "mix",
        "captions and tasks as the data of a stage of the training",
    ),
    (
        "crates/run/src/recipe/new.rs",
        "pairs",
        "a word of a message",
    ),
    ("crates/synthesis/src/truth.rs", "answer", "a key of a file"),
    (
        "crates/synthesis/src/prompts.rs",
        "judge",
        "a file of prompts",
    ),
    (
        "xtask/src/kill.rs",
        "report",
        "a folder of a run, seen from outside",
    ),
    (
        "xtask/src/vllm/demo.rs",
        "filter",
        "a command of the program, seen from outside",
    ),
    (THIS_FILE, "answer", "this list"),
    (THIS_FILE, "filter", "this list"),
    (THIS_FILE, "judge", "this list"),
    (THIS_FILE, "mix", "this list"),
    (THIS_FILE, "pairs", "this list"),
    (THIS_FILE, "quality", "this list"),
    (THIS_FILE, "report", "this list"),
    (THIS_FILE, "score", "this list"),
    (THIS_FILE, "train", "this list"),
];

const THIS_FILE: &str = "xtask/src/rules/stages.rs";

/// One sentence for each literal outside of its stage's file.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let names = names(root)?;
    let mut found = Vec::new();
    if names.is_empty() {
        return Ok(found);
    }
    for folder in ["crates", "xtask"] {
        for file in workspace::rust_files(&root.join(folder))? {
            let path = file.strip_prefix(root).unwrap_or(&file);
            if workspace::is_for_tests(path) {
                continue;
            }
            for token in source::without_tests(&read(&file)?) {
                let owners = names.iter().filter(|(name, _)| *name == token.text);
                let owners: Vec<&str> = owners.map(|(_, owner)| owner.as_str()).collect();
                let is_own = owners.iter().any(|owner| Path::new(owner) == path);
                let is_other = OTHER_MEANINGS
                    .iter()
                    .any(|(start, word, _)| *word == token.text && path.starts_with(start));
                if token.kind == Kind::Text && !owners.is_empty() && !is_own && !is_other {
                    found.push(format!(
                        "`{}`, line {}: \"{}\" is the name of a stage, which stands in `{}` alone: use its constant, or give \
                         the other meaning in xtask's list",
                        path.display(),
                        token.line,
                        token.text,
                        owners.join("`, `")
                    ));
                }
            }
        }
    }
    Ok(found)
}

/// Each declared name with the file that declares it; a group may be declared by several.
fn names(root: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for file in workspace::rust_files(&root.join(STAGES))? {
        let path = file
            .strip_prefix(root)
            .unwrap_or(&file)
            .display()
            .to_string();
        let tokens = source::without_tests(&read(&file)?);
        for name in tokens
            .split(|token| token.is_sign(";"))
            .filter_map(declared)
        {
            found.push((name, path.clone()));
        }
    }
    Ok(found)
}

/// Reads what ends with `const NAME: &str = "…"`.
fn declared(statement: &[Token]) -> Option<String> {
    let at = statement.windows(3).position(|tokens| {
        tokens[0].is_word("const")
            && DECLARATIONS.iter().any(|name| tokens[1].is_word(name))
            && tokens[2].is_sign(":")
    })?;
    let mut rest = statement[at..].iter();
    rest.find(|token| token.kind == Kind::Text)
        .map(|token| token.text.clone())
}

fn read(file: &Path) -> Result<Vec<Token>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    Ok(source::tokens(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::assert_found;

    fn check_planted(files: &[(&str, &str)], expected: &[&str]) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        assert_found(&check(root.path()).unwrap(), expected);
    }

    const FILTER: (&str, &str) = (
        "crates/pipeline/src/stages/filter.rs",
        "pub const NAME: &str = \"filter\";\npub const GROUP: &'static str = \"keeping\";\nfn f() { g(\"filter\") }",
    );

    #[test]
    fn finds_names_of_stages_outside_of_their_files() {
        let other = (
            "crates/adamllm/src/plan.rs",
            "fn f() {\n    g(\"keeping\", r\"filter\") }",
        );
        check_planted(
            &[FILTER, other],
            &[
                "`crates/adamllm/src/plan.rs`, line 2: \"keeping\"",
                "\"filter\" is the name",
            ],
        );
    }

    #[test]
    fn a_group_may_be_declared_by_each_of_its_stages() {
        let other = (
            "crates/pipeline/src/stages/judge.rs",
            "pub const NAME: &str = \"judge\"; pub const GROUP: &str = \"keeping\";",
        );
        check_planted(&[FILTER, other], &[]);
    }

    #[test]
    fn longer_texts_tests_and_comments_are_free() {
        let other = (
            "crates/run/src/folder.rs",
            "// \"filter\"\nconst A: &str = \"filter/kept.jsonl\"; #[cfg(test)] mod tests { const B: &str = \"filter\"; }",
        );
        let test = ("crates/run/tests/suite.rs", "const A: &str = \"filter\";");
        check_planted(&[FILTER, other, test], &[]);
    }

    #[test]
    fn without_stages_no_literal_is_a_name() {
        check_planted(
            &[("crates/run/src/lib.rs", "const A: &str = \"filter\";")],
            &[],
        );
    }

    #[test]
    fn a_word_may_mean_something_else_where_that_is_listed() {
        let train = (
            "crates/pipeline/src/stages/train.rs",
            "pub const NAME: &str = \"train\";",
        );
        let text = "const A: &str = \"train\";";
        check_planted(
            &[
                train,
                ("crates/corpus/src/splits.rs", text),
                ("crates/run/src/lib.rs", text),
            ],
            &["`crates/run/src/lib.rs`"],
        );
    }
}
