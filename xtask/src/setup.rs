//! Which libtorch the workspace is built with, and the `.libtorch` link that leads there.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::bundle::{self, Bundle, Tools};

/// The link in the repository root; `.cargo/config.toml` names it as the default of `LIBTORCH`.
const LINK: &str = ".libtorch";

/// Where libtorch comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// The PyTorch of the active Python.
    Python,
    /// A folder that the user named.
    Folder(PathBuf),
    /// Our own pinned copy.
    Own,
}

/// Makes sure that libtorch is there; milliseconds when it is.
pub fn run(root: &Path) -> Result<()> {
    let variable = |name: &str| std::env::var_os(name);
    match source(root, variable("LIBTORCH_USE_PYTORCH"), variable("LIBTORCH"))? {
        Source::Python => {
            eprintln!(
                "setup: nothing to do, LIBTORCH_USE_PYTORCH takes the active Python's libtorch"
            );
            Ok(())
        }
        Source::Folder(folder) => {
            eprintln!("setup: nothing to do, LIBTORCH is `{}`", folder.display());
            Ok(())
        }
        Source::Own => link(root, &own()?.join("torch")),
    }
}

/// The folder of our own copy, fetched if it is not there, whatever libtorch the user's builds take.
pub fn own() -> Result<PathBuf> {
    fetched(&Bundle::pinned())
}

/// The folder of what the wheels of libtorch say of their licences.
pub fn licences() -> Result<PathBuf> {
    fetched(&Bundle::licences())
}

fn fetched(bundle: &Bundle) -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name);
    let cache = cache_folder(variable("XDG_CACHE_HOME"), variable("HOME"))?;
    bundle::install(bundle, &cache, &Tools::from_path())
}

/// What is wrong with the libtorch that the next build would use, and what to do; looks only.
pub fn problem(root: &Path) -> Option<String> {
    let variable = |name: &str| std::env::var_os(name);
    let complete = || -> Result<bool> {
        if source(root, variable("LIBTORCH_USE_PYTORCH"), variable("LIBTORCH"))? != Source::Own {
            return Ok(true);
        }
        let cache = cache_folder(variable("XDG_CACHE_HOME"), variable("HOME"))?;
        let bundle = Bundle::pinned();
        let target = bundle.folder(&cache);
        let link = std::fs::read_link(root.join(LINK));
        Ok(link.is_ok_and(|to| to == target.join("torch")) && bundle.is_complete(&target))
    };
    match complete() {
        Ok(true) => None,
        Ok(false) => Some("libtorch is missing or incomplete: `cargo xtask setup`".to_owned()),
        Err(error) => Some(format!("{error:#}")),
    }
}

/// Whether this value of `LIBTORCH` is the one that `.cargo/config.toml` gives to cargo's children.
pub fn is_default(root: &Path, value: &OsStr) -> bool {
    let path = Path::new(value);
    let same = |a: &Path, b: &Path| match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    };
    path.file_name() == Some(OsStr::new(LINK))
        && path.parent().is_some_and(|parent| same(parent, root))
}

/// Decides as torch-sys 0.24 does: `LIBTORCH_USE_PYTORCH`, set to anything, wins over `LIBTORCH`.
fn source(
    root: &Path,
    use_pytorch: Option<OsString>,
    libtorch: Option<OsString>,
) -> Result<Source> {
    if let Some(value) = use_pytorch {
        // torch-sys only looks whether it is set, so `0` would mean the opposite of what it says.
        ensure!(
            value == "1",
            "LIBTORCH_USE_PYTORCH is `{}`, but torch-sys takes any value as yes: unset it, or set it to 1",
            value.display()
        );
        return Ok(Source::Python);
    }
    let Some(value) = libtorch.filter(|value| !is_default(root, value)) else {
        return Ok(Source::Own);
    };
    let folder = PathBuf::from(value);
    ensure!(
        folder.is_absolute() && folder.join("lib").is_dir() && folder.join("include").is_dir(),
        "LIBTORCH is `{}`, which is not the absolute path of a folder with `lib` and `include`: mend or unset it",
        folder.display()
    );
    Ok(Source::Folder(folder))
}

/// `adamllm` under the user's cache folder, by the XDG rules (a relative path counts as unset).
fn cache_folder(xdg: Option<OsString>, home: Option<OsString>) -> Result<PathBuf> {
    let absolute = |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
    let user = xdg
        .and_then(absolute)
        .or_else(|| home.and_then(absolute).map(|home| home.join(".cache")));
    let user =
        user.context("no cache folder is known: set HOME or XDG_CACHE_HOME to an absolute path")?;
    Ok(user.join("adamllm"))
}

/// Points the link at `target`, in one step, so that a build beside us never sees it missing.
fn link(root: &Path, target: &Path) -> Result<()> {
    let link = root.join(LINK);
    match std::fs::read_link(&link) {
        Ok(current) if current == target => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(_) => bail!(
            "`{}` is not a link: move it away, or set LIBTORCH to it if it is a libtorch of your own",
            link.display()
        ),
    }
    let fresh = root.join(format!("{LINK}.{}", std::process::id()));
    let made =
        std::os::unix::fs::symlink(target, &fresh).and_then(|()| std::fs::rename(&fresh, &link));
    if made.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    made.with_context(|| format!("cannot make the link `{}`", link.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(use_pytorch: Option<&str>, libtorch: Option<&Path>, expected: Result<Source, &str>) {
        let root = tempfile::tempdir().unwrap();
        check_in(root.path(), use_pytorch, libtorch, expected);
    }

    fn check_in(
        root: &Path,
        use_pytorch: Option<&str>,
        libtorch: Option<&Path>,
        expected: Result<Source, &str>,
    ) {
        let found = source(root, use_pytorch.map(Into::into), libtorch.map(Into::into));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(part)) => assert!(found.to_string().contains(part), "{found}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn takes_our_own_copy_by_default() {
        check(None, None, Ok(Source::Own));
        let root = tempfile::tempdir().unwrap();
        check_in(
            root.path(),
            None,
            Some(&root.path().join(LINK)),
            Ok(Source::Own),
        );
        // The same default, seen through a link to the clone.
        let other = tempfile::tempdir().unwrap();
        let alias = other.path().join("clone");
        std::os::unix::fs::symlink(root.path(), &alias).unwrap();
        check_in(root.path(), None, Some(&alias.join(LINK)), Ok(Source::Own));
    }

    #[test]
    fn honours_a_folder_of_the_user() {
        let own = tempfile::tempdir().unwrap();
        check(None, Some(own.path()), Err("`lib` and `include`"));
        std::fs::create_dir(own.path().join("lib")).unwrap();
        std::fs::create_dir(own.path().join("include")).unwrap();
        check(
            None,
            Some(own.path()),
            Ok(Source::Folder(own.path().into())),
        );
        check(None, Some(Path::new("")), Err("LIBTORCH is ``"));
    }

    #[test]
    fn lets_the_active_python_win() {
        check(Some("1"), Some(Path::new("/nowhere")), Ok(Source::Python));
        check(Some("0"), None, Err("takes any value as yes"));
    }

    #[test]
    fn finds_the_cache_folder_by_the_xdg_rules() {
        let folder = |xdg: Option<&str>, home: Option<&str>| {
            cache_folder(xdg.map(Into::into), home.map(Into::into))
        };
        assert_eq!(
            folder(Some("/x"), Some("/h")).unwrap(),
            Path::new("/x/adamllm")
        );
        assert_eq!(
            folder(Some(""), Some("/h")).unwrap(),
            Path::new("/h/.cache/adamllm")
        );
        assert_eq!(
            folder(Some("here"), Some("/h")).unwrap(),
            Path::new("/h/.cache/adamllm")
        );
        assert!(
            folder(None, None)
                .unwrap_err()
                .to_string()
                .contains("XDG_CACHE_HOME")
        );
    }

    #[test]
    fn replaces_an_old_link_but_never_a_folder() {
        let root = tempfile::tempdir().unwrap();
        link(root.path(), Path::new("/one")).unwrap();
        link(root.path(), Path::new("/two")).unwrap();
        link(root.path(), Path::new("/two")).unwrap();
        assert_eq!(
            std::fs::read_link(root.path().join(LINK)).unwrap(),
            Path::new("/two")
        );
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);

        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(LINK)).unwrap();
        let error = link(root.path(), Path::new("/one")).unwrap_err();
        assert!(error.to_string().contains("not a link"), "{error}");
    }
}
