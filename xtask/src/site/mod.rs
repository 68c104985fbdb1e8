//! `cargo xtask docs`: the reference pages made anew, every link checked, and the documentation as a folder of pages that a
//! browser opens without a server.

mod links;
mod markdown;
mod pages;
mod staging;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail, ensure};

use crate::{cargo, process};

/// The version of mdBook that the site was looked at with.
const MDBOOK: &str = "0.5.4";

/// Where the pages that mdBook reads are put together, and where it writes.
const STAGED: &str = "target/book-src";
const BOOK: &str = "target/book";

/// Builds the site.
pub fn run(root: &Path) -> Result<ExitCode> {
    eprintln!("docs: reference pages");
    // With the features that everything else is built with: others would build most of it a second time.
    let args = [
        "run",
        "--quiet",
        "-p",
        "adamllm",
        "--bin",
        "adamllm",
        "--",
        "reference",
        "docs/reference",
    ];
    ensure!(
        cargo::command(root, &args).status()?.success(),
        "the reference pages cannot be made"
    );
    eprintln!("docs: links");
    let problems = links::problems(root)?;
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    ensure!(
        problems.is_empty(),
        "{} links or pages are wrong",
        problems.len()
    );
    let found = version(Command::new("mdbook").arg("--version"));
    let Some(found) = found else {
        bail!(
            "the links are right, but the site is not built: mdbook is not installed; install it with `{}`",
            install()
        );
    };
    if found != MDBOOK {
        eprintln!(
            "docs: mdbook is {found}, and the site was looked at with {MDBOOK}: `{}`",
            install()
        );
    }
    staging::stage(root, &root.join(STAGED))?;
    let mut build = Command::new("mdbook");
    build
        .arg("build")
        .arg(root.join(STAGED))
        .arg("--dest-dir")
        .arg(root.join(BOOK));
    ensure!(build.status()?.success(), "mdbook failed");
    eprintln!("docs: {}", root.join(BOOK).join("index.html").display());
    Ok(ExitCode::SUCCESS)
}

fn install() -> String {
    format!("cargo install mdbook --version {MDBOOK} --locked")
}

/// What `mdbook --version` says: the number alone.
fn version(command: &mut Command) -> Option<String> {
    let said = process::output(command).ok()?;
    let number = said.trim().trim_start_matches("mdbook").trim();
    Some(number.trim_start_matches('v').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_of_the_documents_leads_somewhere() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let problems = links::problems(&root).expect("documents");
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn versions_are_read() {
        let said = |text: &str| version(Command::new("echo").arg(text));
        assert_eq!(said("mdbook v0.5.4").as_deref(), Some("0.5.4"));
        assert_eq!(version(&mut Command::new("/nowhere/mdbook")), None);
    }
}
