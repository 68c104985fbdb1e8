//! What a run asks its models: task files of the user, or the captions of the held-out pairs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::{Pair, jsonl};
use evaluation::questions::{Item, MetricName};
use run::recipe::Recipe;
use serde_json::Value;

use crate::reader::Reader;
use crate::records;
use crate::sources::Sources;
use crate::stage::{Link, Site};
use crate::stages::pairs::{HELD_OUT, Pairs};

/// The task that is made of held-out captions.
const DESCRIPTION: &str = "description";

/// The questions of a run.
#[derive(Clone, Debug)]
pub struct Tasks {
    source: Source,
    limit: Option<usize>,
}

#[derive(Clone, Debug)]
enum Source {
    /// `<task>.jsonl` files.
    Files {
        folder: PathBuf,
        /// Names; all of the folder if there are none.
        names: Vec<String>,
    },
    /// Captions of held-out pairs, with the request where a pair has none.
    HeldOut { pairs: Link<Pairs>, request: String },
}

impl Tasks {
    /// Of a recipe.
    pub fn of(recipe: &Recipe, sources: &Sources, pairs: &Link<Pairs>) -> Self {
        let source = match &recipe.tasks_folder {
            Some(folder) => Source::Files {
                folder: folder.clone(),
                names: recipe.tasks.clone(),
            },
            None => Source::HeldOut {
                pairs: pairs.clone(),
                request: sources.prompts.synthesizer.caption_request.clone(),
            },
        };
        Self {
            source,
            limit: sources.limit,
        }
    }

    /// The stage that the questions come from, if they come from one.
    pub fn input(&self) -> Option<&str> {
        match &self.source {
            Source::Files { .. } => None,
            Source::HeldOut { pairs, .. } => Some(pairs.name()),
        }
    }

    /// How many questions there are, if `held_out` pairs are kept for evaluation.
    pub fn count(&self, held_out: usize) -> Result<usize> {
        match &self.source {
            Source::HeldOut { .. } => Ok(held_out),
            Source::Files { .. } => Ok(self.of_files()?.values().map(Vec::len).sum()),
        }
    }

    /// What of them comes from outside of the stages.
    pub fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        match &self.source {
            Source::HeldOut { request, .. } => {
                reader.setting("caption request", request.as_str());
                Ok(())
            }
            Source::Files { .. } => {
                reader.setting("--limit", self.limit);
                for (name, items) in self.of_files()? {
                    reader.rows(&format!("task `{name}`"), &items, &Value::Null)?;
                }
                Ok(())
            }
        }
    }

    /// The questions by task; the pictures are full paths.
    pub fn read(&self, site: &Site<'_>) -> Result<BTreeMap<String, Vec<Item>>> {
        let (pairs, request) = match &self.source {
            Source::Files { .. } => return self.of_files(),
            Source::HeldOut { pairs, request } => (pairs, request),
        };
        let held_out: Vec<Pair> = records::read(&site.of(pairs, HELD_OUT))?;
        let items = held_out.into_iter().map(|pair| Item {
            question: pair.request.unwrap_or_else(|| request.clone()),
            cluster: pair.group.unwrap_or_else(|| pair.id.clone()),
            id: pair.id,
            images: pair.images,
            label: pair.caption,
            metric: MetricName::RougeL,
            choices: Vec::new(),
        });
        let items: Vec<Item> = items.collect();
        Ok(if items.is_empty() {
            BTreeMap::new()
        } else {
            BTreeMap::from([(DESCRIPTION.to_owned(), items)])
        })
    }

    fn of_files(&self) -> Result<BTreeMap<String, Vec<Item>>> {
        let mut tasks = BTreeMap::new();
        for path in self.files()? {
            let name = path
                .file_stem()
                .map(|s| s.to_string_lossy().into_owned())
                .unwrap_or_default();
            let mut items: Vec<Item> = jsonl::read(&path)?;
            let folder = path.parent().unwrap_or(Path::new("."));
            for item in &mut items {
                for image in &mut item.images {
                    *image = folder.join(&*image);
                }
            }
            items.truncate(self.limit.unwrap_or(usize::MAX));
            tasks.insert(name, items);
        }
        Ok(tasks)
    }

    /// The task files, sorted.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let Source::Files { folder, names } = &self.source else {
            return Ok(Vec::new());
        };
        if !names.is_empty() {
            let named = names.iter().map(|task| {
                let path = folder.join(format!("{task}.jsonl"));
                if path.is_file() {
                    Ok(path)
                } else {
                    bail!(
                        "`evaluate.tasks` names `{task}`, but there is no `{}`",
                        path.display()
                    )
                }
            });
            return named.collect();
        }
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read `{}`", folder.display()))?;
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
            .collect();
        files.sort();
        Ok(files)
    }
}
