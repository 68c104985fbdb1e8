//! One text with the licences of all parts: who made what, and each text once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::parts::Part;

/// Gives the licences of `parts`, which are not our own; `root` has the texts that some of them only name.
pub fn text(root: &Path, parts: &[Part]) -> Result<String> {
    let standard = |path: &str| {
        let path = root.join(path);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
    };
    let (apache, mit) = (standard("LICENSE")?, standard("assets/licences/MIT.txt")?);
    let mut out = String::from(
        "Licences of others' work in this package\n\n\
         AdaMLLM-rs itself is under the Apache License 2.0 (LICENSE, NOTICE). It is built from the parts below, and from the\n\
         standard library of Rust (https://www.rust-lang.org; MIT OR Apache-2.0, Copyright The Rust Project contributors).\n\
         Where a part may be had under several licences, it is used under whichever is easiest to keep; the texts that it\n\
         brings are all here.\n\n",
    );
    // Which parts bring a text, in the order in which texts first occur.
    let mut order: Vec<String> = Vec::new();
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in parts.iter().filter(|part| !part.is_own) {
        let title = format!("{} {}", part.name, part.version);
        let _ = writeln!(out, "- {title}: {}", part.licence);
        let mut texts: Vec<String> = part.texts.iter().map(|(_, text)| text.clone()).collect();
        if texts.is_empty() && !is_within_another(part) {
            texts.push(named(part, &apache, &mit)?);
        }
        for text in texts {
            let text = text.trim().to_owned();
            if !owners.contains_key(&text) {
                order.push(text.clone());
            }
            let titles = owners.entry(text).or_default();
            if titles.last() != Some(&title) {
                titles.push(title.clone());
            }
        }
    }
    for text in order {
        let titles = owners[&text].join(", ");
        let line = "-".repeat(80);
        let _ = write!(out, "\n{line}\n{titles}\n{line}\n\n{text}\n");
    }
    Ok(out)
}

/// Whether a part's text stands in the file of the one that carries it.
fn is_within_another(part: &Part) -> bool {
    part.purl.starts_with("pkg:generic/pytorch-third-party/")
}

/// The text of a licence that is named and not brought along.
fn named(part: &Part, apache: &str, mit: &str) -> Result<String> {
    let choices: Vec<&str> = part.licence.split(" OR ").collect();
    if choices.contains(&"Apache-2.0") {
        return Ok(apache.to_owned());
    }
    if choices.contains(&"MIT") {
        // The licence is given under the names of those who wrote it.
        let who = if part.authors.is_empty() {
            format!("the authors of {}", part.name)
        } else {
            part.authors.join(", ")
        };
        return Ok(format!("Copyright (c) {who}\n\n{mit}"));
    }
    bail!(
        "`{} {}` is under `{}` and brings no text of it: add the text to assets/licences",
        part.name,
        part.version,
        part.licence
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, licence: &str, text: Option<&str>) -> Part {
        Part {
            name: name.into(),
            version: "1.0.0".into(),
            licence: licence.into(),
            authors: vec!["Ada <a@example.org>".into()],
            texts: text
                .map(|text| ("LICENSE".into(), text.into()))
                .into_iter()
                .collect(),
            ..Part::default()
        }
    }

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("assets/licences")).unwrap();
        std::fs::write(root.path().join("LICENSE"), "APACHE").unwrap();
        std::fs::write(root.path().join("assets/licences/MIT.txt"), "PERMISSION").unwrap();
        root
    }

    #[test]
    fn each_text_stands_once_under_all_who_bring_it() {
        let root = root();
        let parts = [
            part("a", "MIT", Some("one\n")),
            part("b", "MIT", Some("one")),
            part("c", "BSD-2-Clause", Some("two")),
            Part {
                is_own: true,
                ..part("own", "Apache-2.0", None)
            },
        ];
        let text = text(root.path(), &parts).unwrap();
        assert_eq!(text.matches("\none\n").count(), 1);
        assert!(text.contains("\na 1.0.0, b 1.0.0\n") && text.contains("\nc 1.0.0\n"));
        assert!(text.contains("- c 1.0.0: BSD-2-Clause\n") && !text.contains("own"));
    }

    #[test]
    fn a_licence_that_is_only_named_gets_its_text() {
        let root = root();
        let of = |licence: &str| text(root.path(), &[part("a", licence, None)]);
        assert!(of("MIT OR Apache-2.0").unwrap().ends_with("\nAPACHE\n"));
        let mit = of("MIT").unwrap();
        assert!(
            mit.contains("Copyright (c) Ada <a@example.org>\n\nPERMISSION"),
            "{mit}"
        );
        let error = of("BSL-1.0").unwrap_err().to_string();
        assert!(error.contains("`a 1.0.0` is under `BSL-1.0`"), "{error}");
    }
}
