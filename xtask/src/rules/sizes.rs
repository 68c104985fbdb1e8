//! Sizes of files: of what is committed, and of Rust source.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::source;
use crate::workspace;

/// The largest file that may be committed, in bytes.
const MAX_FILE_BYTES: u64 = 5_000_000;

/// Larger ones that are there for a reason.
const LARGE_FILES: &[(&str, &str)] = &[(
    "assets/demo/base-model/model.safetensors",
    "the demo's base model, which takes hours to make",
)];

/// The most lines that a Rust file may have, tests excepted.
const MAX_LINES: usize = 500;

/// Longer ones that are catalogues of names, by how their paths end: their length says how many there are, no more.
const CATALOGUES: &[(&str, &str)] = &[(
    "src/recipe/keys.rs",
    "each key of a recipe with its form, preset, source and help",
)];

/// Files among those of the repository that are too large to be there.
pub fn large_files(root: &Path, files: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files {
        // A file that is listed but gone has no size.
        let Ok(file) = root.join(path).symlink_metadata() else {
            continue;
        };
        let is_known = LARGE_FILES.iter().any(|(known, _)| known == path);
        if file.len() > MAX_FILE_BYTES && !is_known {
            found.push(format!(
                "`{path}` has {} bytes, the most is {MAX_FILE_BYTES}: keep it out of the repository, or give its reason in \
                 xtask's list of large files",
                file.len()
            ));
        }
    }
    found
}

/// Rust files among those of the repository with too many lines of source.
pub fn long_files(root: &Path, files: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in files {
        let file = root.join(path);
        let is_excepted = workspace::is_for_tests(Path::new(path))
            || CATALOGUES
                .iter()
                .any(|(known, _)| Path::new(path).ends_with(known));
        let is_rust = Path::new(path)
            .extension()
            .is_some_and(|ending| ending == "rs");
        if !is_rust || is_excepted || !file.exists() {
            continue;
        }
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read `{path}`"))?;
        let lines = source::lines_before_tests(&text);
        if lines > MAX_LINES {
            found.push(format!(
                "`{path}` has {lines} lines of source, the most is {MAX_LINES}: split it by what is in it"
            ));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::assert_found;

    #[test]
    fn finds_large_files() {
        let root = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(root.path().join("weights")).unwrap();
        file.set_len(MAX_FILE_BYTES).unwrap();
        assert_found(&large_files(root.path(), &["weights", "gone"]), &[]);
        file.set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_found(
            &large_files(root.path(), &["weights", "gone"]),
            &["`weights` has 5000001 bytes"],
        );
    }

    #[test]
    fn knows_the_large_files_that_are_there_for_a_reason() {
        let root = tempfile::tempdir().unwrap();
        let (known, _) = LARGE_FILES[0];
        let path = root.path().join(known);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = std::fs::File::create(path).unwrap();
        file.set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_found(&large_files(root.path(), &[known]), &[]);
    }

    #[test]
    fn finds_long_files() {
        let root = tempfile::tempdir().unwrap();
        let source = "fn f() {}\n".repeat(MAX_LINES);
        let with_tests = format!("{source}\n#[cfg(test)]\nmod tests {{\n{source}}}\n").replacen(
            "fn f() {}\n",
            "",
            1,
        );
        let long = format!("{source}fn g() {{}}\n");
        for folder in ["tests", "src/recipe"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let files = [
            "just.rs",
            "long.rs",
            "tested.rs",
            "tests.rs",
            "tests/long.rs",
            "long.md",
            "src/recipe/keys.rs",
        ];
        for (path, text) in
            files
                .iter()
                .zip([&source, &long, &with_tests, &long, &long, &long, &long])
        {
            std::fs::write(root.path().join(path), text).unwrap();
        }
        let mut listed = files.to_vec();
        listed.push("gone.rs");
        assert_found(
            &long_files(root.path(), &listed).unwrap(),
            &["`long.rs` has 501 lines"],
        );
    }
}
