//! What systems are called, and which of them the others are compared with.

use std::path::{Path, PathBuf};

use super::error::SystemsError;

/// A system as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name in tables.
    pub name: String,
    /// Its folder, or its file of predictions.
    pub path: PathBuf,
}

/// Names of `FOLDER` or `NAME=FOLDER`, two or more. Without a name it is the folder's or the file's own; two nameless systems
/// of one name are `before` and `after`.
pub fn named(arguments: &[PathBuf]) -> Result<Vec<Named>, SystemsError> {
    if arguments.len() < 2 {
        return Err(SystemsError::TooFew);
    }
    let mut all = Vec::new();
    let mut nameless = 0;
    for argument in arguments {
        let (name, path) = parts(argument)?;
        nameless += usize::from(name.is_none());
        all.push(Named {
            name: name.unwrap_or_else(|| own_name(&path)),
            path,
        });
    }
    for (at, later) in all.iter().enumerate() {
        let place = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut earlier = all[..at].iter();
        if let Some(same) = earlier.find(|same| place(&same.path) == place(&later.path)) {
            return Err(SystemsError::Twice {
                path: later.path.clone(),
                first: same.name.clone(),
                second: later.name.clone(),
            });
        }
    }
    if let [first, second] = all.as_mut_slice()
        && first.name == second.name
        && nameless == 2
    {
        "before".clone_into(&mut first.name);
        "after".clone_into(&mut second.name);
    }
    for (at, later) in all.iter().enumerate() {
        if let Some(same) = all[..at].iter().find(|same| same.name == later.name) {
            return Err(SystemsError::OneName {
                name: later.name.clone(),
                first: same.path.clone(),
                second: later.path.clone(),
            });
        }
    }
    Ok(all)
}

/// The place of the system that the others are compared with: the one of this name, or the first.
pub fn base(names: &[&str], against: Option<&str>) -> Result<usize, SystemsError> {
    let Some(wanted) = against else {
        return Ok(0);
    };
    let place = names.iter().position(|name| *name == wanted);
    place.ok_or_else(|| {
        let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        SystemsError::Unknown {
            name: wanted.to_owned(),
            known: known.join(", "),
        }
    })
}

/// Name and path of an argument. A path that exists is a path, whatever its letters.
fn parts(argument: &Path) -> Result<(Option<String>, PathBuf), SystemsError> {
    let split = argument.to_str().and_then(|text| text.split_once('='));
    match split {
        Some((name, path)) if !argument.exists() && !name.contains('/') => {
            if name.trim().is_empty() {
                return Err(SystemsError::NoName {
                    argument: argument.display().to_string(),
                });
            }
            Ok((Some(name.trim().to_owned()), path.into()))
        }
        _ => Ok((None, argument.to_owned())),
    }
}

/// The name of a folder, or of a file without its ending.
fn own_name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if whole.is_dir() {
        whole.file_name()
    } else {
        path.file_stem()
    };
    name.unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Result<Vec<String>, String> {
        let arguments: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
        let found = named(&arguments).map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|system| system.name).collect())
    }

    #[test]
    fn systems_of_one_name_are_told_apart_by_their_order() {
        let of = |arguments: &[&str]| names(arguments).expect("names");
        assert_eq!(of(&["x/base", "x/adapted.jsonl"]), ["base", "adapted"]);
        assert_eq!(of(&["x/slake.jsonl", "y/slake.jsonl"]), ["before", "after"]);
    }

    #[test]
    fn a_name_may_stand_before_the_folder() {
        let of = |arguments: &[&str]| names(arguments).expect("names");
        assert_eq!(
            of(&["LLaVA 8B=x/s", "y/s", "z/other"]),
            ["LLaVA 8B", "s", "other"]
        );
        // A slash before the sign is a path.
        assert_eq!(of(&["x/lr=2/s.jsonl", "b"]), ["s", "b"]);
        let folder = tempfile::tempdir().expect("folder");
        let own = folder.path().join("v1.6-8b");
        std::fs::create_dir(&own).expect("folder");
        let own = own.display().to_string();
        assert_eq!(of(&[&own, "b"])[0], "v1.6-8b");
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        let error = |arguments: &[&str]| names(arguments).expect_err("refused");
        assert!(error(&["a"]).contains("two systems or more"));
        assert!(error(&["=a", "b"]).contains("`=a` has no name"));
        assert!(error(&["a", "x=a"]).contains("`a` is given twice, as `a` and as `x`"));
        let same = "two systems are called `s`: `x/s` and `y/s`; name them with `NAME=FOLDER`";
        assert_eq!(error(&["x/s", "y/s", "z/t"]), same);
        assert!(error(&["s=x/a", "s=y/b"]).contains("two systems are called `s`"));
    }

    #[test]
    fn the_first_is_the_base_unless_another_is_named() {
        let place = |against: Option<&str>| base(&["a", "b"], against).expect("known");
        assert_eq!((place(None), place(Some("b"))), (0, 1));
        let error = base(&["a", "b"], Some("c")).expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "no system is called `c`; there are `a`, `b`"
        );
    }
}
