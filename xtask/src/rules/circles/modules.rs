//! The modules of one crate, and which file defines what a path names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::scope::{Child, Import, Mention, Scope};
use crate::source;

/// How many imports a name may be handed on through.
const MAX_STEPS: usize = 24;

/// A file that uses what another one defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub from: PathBuf,
    pub to: PathBuf,
    /// As it is written.
    pub path: String,
    pub line: usize,
}

/// All modules of a crate; the first is its root.
pub struct Modules(Vec<Module>);

struct Module {
    file: PathBuf,
    parent: usize,
    children: BTreeMap<String, usize>,
    scope: Scope,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Module(usize),
    /// Something that is defined in this module.
    Item(usize),
}

impl Modules {
    /// Follows the `mod` lines from the root file of a crate. What is for tests only is not seen.
    pub fn read(root: &Path) -> Result<Self> {
        let mut modules = Modules(Vec::new());
        let folder = root.parent().unwrap_or(Path::new(""));
        modules.add_file(root, folder, 0)?;
        Ok(modules)
    }

    /// Every use of a file by another one, each pair of files once.
    pub fn uses(&self) -> Vec<Use> {
        let mut found: Vec<Use> = Vec::new();
        for (at, module) in self.0.iter().enumerate() {
            let mut note = |target: Option<Found>, path: &[String], line| {
                let Some(Found::Item(to)) = target else {
                    return;
                };
                let (from, to) = (&module.file, &self.0[to].file);
                let is_known = found.iter().any(|one| one.from == *from && one.to == *to);
                if from != to && !is_known {
                    found.push(Use {
                        from: from.clone(),
                        to: to.clone(),
                        path: path.join("::"),
                        line,
                    });
                }
            };
            // A module that is only named is used where something in it is.
            for Import {
                path,
                is_reexport,
                line,
                ..
            } in &module.scope.imports
            {
                if !is_reexport {
                    note(self.resolve(at, path, MAX_STEPS), path, *line);
                }
            }
            for Mention {
                path,
                is_item,
                line,
            } in &module.scope.mentions
            {
                if *is_item {
                    note(self.resolve(at, path, MAX_STEPS), path, *line);
                }
            }
        }
        found
    }

    /// `folder` is where the files of its children lie.
    fn add_file(&mut self, file: &Path, folder: &Path, parent: usize) -> Result<usize> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read `{}`", file.display()))?;
        let tokens = source::without_tests(&source::tokens(&text));
        self.add(file, folder, parent, Scope::read(&tokens))
    }

    fn add(
        &mut self,
        file: &Path,
        folder: &Path,
        parent: usize,
        mut scope: Scope,
    ) -> Result<usize> {
        let at = self.0.len();
        let children = std::mem::take(&mut scope.children);
        self.0.push(Module {
            file: file.to_path_buf(),
            parent,
            children: BTreeMap::new(),
            scope,
        });
        for Child { name, path, body } in children {
            let below = folder.join(&name);
            let child = if let Some(body) = body {
                Some(self.add(file, &below, at, body)?)
            } else if let Some(path) = path {
                let path = file.parent().unwrap_or(folder).join(path);
                let folder = path.parent().unwrap_or(folder).to_path_buf();
                path.is_file()
                    .then(|| self.add_file(&path, &folder, at))
                    .transpose()?
            } else {
                let places = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
                let place = places.iter().find(|place| place.is_file());
                place
                    .map(|place| self.add_file(place, &below, at))
                    .transpose()?
            };
            if let Some(child) = child {
                self.0[at].children.insert(name, child);
            }
        }
        Ok(at)
    }

    /// What a path names that stands in the module `at`; none if it is another crate's, or made by a macro.
    fn resolve(&self, at: usize, path: &[String], steps: usize) -> Option<Found> {
        let (first, mut rest) = path.split_first()?;
        let mut found = match first.as_str() {
            "crate" => Found::Module(0),
            "self" => Found::Module(at),
            "super" => Found::Module(self.0[at].parent),
            _ => self.lookup(at, first, !rest.is_empty(), steps)?,
        };
        while let Found::Module(module) = found
            && let Some((name, after)) = rest.split_first()
        {
            found = match name.as_str() {
                "super" => Found::Module(self.0[module].parent),
                "self" => found,
                _ => self.lookup(module, name, !after.is_empty(), steps)?,
            };
            rest = after;
        }
        // Variants and associated items lie where their type does.
        Some(found)
    }

    /// A name in a module: its own, imported, or behind a `*`.
    fn lookup(&self, at: usize, name: &str, has_rest: bool, steps: usize) -> Option<Found> {
        let steps = steps.checked_sub(1)?;
        let module = &self.0[at];
        let child = module.children.get(name).map(|child| Found::Module(*child));
        if has_rest && child.is_some() {
            return child;
        }
        if module.scope.items.contains(name) {
            return Some(Found::Item(at));
        }
        if child.is_some() {
            return child;
        }
        let imports = &module.scope.imports;
        let is_named = |import: &&Import| import.name.as_deref() == Some(name);
        let mut named = imports.iter().filter(is_named).peekable();
        if named.peek().is_some() {
            // `use a::a` within `a` would ask for itself; the steps end that.
            return named.find_map(|import| {
                let is_itself = import.path.len() == 1 && import.path[0] == name;
                (!is_itself).then(|| self.resolve(at, &import.path, steps))?
            });
        }
        let globs = imports.iter().filter(|import| import.name.is_none());
        globs
            .filter_map(|import| self.resolve(at, &import.path, steps))
            .find_map(|target| match target {
                Found::Module(module) if module != at => self.lookup(module, name, has_rest, steps),
                // The variants of an enum may be meant, but a name that is not found is none of them for sure.
                _ => None,
            })
    }
}
