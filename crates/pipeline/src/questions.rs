//! One task's questions, as they are asked in a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::Request;
use corpus::rejects::Groups;
use corpus::seed::hash;
use evaluation::benchmarks::{Benchmark, Packing};
use evaluation::jobs::Job;
use evaluation::predictions::{Reason, sentences};
use evaluation::tasks::Item;
use serde_json::{Value, json};

use crate::error::Result;

/// What a task tells of a model; the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// What the model was adapted for: these are averaged.
    Domain,
    /// Captions of held-out pairs, beside tasks of the domain.
    HeldOut,
    /// The domain's things that training never named.
    Unseen,
    /// What adapting may forget.
    General,
}

/// One task with its questions, as they are asked in this run.
#[derive(Clone, Debug)]
pub struct Questions {
    /// The task, with its names and the tokens that an answer may have.
    pub job: Job,
    /// What it tells.
    pub role: Role,
    /// Its items; their pictures are full paths.
    pub benchmark: Benchmark,
}

impl Questions {
    /// The task's name in folders and tables.
    pub fn id(&self) -> &str {
        &self.job.spec.id
    }

    /// What a model is asked, on the items' pictures.
    pub fn requests(&self) -> Result<Vec<Request>> {
        let items = self.benchmark.items.iter();
        let requests = items.map(|item| item.request(&self.job.spec));
        Ok(requests.collect::<Result<_, _>>()?)
    }

    /// At most `limit` items, drawn by the seed and in their order; all of them where no more are there.
    #[must_use]
    pub fn drawn(&self, limit: usize, seed: u64) -> Self {
        let mut out = self.clone();
        let items = &mut out.benchmark.items;
        if items.len() > limit {
            let mut places: Vec<usize> = (0..items.len()).collect();
            places.sort_by_key(|&at| hash(seed, &items[at].id));
            places.truncate(limit);
            places.sort_unstable();
            *items = places.into_iter().map(|at| items[at].clone()).collect();
        }
        out
    }

    /// The items as records name them: pictures relative to the run folder.
    pub fn named_in(&self, run: &Path) -> Vec<Item> {
        let mut items = self.benchmark.items.clone();
        for image in items.iter_mut().flat_map(|item| &mut item.images) {
            if let Ok(inside) = image.strip_prefix(run) {
                *image = inside.to_owned();
            }
        }
        items
    }
}

/// Sentences about questions that cannot be asked.
pub(crate) fn unasked(questions: &Questions) -> Vec<String> {
    let (id, benchmark) = (questions.id(), &questions.benchmark);
    let mut out = Vec::new();
    let missing: Vec<_> = benchmark
        .problems
        .iter()
        .filter(|problem| problem.reason == Reason::NoPicture)
        .cloned()
        .collect();
    if !missing.is_empty() {
        out.extend(
            sentences(&missing)
                .into_iter()
                .map(|line| format!("task `{id}`: {line}")),
        );
    }
    if benchmark.items.is_empty() {
        out.push(format!("task `{id}` has no item that can be asked"));
    }
    let mut wrong = Groups::default();
    for item in &benchmark.items {
        if let Err(error) = item.request(&questions.job.spec) {
            wrong.add(error.reason(), || error.to_string());
        }
    }
    if !wrong.is_empty() {
        out.push(format!(
            "task `{id}`: {} of {} items cannot be asked:\n{}",
            wrong.num_items(),
            benchmark.items.len(),
            wrong.indented("    ")
        ));
    }
    out
}

/// Pictures of tables, which have the names of their content and lie in no file yet.
pub(crate) fn packed(questions: &Questions) -> Value {
    let items = &questions.benchmark.items;
    match questions.benchmark.packing {
        Packing::Packaged => {
            let names = items.iter().map(|item| {
                let images: BTreeMap<usize, &PathBuf> = item.images.iter().enumerate().collect();
                json!([item.id, images])
            });
            let all = Value::Array(names.collect());
            corpus::digest::bytes(all.to_string().as_bytes()).into()
        }
        Packing::Original | Packing::Own => Value::Null,
    }
}

/// An item of a task that asks the same of the same pictures as one of another task, by their ids.
pub(crate) fn common_item(one: &Questions, other: &Questions) -> Option<(String, String)> {
    let (one, other) = (&one.benchmark.items, &other.benchmark.items);
    let mut known: BTreeMap<Option<&str>, Vec<&Item>> = BTreeMap::new();
    for item in other {
        known
            .entry(item.question.as_deref())
            .or_default()
            .push(item);
    }
    // Pictures are read only where the question is the same.
    let shown = |item: &Item| -> Vec<String> {
        let of = |image: &PathBuf| {
            corpus::digest::file(image).unwrap_or_else(|_| image.display().to_string())
        };
        item.images.iter().map(of).collect()
    };
    let mut digests: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for item in one {
        let same = known.get(&item.question.as_deref()).into_iter().flatten();
        let mut own = None;
        for candidate in same {
            let own = own.get_or_insert_with(|| shown(item));
            let theirs = digests
                .entry(&candidate.id)
                .or_insert_with(|| shown(candidate));
            if own == theirs {
                return Some((item.id.clone(), candidate.id.clone()));
            }
        }
    }
    None
}
