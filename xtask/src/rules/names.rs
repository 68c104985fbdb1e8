//! Names of modules that say what is in them.

use std::path::Path;

/// Module names that say nothing about what is in them.
const BANNED_MODULES: [&str; 5] = ["utils", "common", "base", "helpers", "manager"];

/// Rust files, and folders of them, with a name that says nothing.
pub fn banned_modules(files: &[&str]) -> Vec<String> {
    let sources = files.iter().filter(|path| {
        Path::new(path)
            .extension()
            .is_some_and(|ending| ending == "rs")
    });
    let banned = sources.filter(|path| {
        let stem = path.trim_end_matches(".rs");
        stem.split('/').any(|part| BANNED_MODULES.contains(&part))
    });
    banned
        .map(|path| {
            format!("`{path}` has a module name that says nothing: name it after what is in it")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::assert_found;

    #[test]
    fn finds_modules_whose_name_says_nothing() {
        assert_found(
            &banned_modules(&[
                "crates/model/src/families/llava.rs",
                "assets/base/notes.md",
                "xtask/src/database.rs",
            ]),
            &[],
        );
        let files = [
            "crates/corpus/src/utils.rs",
            "crates/train/src/helpers/mod.rs",
        ];
        assert_found(
            &banned_modules(&files),
            &["corpus/src/utils.rs", "helpers/mod.rs"],
        );
    }
}
