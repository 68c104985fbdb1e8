//! Benchmarks from files: the packaged layout, original layouts where they are plain, and a user's own.
//!
//! Takes a folder, gives [`Item`]s with all that was wrong. It asks no model and decodes no picture.

mod original;
mod packaged;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use corpus::jsonl;

use crate::predictions::{Problem, Reason};
use crate::tasks::{Item, Spec, UserError, UserTask, vocabulary};

/// A benchmark that cannot be loaded at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error(transparent)]
    Corpus(#[from] corpus::Error),
    /// A list of names cannot be read.
    #[error(transparent)]
    Names(#[from] UserError),
    /// The system refused.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not in the published layout.
    #[error("`{}` is not in the published layout of `{task}`: {problem}", path.display())]
    Layout {
        /// The task.
        task: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Nothing that can be loaded.
    #[error("`{}` holds no data of `{task}`: expected {expected}", folder.display())]
    Nothing {
        /// The task.
        task: String,
        /// The folder.
        folder: PathBuf,
        /// What is looked for.
        expected: String,
    },
}

/// What happens with pictures that lie inside the benchmark's tables.
pub enum Keep<'a> {
    /// They are named by their content and not written.
    Nothing,
    /// They are written into a folder under that name, each once.
    Folder(&'a Path),
    /// They are shown: item, name by content, content.
    Show(&'a mut dyn FnMut(&str, &Path, &[u8])),
}

impl Keep<'_> {
    /// The path under which an item has a picture: same content, same path.
    fn keep(&mut self, item: &str, bytes: &[u8]) -> Result<PathBuf, LoadError> {
        let name = format!("{:.24}.{}", corpus::digest::bytes(bytes), ending(bytes));
        match self {
            Self::Nothing => Ok(name.into()),
            Self::Show(show) => {
                show(item, Path::new(&name), bytes);
                Ok(name.into())
            }
            Self::Folder(folder) => {
                let path = folder.join(name);
                if !path.exists() {
                    let io = |source| LoadError::Io {
                        path: path.clone(),
                        source,
                    };
                    std::fs::create_dir_all(folder).map_err(io)?;
                    std::fs::write(&path, bytes).map_err(io)?;
                }
                Ok(path)
            }
        }
    }
}

fn ending(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, ..] => "jpg",
        [b'R', b'I', b'F', b'F', ..] => "webp",
        [b'I', b'I', 42, ..] | [b'M', b'M', 0, 42, ..] => "tif",
        _ => "bin",
    }
}

/// How a benchmark was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Parquet or Arrow tables with embedded pictures.
    Packaged,
    /// As its authors published it.
    Original,
    /// A JSONL file of items.
    Own,
}

/// The items of a benchmark.
#[derive(Clone, Debug)]
pub struct Benchmark {
    /// In their published order, each id once.
    pub items: Vec<Item>,
    /// Rows that cannot be used or need a look.
    pub problems: Vec<Problem>,
    /// What a reader must know, such as counts that differ from the published ones.
    pub warnings: Vec<String>,
    /// The task's names where they come with the data.
    pub names: Option<Vec<String>>,
    /// How it was packed.
    pub packing: Packing,
}

impl Benchmark {
    fn new(packing: Packing) -> Self {
        Self {
            items: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            names: None,
            packing,
        }
    }

    fn reject(&mut self, id: &str, line: usize, reason: Reason, detail: &str) {
        self.problems
            .push(Problem::new(id, reason, detail).at_line(line));
    }

    /// Leaves out items whose id an earlier one has, and compares counts with the published ones.
    fn checked(mut self, task: &Spec) -> Self {
        let mut seen = HashSet::new();
        let mut doubles = Vec::new();
        self.items.retain(|item| {
            let first = seen.insert(item.id.clone());
            if !first {
                doubles.push(item.id.clone());
            }
            first
        });
        for id in doubles {
            let detail = "an earlier item has this id; the first one counts";
            self.reject(&id, 0, Reason::DuplicateId, detail);
        }
        self.warnings.extend(count_warning(task, &self.items));
        self
    }
}

/// A sentence if the items are not the published test set, by answer type where the task has both.
fn count_warning(task: &Spec, items: &[Item]) -> Option<String> {
    let closed = items
        .iter()
        .filter(|item| item.answer_type.as_deref() == Some("CLOSED"))
        .count();
    task.split_warning(items.len() - closed, closed)
}

/// Loads a built-in benchmark from its folder, whatever layout it is in.
///
/// Looked for in this order: tables (`*.parquet`, `*.arrow`), the published files, `*.jsonl` of [`Item`]s.
///
/// ```
/// use evaluation::benchmarks::{Keep, load};
/// let task = evaluation::tasks::find("slake").expect("built in");
/// let folder = std::env::temp_dir().join("no-such-benchmark");
/// let error = load(&task, &folder, &mut Keep::Nothing).expect_err("missing").to_string();
/// assert!(error.contains("cannot read"));
/// ```
pub fn load(task: &Spec, folder: &Path, keep: &mut Keep<'_>) -> Result<Benchmark, LoadError> {
    let tables = corpus::tables::files(folder)?;
    let mut found = if !tables.is_empty() {
        packaged::load(task, &tables, keep)?
    } else if let Some(found) = original::load(task, folder)? {
        found
    } else if let Some(found) = items(folder)? {
        found
    } else {
        return Err(LoadError::Nothing {
            task: task.id.clone(),
            folder: folder.to_owned(),
            expected: format!(
                "Parquet or Arrow tables, {}or a JSONL file of items",
                original::expected(&task.id)
            ),
        });
    };
    if let Some(names) = names(folder)? {
        found.names = Some(names);
    }
    Ok(found.checked(task))
}

/// Loads a user's own benchmark.
///
/// Pictures are relative to the JSONL file's folder.
pub fn load_own(task: &UserTask) -> Result<Benchmark, LoadError> {
    Ok(read_items(&task.data)?.checked(&task.spec))
}

/// The items of the only JSONL file of a folder.
fn items(folder: &Path) -> Result<Option<Benchmark>, LoadError> {
    let io = |source| LoadError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(io)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    let test = files
        .iter()
        .find(|path| path.file_stem().is_some_and(|stem| stem == "test"));
    match (test, files.as_slice()) {
        (Some(file), _) | (None, [file]) => read_items(file).map(Some),
        _ => Ok(None),
    }
}

fn read_items(path: &Path) -> Result<Benchmark, LoadError> {
    let (items, bad) = jsonl::read_lenient::<Item>(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut found = Benchmark::new(Packing::Own);
    for row in bad {
        found.reject(&row.id, row.line, Reason::NotARecord, &row.detail);
    }
    for mut item in items {
        item.images
            .iter_mut()
            .for_each(|image| *image = folder.join(&*image));
        found.push_checked(item);
    }
    Ok(found)
}

impl Benchmark {
    /// Takes an item and notes what its pictures lack.
    fn push_checked(&mut self, item: Item) {
        if let Some(missing) = item.images.iter().find(|image| !image.is_file()) {
            let detail = format!("the picture `{}` is missing", missing.display());
            self.reject(&item.id, 0, Reason::NoPicture, &detail);
        }
        self.items.push(item);
    }
}

/// The list of names that lies beside the data: `names.txt` or `vocabulary.txt` (one a line), FoodSeg103's
/// `category_id.txt` (number and name), Nutrition5K's `ingredients_metadata.csv` (column `ingr`).
fn names(folder: &Path) -> Result<Option<Vec<String>>, LoadError> {
    for file in ["names.txt", "vocabulary.txt"] {
        let path = folder.join(file);
        if path.is_file() {
            return Ok(Some(vocabulary(&path)?));
        }
    }
    let path = folder.join("category_id.txt");
    if path.is_file() {
        let name = |line: String| {
            let rest = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim();
            rest.to_owned()
        };
        return Ok(Some(vocabulary(&path)?.into_iter().map(name).collect()));
    }
    let path = folder.join("ingredients_metadata.csv");
    if path.is_file() {
        let rows = crate::predictions::table_rows(&path)
            .map_err(|source| LoadError::Io { path, source })?;
        let names = rows
            .into_iter()
            .filter_map(|(_, row)| row.get("ingr")?.as_str().map(str::to_owned));
        return Ok(Some(names.collect()));
    }
    Ok(None)
}
