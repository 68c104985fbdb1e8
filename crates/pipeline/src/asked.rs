//! What was asked of which model, by content: answers to the same are the same, wherever they were given.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use corpus::Request;
use corpus::digests::{Digests, together};
use corpus::sealed::{changed_keys, read_sealed, write_sealed};
use evaluation::tasks::{Item, Spec};
use run::recipe::EndpointPlace;
use serde_json::{Value, json};

use crate::endpoints::Endpoints;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::runner;

/// What of a task is asked.
pub struct Asked<'a> {
    /// The task.
    pub spec: &'a Spec,
    /// Whether options are ranked by likelihood.
    pub ranks: bool,
    /// At most so many of its items, if that was said.
    pub limit: Option<usize>,
    /// The requests.
    pub requests: &'a [Request],
}

/// Who answers and how, as far as answers depend on it.
pub fn answerer(
    model: &Path,
    processor: &Path,
    engine: &Engine,
    seed: u64,
    digests: &mut Digests,
) -> Result<Value> {
    let how = &engine.processing;
    Ok(json!({
        "model": digests.model(&engine.place(model)?.path())?,
        "processor": digests.folder(&engine.place(processor)?.base)?,
        "dtype": format!("{:?}", engine.dtype),
        "extra_bos": how.extra_bos,
        "template_date": how.template_date,
        "pixels": [how.min_pixels, how.max_pixels],
        "seed": seed,
        "program": env!("CARGO_PKG_VERSION"),
    }))
}

/// A model at an endpoint and how it answers, as far as answers depend on it: by the name that it has there.
pub fn answerer_there(place: &EndpointPlace, seed: u64, endpoints: &Endpoints) -> Value {
    let settings = &endpoints.settings;
    json!({
        "endpoint_model": place.model,
        "picture_format": settings.picture_format.as_str(),
        "max_picture_side": settings.max_picture_side,
        "seed": seed,
        "program": env!("CARGO_PKG_VERSION"),
    })
}

/// The requests of a task with who is asked.
pub struct Question {
    value: Value,
    /// Digest of each request by its id.
    lines: Vec<(String, String)>,
}

impl Question {
    /// Of an [`answerer`] and what it is asked.
    pub fn new(answerer: &Value, asked: &Asked<'_>, digests: &mut Digests) -> Result<Self> {
        let requests = asked.requests;
        let mut pictures: Vec<PathBuf> = requests.iter().flat_map(|r| r.images.clone()).collect();
        pictures.sort();
        pictures.dedup();
        let contents: BTreeMap<PathBuf, String> = {
            let found = digests.files(&pictures)?;
            pictures.into_iter().zip(found).collect()
        };
        let line = |request: &Request| {
            // A picture is what it shows, wherever it lies.
            let images = request.images.iter();
            let shown: Vec<&String> = images.filter_map(|image| contents.get(image)).collect();
            let asked = json!([request.turns, request.decoding, shown]);
            let digest = corpus::digest::bytes(asked.to_string().as_bytes());
            (request.id.clone(), digest)
        };
        let lines: Vec<(String, String)> = requests.iter().map(line).collect();
        let mut value = answerer.clone();
        value["task"] = json!(format!("{} version {}", asked.spec.id, asked.spec.version));
        value["by_likelihood"] = json!(asked.ranks);
        value["limit"] = json!(asked.limit);
        // Where nothing is drawn a seed changes nothing.
        if requests
            .iter()
            .all(|request| request.decoding.temperature <= 0.0)
        {
            value["seed"] = Value::Null;
        }
        value["requests"] = json!(together(lines.iter().cloned()));
        Ok(Self { value, lines })
    }

    /// Notes beside completions what they answer.
    pub fn write(&self, completions: &Path) -> Result<()> {
        Ok(write_sealed(&note(completions), &self.value)?)
    }

    /// Refuses to go on with answers of another model or to other questions. Of the same ones (of `items`) more may be
    /// asked than before (`--limit`).
    pub fn same_as_before(&self, completions: &Path, items: &[Item]) -> Result<()> {
        let path = note(completions);
        if !completions.exists() {
            return self.write(completions);
        }
        let before: Option<Value> = read_sealed(&path);
        let differences = match &before {
            Some(before) if self.begins_with(before, items) => return self.write(completions),
            Some(before) => changed_keys(before, &self.value),
            None => vec![format!("`{}` is missing or damaged", path.display())],
        };
        if !differences.is_empty() {
            let folder = completions.parent().unwrap_or(completions);
            return Err(Error::AskedElse {
                folder: folder.to_owned(),
                differences,
            });
        }
        Ok(())
    }

    /// Whether `before` were the first of the requests that are asked now, and all else is the same.
    fn begins_with(&self, before: &Value, items: &[Item]) -> bool {
        let Some(limit) = before["limit"].as_u64() else {
            return false;
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let first = items.iter().take(limit);
        let first: BTreeSet<&str> = first.map(|item| item.id.as_str()).collect();
        let first = self
            .lines
            .iter()
            .filter(|(id, _)| first.contains(id.as_str()));
        let mut then = self.value.clone();
        then["limit"] = before["limit"].clone();
        then["requests"] = json!(together(first.cloned()));
        changed_keys(before, &then).is_empty()
    }

    /// Takes over the answers to the same that lie in one of the folders of answers of a run, if `completions` are not there
    /// yet; gives the file that they were taken from.
    pub fn take_over(
        &self,
        completions: &Path,
        folders: &[PathBuf],
        task: &str,
    ) -> Result<Option<PathBuf>> {
        if completions.exists() {
            return Ok(None);
        }
        for folder in folders {
            let found = folder.join(file(task));
            let asked: Option<Value> = read_sealed(&note(&found));
            let is_same = asked.is_some_and(|asked| asked == self.value);
            if !is_same || !found.is_file() {
                continue;
            }
            for (from, to) in [
                (found.clone(), completions.to_owned()),
                (runner::sums_of(&found), runner::sums_of(completions)),
            ] {
                if from.is_file() {
                    std::fs::copy(&from, &to).map_err(Error::io("copy", &from))?;
                }
            }
            return Ok(Some(found));
        }
        Ok(None)
    }
}

/// Where the answers to a task lie in a run's folder of a system's answers.
pub fn file(task: &str) -> String {
    format!("{task}.completions.jsonl")
}

/// The note beside a file of completions: `asked.json`, or of several in a folder `<task>.asked.json`.
fn note(completions: &Path) -> PathBuf {
    let name = completions
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    completions.with_file_name(name.replace("completions.jsonl", "asked.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_another_model_are_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let completions = folder.path().join("completions.jsonl");
        let spec = evaluation::tasks::find("slake").expect("built in");
        let question = |model: &str| {
            let asked = Asked {
                spec: &spec,
                ranks: false,
                limit: None,
                requests: &[],
            };
            let answerer = json!({"model": model});
            Question::new(&answerer, &asked, &mut Digests::default()).expect("question")
        };
        question("a").write(&completions).expect("note");
        std::fs::write(&completions, "").expect("write");
        let check = |model: &str| question(model).same_as_before(&completions, &[]);
        assert!(check("a").is_ok());
        let error = check("b").expect_err("another model");
        assert!(
            matches!(
                &error,
                Error::AskedElse { folder: own, differences }
                    if own == folder.path() && *differences == ["`model` was \"a\", is \"b\""]
            ),
            "{error:?}"
        );
    }
}
