//! Arrows between crates: which package may depend on which.

use std::path::Path;

use anyhow::Result;

use crate::{cargo, process};

/// Each package and those of the workspace that it may depend on. No other arrow.
const ARROWS: &[(&str, &[&str])] = &[
    ("adamllm-corpus", &[]),
    ("adamllm-processor", &["adamllm-corpus"]),
    ("adamllm-synthesis", &["adamllm-corpus"]),
    ("adamllm-evaluation", &["adamllm-corpus"]),
    ("adamllm-endpoint", &["adamllm-corpus", "adamllm-faults"]),
    ("adamllm-faults", &[]),
    (
        "adamllm-quality",
        &["adamllm-evaluation", "adamllm-synthesis", "adamllm-corpus"],
    ),
    (
        "adamllm-report",
        &[
            "adamllm-evaluation",
            "adamllm-synthesis",
            "adamllm-quality",
            "adamllm-corpus",
        ],
    ),
    (
        "adamllm-run",
        &["adamllm-evaluation", "adamllm-synthesis", "adamllm-corpus"],
    ),
    ("adamllm-torch", &[]),
    (
        "adamllm-model",
        &["adamllm-processor", "adamllm-torch", "adamllm-corpus"],
    ),
    (
        "adamllm-train",
        &[
            "adamllm-model",
            "adamllm-processor",
            "adamllm-corpus",
            "adamllm-torch",
        ],
    ),
    (
        "adamllm-generate",
        &[
            "adamllm-model",
            "adamllm-processor",
            "adamllm-corpus",
            "adamllm-torch",
        ],
    ),
    ("adamllm-distributed", &["adamllm-run", "adamllm-torch"]),
    (
        "adamllm-pipeline",
        &[
            "adamllm-run",
            "adamllm-distributed",
            "adamllm-report",
            "adamllm-quality",
            "adamllm-train",
            "adamllm-generate",
            "adamllm-endpoint",
            "adamllm-faults",
            "adamllm-model",
            "adamllm-processor",
            "adamllm-torch",
            "adamllm-synthesis",
            "adamllm-evaluation",
            "adamllm-corpus",
        ],
    ),
    // The last five behind its feature `base`; the rule about tensors sees to that.
    (
        "adamllm-demo",
        &[
            "adamllm-evaluation",
            "adamllm-synthesis",
            "adamllm-corpus",
            "adamllm-torch",
            "adamllm-model",
            "adamllm-train",
            "adamllm-generate",
            "adamllm-processor",
        ],
    ),
    (
        "adamllm",
        &[
            "adamllm-corpus",
            "adamllm-processor",
            "adamllm-synthesis",
            "adamllm-evaluation",
            "adamllm-report",
            "adamllm-quality",
            "adamllm-run",
            "adamllm-distributed",
            "adamllm-torch",
            "adamllm-model",
            "adamllm-train",
            "adamllm-generate",
            "adamllm-endpoint",
            "adamllm-faults",
            "adamllm-pipeline",
            "adamllm-endpoint",
            "adamllm-demo",
        ],
    ),
    ("xtask", &[]),
];

/// All arrows that the table does not have.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let args = [
        "tree",
        "--workspace",
        "--depth",
        "1",
        "--prefix",
        "depth",
        "--all-features",
    ];
    let tree = process::output(cargo::command(root, &args).args(["-e", "normal,build,dev"]))?;
    Ok(wrong_arrows(&tree))
}

/// Reads `cargo tree --prefix depth`: lines `0<package> v..` each followed by lines `1<dependency> v..`.
fn wrong_arrows(tree: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut package = "";
    let mut allowed: &[&str] = &[];
    for line in tree.lines() {
        let name = line
            .get(1..)
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_default();
        if line.starts_with('0') {
            package = name;
            if let Some((_, arrows)) = ARROWS.iter().find(|(from, _)| *from == name) {
                allowed = arrows;
            } else {
                allowed = &[];
                found.push(format!("crate `{name}` has no row in the table of arrows: give its reason in ARCHITECTURE.md, then add it to xtask"));
            }
        } else if (name == "adamllm" || name == "xtask" || name.starts_with("adamllm-"))
            && !allowed.contains(&name)
        {
            found.push(format!(
                "`{package}` depends on `{name}`, an arrow that the layout does not have"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::assert_found;

    #[test]
    fn finds_arrows_that_the_layout_does_not_have() {
        let good = "0adamllm-model v0.1.0 (/r/crates/model)\n1adamllm-processor v0.1.0 (/r)\n1serde v1.0.0\n\n0xtask v0.1.0 (/r/xtask)\n1anyhow v1.0.0\n";
        assert_found(&wrong_arrows(good), &[]);
        let upwards = "0adamllm-corpus v0.1.0 (/r)\n1adamllm-model v0.1.0 (/r)\n\n0adamllm-synthesis v0.1.0 (/r)\n1adamllm-corpus v0.1.0 (/r)\n1adamllm v0.1.0 (/r)\n";
        assert_found(
            &wrong_arrows(upwards),
            &[
                "`adamllm-corpus` depends on `adamllm-model`",
                "`adamllm-synthesis` depends on `adamllm`",
            ],
        );
        let demo = "0adamllm-demo v0.1.0 (/r)\n1adamllm-train v0.1.0 (/r)\n1adamllm-pipeline v0.1.0 (/r)\n";
        assert_found(
            &wrong_arrows(demo),
            &["`adamllm-demo` depends on `adamllm-pipeline`"],
        );
        assert_found(
            &wrong_arrows("0adamllm-extra v0.1.0 (/r)\n1adamllm-corpus v0.1.0 (/r)\n"),
            &["no row", "`adamllm-extra` depends"],
        );
    }
}
