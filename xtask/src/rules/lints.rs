//! Every crate is under the lints of the workspace.

/// The one package with `unsafe` code; its table of lints stands in its own manifest.
const OWN_LINTS: &str = "adamllm-torch";

/// Reads a manifest: does it take the lints of the workspace?
pub fn missing_lints(package: &str, manifest: &str) -> Option<String> {
    let mut in_table = false;
    let mut taken = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_table = line == "[lints]";
        } else if in_table {
            taken |= line
                .split('#')
                .next()
                .unwrap_or_default()
                .replace(' ', "")
                .trim()
                == "workspace=true";
        }
    }
    (!taken && package != OWN_LINTS).then(|| {
        format!("crate `{package}` is not under the workspace's lints: add `[lints]` with `workspace = true` to its manifest")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_crates_outside_of_the_lints() {
        let check = |package, manifest, expected: bool| {
            assert_eq!(
                missing_lints(package, manifest).is_some(),
                expected,
                "{manifest}"
            );
        };
        check(
            "adamllm-corpus",
            "[package]\nname = \"c\"\n\n[lints]\nworkspace = true\n",
            false,
        );
        check(
            "adamllm-corpus",
            "[lints]\nworkspace=true # all of them\n",
            false,
        );
        check(
            "adamllm-corpus",
            "[package]\nversion.workspace = true\n",
            true,
        );
        check(
            "adamllm-corpus",
            "[lints]\n\n[dependencies]\nworkspace = true\n",
            true,
        );
        check("adamllm-corpus", "[lints]\n# workspace = true\n", true);
        check(
            "adamllm-torch",
            "[lints.rust]\nmissing_docs = \"warn\"\n",
            false,
        );
    }
}
