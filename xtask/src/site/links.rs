//! Whether every link leads somewhere, and whether every page is in the table of contents.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{markdown, pages};

/// What is wrong, one sentence each. Addresses on the net are not asked for.
pub fn problems(root: &Path) -> Result<Vec<String>> {
    let chapters = pages::of(root)?;
    let mut found = contents(root, &chapters)?;
    let mut files: BTreeSet<PathBuf> = pages::written(root)?.into_iter().collect();
    files.extend(
        chapters
            .into_iter()
            .filter(|page| root.join(page).is_file()),
    );
    for page in &files {
        let text = pages::read(root, page)?;
        for link in markdown::links(&text) {
            if let Some(problem) = problem_of(root, page, &link.target)? {
                let page = page.display();
                let (line, target) = (link.line, &link.target);
                found.push(format!("`{page}`, line {line}: `{target}` {problem}"));
            }
        }
    }
    Ok(found)
}

/// What is wrong with the table of contents.
fn contents(root: &Path, chapters: &[PathBuf]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for page in chapters {
        if !seen.insert(page) {
            found.push(format!(
                "`{}` names `{}` twice",
                pages::SUMMARY,
                page.display()
            ));
        }
    }
    for page in pages::written(root)? {
        if page != Path::new(pages::SUMMARY) && !seen.contains(&page) {
            found.push(format!(
                "`{}` is no chapter: name it in `{}`",
                page.display(),
                pages::SUMMARY
            ));
        }
    }
    Ok(found)
}

fn problem_of(root: &Path, page: &Path, target: &str) -> Result<Option<String>> {
    if is_outside(target) {
        return Ok(None);
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let place = if file.is_empty() {
        page.to_owned()
    } else {
        let folder = page.parent().unwrap_or(Path::new(""));
        pages::normal(&folder.join(file))
    };
    if place.starts_with("..") || Path::new(file).is_absolute() {
        return Ok(Some("leads out of the repository".to_owned()));
    }
    if root.join(&place).is_dir() {
        return Ok(Some("is a folder; name a file in it".to_owned()));
    }
    if !root.join(&place).is_file() {
        return Ok(Some(format!(
            "leads to `{}`, which is not there",
            place.display()
        )));
    }
    if anchor.is_empty() {
        return Ok(None);
    }
    let known = markdown::anchors(&pages::read(root, &place)?);
    Ok((!known.contains(anchor))
        .then(|| format!("names a heading that `{}` does not have", place.display())))
}

/// Whether a link leads to the net.
pub fn is_outside(target: &str) -> bool {
    ["http://", "https://", "mailto:"]
        .iter()
        .any(|start| target.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(path, text).expect("write");
    }

    #[test]
    fn what_leads_nowhere_is_named_with_its_line() {
        let folder = tempfile::tempdir().expect("folder");
        let root = folder.path();
        write(root, "README.md", "[a](docs/a.md) [b](docs/b/c.md#here)\n");
        write(
            root,
            "docs/SUMMARY.md",
            "[I](../README.md)\n- [A](a.md)\n- [A](a.md)\n- [G](gone.md)\n",
        );
        write(
            root,
            "docs/a.md",
            "# A\n\n[up](../README.md) [own](#a) [bad](#b)\n[x](https://example.org/x)\n![p](p.png) [f](b) [o](../../etc)\n",
        );
        write(root, "docs/b/c.md", "# There\n");
        write(root, "docs/p.png", "");
        let found = problems(root).expect("read");
        assert_eq!(
            found,
            [
                "`docs/SUMMARY.md` names `docs/a.md` twice",
                "`docs/b/c.md` is no chapter: name it in `docs/SUMMARY.md`",
                "`README.md`, line 1: `docs/b/c.md#here` names a heading that `docs/b/c.md` does not have",
                "`docs/SUMMARY.md`, line 4: `gone.md` leads to `docs/gone.md`, which is not there",
                "`docs/a.md`, line 3: `#b` names a heading that `docs/a.md` does not have",
                "`docs/a.md`, line 5: `b` is a folder; name a file in it",
                "`docs/a.md`, line 5: `../../etc` leads out of the repository",
            ]
        );
    }
}
