//! Where relative names of pictures start, if nobody says so: in the folder of the data file, or in one above it.
//!
//! Data files of a project often name pictures from the project's root, as those of LLaMA-Factory do. Which folder is taken
//! follows from the file's first pictures alone and holds for all of it: what one row names is never looked for in two
//! places.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use crate::shards::is_there;

/// Records at the start of a file whose pictures are looked for.
pub(super) const LOOKED_AT: usize = 16;
/// Folders above the file's own that are tried. What lies further up belongs to something else.
const ABOVE: usize = 3;

/// Where relative names of pictures start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PictureRoot {
    pub(super) path: PathBuf,
    /// The folders that were tried, the file's own first.
    pub(super) tried: Vec<PathBuf>,
}

/// A folder above a data file's own in which its pictures' names start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootAbove {
    /// The folder.
    pub path: PathBuf,
    /// The file's own folder, in which none of its first pictures lies.
    pub own: PathBuf,
}

/// A sentence for who reads the file.
impl fmt::Display for RootAbove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "names of pictures start in `{}`, above the file's own folder `{}`, in which the first ones are not \
             (`[data] images` or `--image-root` names another)",
            self.path.display(),
            shown(&self.own).display()
        )
    }
}

impl PictureRoot {
    /// A folder that was named, or that needs no search.
    pub(super) fn given(path: PathBuf) -> Self {
        Self {
            tried: vec![path.clone()],
            path,
        }
    }

    /// Of a file in `own` whose first records name these pictures, record by record: the nearest folder from `own` upwards in
    /// which one of them lies, and `own` if there is none. `more` is asked for records until a picture lies in `own`.
    pub(super) fn found(own: PathBuf, mut more: impl FnMut() -> Option<Vec<PathBuf>>) -> Self {
        let mut names = Vec::new();
        while let Some(of_record) = more() {
            for name in of_record {
                if is_there(&own.join(&name)) {
                    return Self::given(own);
                }
                // A full path lies where it lies.
                if name.is_relative() {
                    names.push(name);
                }
            }
        }
        let mut root = Self::given(own);
        if names.is_empty() {
            return root;
        }
        for folder in above(&root.path) {
            root.tried.push(folder.clone());
            if names.iter().any(|name| is_there(&folder.join(name))) {
                root.path = folder;
                break;
            }
        }
        root
    }

    /// What is to be said of a folder above the file's own.
    pub(super) fn above(&self) -> Option<RootAbove> {
        let own = self.tried.first()?;
        (*own != self.path).then(|| RootAbove {
            path: self.path.clone(),
            own: own.clone(),
        })
    }

    /// What is to be said of a relative name that leads nowhere.
    pub(super) fn hint(&self) -> String {
        let others = |which: &[PathBuf]| {
            let all: Vec<String> = which.iter().map(|path| quoted(path)).collect();
            all.join(", ")
        };
        let tried = match self.tried.split_last() {
            Some((taken, before)) if *taken == self.path && !before.is_empty() => {
                format!(
                    "; the first pictures are there and not in {}",
                    others(before)
                )
            }
            _ if self.tried.len() > 1 => {
                format!(
                    "; the first pictures are not in {} either",
                    others(&self.tried[1..])
                )
            }
            _ => String::new(),
        };
        format!(
            "paths are relative to {} (`[data] images` or `--image-root` changes that){tried}",
            quoted(&self.path)
        )
    }
}

fn shown(path: &Path) -> &Path {
    if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    }
}

fn quoted(path: &Path) -> String {
    format!("`{}`", shown(path).display())
}

/// The folders above one, the nearest first: at most [`ABOVE`], none above the root of a repository or in another file system,
/// and never `/`.
fn above(own: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let Ok(mut folder) = std::path::absolute(shown(own)).map(|path| without_dots(&path)) else {
        return folders;
    };
    while folders.len() < ABOVE && !folder.join(".git").exists() {
        let Some(parent) = folder.parent().filter(|parent| parent.parent().is_some()) else {
            break;
        };
        // A link belongs to where it lies, not to where it leads.
        let devices = [folder.symlink_metadata(), parent.metadata()];
        let [Ok(inner), Ok(outer)] = devices else {
            break;
        };
        if inner.dev() != outer.dev() {
            break;
        }
        let parent = parent.to_owned();
        folders.push(parent.clone());
        folder = parent;
    }
    folders
}

/// A full path with every `..` taken out as it is written, so that a link is left by the way by which it was entered.
fn without_dots(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            out.pop();
        } else {
            out.push(part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of folders and pictures, and the root that is found for a file in `own` that names `names`, a record each.
    fn root_of(pictures: &[&str], own: &str, names: &[&str]) -> (tempfile::TempDir, PictureRoot) {
        let tree = tempfile::tempdir().expect("folder");
        // Nothing above the tree is looked at.
        std::fs::create_dir(tree.path().join(".git")).expect("folder");
        std::fs::create_dir_all(tree.path().join(own)).expect("folder");
        for picture in pictures {
            let path = tree.path().join(picture);
            std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
            std::fs::write(path, "a picture").expect("write");
        }
        let mut names = names.iter();
        let root = PictureRoot::found(tree.path().join(own), || {
            names.next().map(|name| vec![PathBuf::from(name)])
        });
        (tree, root)
    }

    #[test]
    fn the_nearest_folder_with_a_first_picture_is_taken() {
        // What is there, what the file in `a/data` names, which folder is taken, and how many were tried.
        let cases: [(&[&str], &[&str], &str, usize); 8] = [
            (&["a/data/x/1.jpg"], &["x/1.jpg"], "a/data", 1),
            (&["a/data/x/1.jpg"], &["data/x/1.jpg"], "a", 2),
            (&["b/1.jpg"], &["b/1.jpg"], "", 3),
            // Its own folder wins, though one above has a picture of that name too.
            (&["a/data/1.jpg", "a/1.jpg"], &["1.jpg"], "a/data", 1),
            // And though the first picture lies by accident in one above.
            (
                &["a/1.jpg", "a/data/2.jpg"],
                &["1.jpg", "2.jpg"],
                "a/data",
                1,
            ),
            // Of two above, the nearer.
            (&["1.jpg", "a/2.jpg"], &["1.jpg", "2.jpg"], "a", 2),
            (&[], &["1.jpg"], "a/data", 3),
            (&[], &["/nowhere/1.jpg"], "a/data", 1),
        ];
        for (pictures, names, expected, tried) in cases {
            let (tree, root) = root_of(pictures, "a/data", names);
            assert_eq!(
                root.path,
                tree.path().join(expected),
                "{pictures:?} {names:?}"
            );
            assert_eq!(root.tried.len(), tried, "{pictures:?} {names:?}");
            assert_eq!(root.above().is_some(), expected != "a/data");
        }
    }

    #[test]
    fn the_search_ends_at_a_repository_after_three_folders_and_before_the_root() {
        let (tree, root) = root_of(&["1.jpg"], "a/b/c/d", &["1.jpg"]);
        let own = tree.path().join("a/b/c/d");
        // Three above are `c`, `b` and `a`.
        assert_eq!((root.path, root.tried.len()), (own.clone(), 4));
        std::fs::create_dir(tree.path().join("a/b/.git")).expect("folder");
        assert_eq!(
            above(&own),
            [tree.path().join("a/b/c"), tree.path().join("a/b")]
        );
        assert!(above(Path::new("/")).is_empty());
        assert!(above(Path::new("/usr")).is_empty());
        assert!(above(Path::new("/no-such-folder/at-all")).is_empty());
    }

    #[test]
    fn a_link_to_a_folder_is_left_by_the_way_by_which_it_was_entered() {
        let (tree, _) = root_of(&["project/1.jpg"], "elsewhere/deep/data", &[]);
        let link = tree.path().join("project/data");
        std::os::unix::fs::symlink(tree.path().join("elsewhere/deep/data"), &link).expect("link");
        let mut names = vec![vec![PathBuf::from("1.jpg")]];
        let root = PictureRoot::found(link.join("../data"), || names.pop());
        assert_eq!(root.path, tree.path().join("project"));
    }
}
