//! No circle of imports among the files of a crate: whoever reads one of them would have to read them all.
//!
//! A file uses another one if it names something that the other one defines. A name that is handed on counts as a use of
//! the file that it comes from. The lines `mod x;` and `pub use x::Y;` are no use, and neither is what a macro makes.

mod graph;
mod modules;
mod scope;

use std::path::Path;

use anyhow::Result;

use crate::workspace::Package;
use modules::{Modules, Use};

/// One sentence for each group of files that use one another, in any crate.
pub fn check(root: &Path, packages: &[Package]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for package in packages {
        for target in &package.targets {
            let is_ours = ["lib", "bin"].contains(&target.kind.as_str());
            // An integration test or an example is read as a whole.
            if is_ours {
                found.extend(in_crate(root, &package.name, &target.path)?);
            }
        }
    }
    Ok(found)
}

/// The circles of the crate with this root file.
fn in_crate(workspace: &Path, package: &str, root: &Path) -> Result<Vec<String>> {
    let uses = Modules::read(root)?.uses();
    let folder = root.parent().unwrap_or(workspace);
    let sentences = graph::circles(&uses).into_iter().map(|circle| {
        let name = |path: &Path| {
            let inside = path.strip_prefix(folder).unwrap_or(path);
            format!("`{}`", inside.display())
        };
        let steps: Vec<String> = circle.shortest.iter().map(|step| told(step, &name)).collect();
        let files: Vec<String> = circle.files.iter().map(|file| name(file)).collect();
        let inside = folder.strip_prefix(workspace).unwrap_or(folder);
        format!(
            "crate `{package}`, `{}`: {} files import one another in a circle ({}); the shortest: {}",
            inside.display(),
            files.len(),
            files.join(", "),
            steps.join(", ")
        )
    });
    Ok(sentences.collect())
}

fn told(step: &Use, name: &dyn Fn(&Path) -> String) -> String {
    format!(
        "{} uses {} (`{}`, line {})",
        name(&step.from),
        name(&step.to),
        step.path,
        step.line
    )
}

#[cfg(test)]
mod tests;
