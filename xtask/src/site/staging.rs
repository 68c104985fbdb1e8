//! Puts together what mdBook reads. It knows pages below one folder only, so pages and files from elsewhere in the repository
//! are copied beside those of `docs/`, and every link is written anew for the place where its target lies now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::links::is_outside;
use super::{markdown, pages};

/// mdBook's settings, beside the pages.
const SETTINGS: &str = "docs/book.toml";

/// Writes the folder anew: `book.toml`, and `src/` with all pages and what they link to.
pub fn stage(root: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    let chapters: BTreeSet<PathBuf> = pages::of(root)?.into_iter().collect();
    let mut files = chapters.clone();
    let mut below = Vec::new();
    pages::files_below(root, Path::new("docs"), &mut below)?;
    files.extend(below);
    files.remove(Path::new(SETTINGS));
    copy(root, Path::new(SETTINGS), &folder.join("book.toml"))?;
    let source = folder.join("src");
    let mut linked: BTreeSet<PathBuf> = BTreeSet::new();
    for file in &files {
        let place = source.join(place_of(file, &chapters));
        if file.extension().is_some_and(|ending| ending == "md") {
            let text = relinked(file, &pages::read(root, file)?, &chapters, &mut linked);
            write(&place, text.as_bytes())?;
        } else {
            copy(root, file, &place)?;
        }
    }
    for file in linked.difference(&files) {
        copy(root, file, &source.join(place_of(file, &chapters)))?;
    }
    Ok(())
}

/// Where a file of the repository lies in the book. What no chapter is and no browser shows has `.txt` at its end.
fn place_of(file: &Path, chapters: &BTreeSet<PathBuf>) -> PathBuf {
    if let Ok(inside) = file.strip_prefix("docs") {
        return inside.to_owned();
    }
    // The first page's text is the page `index.html` too, so it has to lie beside it.
    if file == Path::new("README.md") {
        return PathBuf::from("introduction.md");
    }
    let place = Path::new("repository").join(file);
    let shown = ["png", "svg", "jpg", "html", "txt"];
    let is_shown = file
        .extension()
        .is_some_and(|ending| shown.iter().any(|known| ending == *known));
    if is_shown || chapters.contains(file) {
        return place;
    }
    let mut name = place.into_os_string();
    name.push(".txt");
    name.into()
}

/// A page's text with links for the book; what they lead to is noted.
fn relinked(
    page: &Path,
    text: &str,
    chapters: &BTreeSet<PathBuf>,
    linked: &mut BTreeSet<PathBuf>,
) -> String {
    let here = page.parent().unwrap_or(Path::new(""));
    let from = place_of(page, chapters);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for link in markdown::links(text) {
        let (file, anchor) = match link.target.split_once('#') {
            Some((file, anchor)) => (file, format!("#{anchor}")),
            None => (link.target.as_str(), String::new()),
        };
        if file.is_empty() || is_outside(file) {
            continue;
        }
        let target = pages::normal(&here.join(file));
        out += &text[done..link.place.start];
        // mdBook makes a page of its own of the table of contents.
        let place = if target == Path::new(pages::SUMMARY) {
            PathBuf::from("toc.html")
        } else {
            place_of(&target, chapters)
        };
        out += &relative(&from, &place);
        out += &anchor;
        done = link.place.end;
        linked.insert(target);
    }
    out + &text[done..]
}

/// The way from a page to a file, both in the book.
fn relative(page: &Path, file: &Path) -> String {
    let here: Vec<_> = page
        .parent()
        .into_iter()
        .flat_map(Path::components)
        .collect();
    let there: Vec<_> = file.components().collect();
    let common = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), here.len() - common);
    let down = there[common..]
        .iter()
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

fn write(place: &Path, bytes: &[u8]) -> Result<()> {
    let folder = place.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(place, bytes))
        .with_context(|| format!("cannot write `{}`", place.display()))
}

fn copy(root: &Path, file: &Path, place: &Path) -> Result<()> {
    let bytes = std::fs::read(root.join(file))
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    write(place, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_files_from_elsewhere_lie_beside_the_others() {
        let folder = tempfile::tempdir().expect("folder");
        let root = folder.path().join("repository");
        let put = |name: &str, text: &str| write(&root.join(name), text.as_bytes()).expect("write");
        put(
            "README.md",
            "[a](docs/a.md#x) [k](ARCHITECTURE.md) ![p](docs/images/p.png) [s](docs/SUMMARY.md)",
        );
        put("ARCHITECTURE.md", "[a](docs/a.md) [c](crates/c/src/lib.rs)");
        put("crates/c/src/lib.rs", "//! C.");
        put("recipes/r.toml", "");
        put("docs/book.toml", "[book]");
        put("docs/images/p.png", "");
        put(
            "docs/SUMMARY.md",
            "[I](../README.md)\n- [A](a.md)\n- [R](sub/r.md)\n- [K](../ARCHITECTURE.md)\n",
        );
        put(
            "docs/a.md",
            "[r](sub/r.md) [x](#x) [o](https://example.org) [i](../README.md)",
        );
        put(
            "docs/sub/r.md",
            "[a](../a.md) [t](../../recipes/r.toml) `[no](no.md)`",
        );
        let staged = folder.path().join("staged");
        write(&staged.join("src/old.md"), b"of an earlier time").expect("write");
        stage(&root, &staged).expect("staged");
        let read = |name: &str| std::fs::read_to_string(staged.join(name)).expect(name);
        assert_eq!(read("book.toml"), "[book]");
        assert_eq!(
            read("src/introduction.md"),
            "[a](a.md#x) [k](repository/ARCHITECTURE.md) ![p](images/p.png) [s](toc.html)"
        );
        assert_eq!(
            read("src/SUMMARY.md"),
            "[I](introduction.md)\n- [A](a.md)\n- [R](sub/r.md)\n- [K](repository/ARCHITECTURE.md)\n"
        );
        assert_eq!(
            read("src/a.md"),
            "[r](sub/r.md) [x](#x) [o](https://example.org) [i](introduction.md)"
        );
        assert_eq!(
            read("src/sub/r.md"),
            "[a](../a.md) [t](../repository/recipes/r.toml.txt) `[no](no.md)`"
        );
        assert_eq!(
            read("src/repository/ARCHITECTURE.md"),
            "[a](../a.md) [c](crates/c/src/lib.rs.txt)"
        );
        assert_eq!(read("src/repository/crates/c/src/lib.rs.txt"), "//! C.");
        assert!(staged.join("src/images/p.png").is_file());
        assert!(!staged.join("src/old.md").exists() && !staged.join("src/book.toml").exists());
    }
}
