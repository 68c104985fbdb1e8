//! Libraries give errors of their own types, which a caller can match on; `anyhow` is for programs.

use crate::workspace::{Need, Package};

/// Packages that may take it, and why.
const PROGRAMS: &[(&str, &str)] = &[
    ("adamllm", "a program"),
    ("xtask", "a program"),
    (
        "adamllm-demo",
        "optional, for its program `demo-base` alone: the library is built without",
    ),
];

/// Libraries that depend on `anyhow`.
pub fn check(packages: &[Package]) -> Vec<String> {
    let is_program = |name: &str| PROGRAMS.iter().any(|(program, _)| *program == name);
    let takes = |package: &&Package| {
        let mut dependencies = package.dependencies.iter();
        dependencies.any(|dependency| dependency.key == "anyhow" && dependency.need == Need::Normal)
    };
    let libraries = packages
        .iter()
        .filter(|package| !is_program(&package.name))
        .filter(takes);
    let sentence = |package: &Package| {
        format!(
            "crate `{}` depends on `anyhow`: give its errors as an enum, one variant for each way that input can be bad",
            package.name
        )
    };
    libraries.map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::assert_found;
    use crate::workspace::Dependency;

    fn package(name: &str, need: Need) -> Package {
        Package {
            name: name.to_owned(),
            folder: name.into(),
            targets: Vec::new(),
            dependencies: vec![Dependency {
                key: "anyhow".to_owned(),
                need,
            }],
        }
    }

    #[test]
    fn only_programs_give_errors_without_a_type() {
        let packages = [
            package("adamllm", Need::Normal),
            package("adamllm-run", Need::Dev),
            package("adamllm-train", Need::Normal),
        ];
        assert_found(&check(&packages), &["`adamllm-train` depends on `anyhow`"]);
    }
}
