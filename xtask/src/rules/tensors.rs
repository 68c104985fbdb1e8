//! Packages that build and test on a machine without libtorch.

use std::path::Path;

use anyhow::Result;

use crate::{cargo, process};

/// Packages that reach no tensors, whatever features are asked for.
const WITHOUT_TENSORS: [&str; 7] = [
    "adamllm-corpus",
    "adamllm-processor",
    "adamllm-synthesis",
    "adamllm-evaluation",
    "adamllm-report",
    "adamllm-run",
    "xtask",
];

/// Packages that reach no tensors with `--no-default-features`. Their tests may: they start what the features bring.
const WITHOUT_TENSORS_BY_CHOICE: [&str; 2] = ["adamllm-demo", "adamllm"];

/// What a package without tensors must not reach.
const TENSOR_LIBRARIES: [&str; 3] = ["tch", "torch-sys", "adamllm-torch"];

/// All packages that reach tensors and must not.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for package in WITHOUT_TENSORS {
        let tree = tree(root, package, &["--all-features", "-e", "normal,build,dev"])?;
        found.extend(tensor_libraries(package, &tree));
    }
    for package in WITHOUT_TENSORS_BY_CHOICE {
        let args = ["--no-default-features", "-e", "normal,build"];
        let tree = tree(root, package, &args)?;
        let named = format!("{package} --no-default-features");
        found.extend(tensor_libraries(&named, &tree));
    }
    Ok(found)
}

fn tree(root: &Path, package: &str, args: &[&str]) -> Result<String> {
    let asked = ["tree", "-p", package, "--prefix", "none"];
    process::output(cargo::command(root, &asked).args(args))
}

/// Reads `cargo tree --prefix none` of one package.
fn tensor_libraries(package: &str, tree: &str) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let mut tensors: Vec<&str> = names
        .filter(|name| TENSOR_LIBRARIES.contains(name))
        .collect();
    tensors.sort_unstable();
    tensors.dedup();
    tensors
        .into_iter()
        .map(|library| format!("`{package}` must build without tensors, but reaches `{library}`"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::assert_found;

    #[test]
    fn finds_tensor_libraries() {
        assert_found(
            &tensor_libraries("xtask", "xtask v0.1.0 (/r)\nsha2 v0.11.0\n"),
            &[],
        );
        assert_found(
            &tensor_libraries(
                "xtask",
                "xtask v0.1.0\ntch v0.24.0\ntorch-sys v0.24.0\ntch v0.24.0 (*)\n",
            ),
            &["`tch`", "`torch-sys`"],
        );
    }
}
