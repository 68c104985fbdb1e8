//! Was the test set trained on? Pictures and texts of the training data against the benchmark's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use corpus::fingerprint::Fingerprint;
use corpus::formats::{self, read_pairs, read_samples};
use corpus::{Label, Role, Sample, images};
use evaluation::contamination::{
    Look, Match, PictureIndex, PictureMatch, Text, TextIndex, WithAndWithout, with_and_without,
};
use evaluation::scoring::Scored;
use evaluation::tasks::Item;
use serde::Serialize;

/// What was trained on.
#[derive(Debug, Default)]
pub struct Trained {
    texts: Vec<Text>,
    looks: Vec<(String, Look)>,
    /// Pictures that cannot be read, with the first reason.
    unreadable: Vec<String>,
    pictures: usize,
}

/// What was found of a task.
#[derive(Clone, Debug, Serialize)]
pub struct Leaks {
    /// The task.
    pub task: String,
    /// Pictures that the test set and the training data share.
    pub pictures: Vec<PictureMatch>,
    /// Texts that they share.
    pub texts: Vec<Match>,
    /// Every metric over all items, over those that were not found and over those that were.
    pub scores: Vec<WithAndWithout>,
    /// How many pictures and texts were compared.
    pub compared: String,
}

impl Trained {
    /// Reads pairs or samples; every picture is decoded once, on all threads.
    pub fn read(files: &[PathBuf], threads: usize) -> Result<Self> {
        let mut trained = Self::default();
        let mut pictures: Vec<PathBuf> = Vec::new();
        for file in files {
            let samples = samples(file)?;
            for sample in samples {
                pictures.extend(sample.images.iter().cloned());
                trained.texts.extend(texts(&sample));
            }
        }
        pictures.sort();
        pictures.dedup();
        trained.pictures = pictures.len();
        let share = pictures.len().div_ceil(threads.max(1)).max(1);
        let looked: Vec<(String, Result<Look, String>)> = std::thread::scope(|scope| {
            let workers: Vec<_> = pictures
                .chunks(share)
                .map(|part| scope.spawn(move || part.iter().map(|path| look_at(path)).collect()))
                .collect();
            let done: Vec<Vec<_>> = workers
                .into_iter()
                .filter_map(|worker| worker.join().ok())
                .collect();
            done.into_iter().flatten().collect()
        });
        for (path, look) in looked {
            match look {
                Ok(look) => trained.looks.push((path, look)),
                Err(problem) => trained.unreadable.push(problem),
            }
        }
        Ok(trained)
    }

    /// A sentence if pictures could not be compared.
    pub fn warning(&self) -> Option<String> {
        let first = self.unreadable.first()?;
        Some(format!(
            "{} of {} training pictures cannot be compared: {first}",
            self.unreadable.len(),
            self.pictures
        ))
    }

    /// What a task's items and the training data share. `index` holds the pictures of the items.
    pub fn leaks(
        &self,
        items: &[Item],
        index: &PictureIndex,
        scored: &Scored,
        seed: u64,
        threads: usize,
    ) -> Result<Leaks> {
        let share = self.looks.len().div_ceil(threads.max(1)).max(1);
        let pictures: Vec<PictureMatch> = std::thread::scope(|scope| {
            let workers: Vec<_> = self
                .looks
                .chunks(share)
                .map(|part| {
                    scope.spawn(move || -> Vec<PictureMatch> {
                        part.iter()
                            .flat_map(|(id, look)| index.matches(id, look, true))
                            .collect()
                    })
                })
                .collect();
            let done: Vec<Vec<_>> = workers
                .into_iter()
                .filter_map(|worker| worker.join().ok())
                .collect();
            done.into_iter().flatten().collect()
        });
        let test: Vec<Text> = items.iter().map(text_of).collect();
        let texts_index = TextIndex::new(&test);
        let texts: Vec<Match> = self
            .texts
            .iter()
            .flat_map(|text| texts_index.matches(text))
            .collect();
        let found: BTreeSet<String> = pictures
            .iter()
            .map(|m| m.item.clone())
            .chain(texts.iter().map(|m| m.item.clone()))
            .collect();
        let compared = format!(
            "{} pictures and {} texts of the training data against {} pictures and {} items",
            self.looks.len(),
            self.texts.len(),
            index.len(),
            items.len()
        );
        Ok(Leaks {
            task: scored.result.task.clone(),
            scores: with_and_without(scored, &found, seed)?,
            pictures,
            texts,
            compared,
        })
    }
}

impl Leaks {
    /// What a person should know, in a line or a few.
    pub fn lines(&self) -> Vec<String> {
        let items: BTreeSet<&String> = self
            .pictures
            .iter()
            .map(|m| &m.item)
            .chain(self.texts.iter().map(|m| &m.item))
            .collect();
        let mut out = vec![format!(
            "{} test items were found in the training data ({} matches of pictures, {} of texts); compared {}",
            items.len(),
            self.pictures.len(),
            self.texts.len(),
            self.compared
        )];
        if items.is_empty() {
            return out;
        }
        for row in &self.scores {
            let part = |group: &Option<evaluation::statistics::Group>| {
                group.as_ref().map_or("none".to_owned(), |g| {
                    format!(
                        "{:.1} [{:.1}, {:.1}] (n {})",
                        g.mean, g.interval[0], g.interval[1], g.n
                    )
                })
            };
            out.push(format!(
                "{}: all {:.1}, without those found {}, those found {}",
                row.metric,
                row.all.mean,
                part(&row.clean),
                part(&row.found)
            ));
        }
        out
    }
}

/// The pictures of items that are files, into the index.
pub fn add_files(index: &mut PictureIndex, items: &[Item]) {
    for item in items {
        for image in item.images.iter().filter(|path| path.is_file()) {
            if let (_, Ok(look)) = look_at(image) {
                index.add(&item.id, look);
            }
        }
    }
}

/// A picture that lies in a table, into the index; one that cannot be decoded is left out.
pub fn add_embedded(index: &mut PictureIndex, item: &str, content: &[u8]) {
    if let Ok(picture) = images::decode_bytes(content, Path::new(item)) {
        index.add(item, Look::new(content, Fingerprint::new(&picture)));
    }
}

fn look_at(path: &Path) -> (String, Result<Look, String>) {
    let look = images::read(path).and_then(|content| {
        let picture = images::decode_bytes(&content, path)?;
        Ok(Look::new(&content, Fingerprint::new(&picture)))
    });
    (path.display().to_string(), look.map_err(|e| e.to_string()))
}

/// Samples as they are; pairs as samples of one question.
fn samples(file: &Path) -> Result<Vec<Sample>> {
    let options = formats::Options::default();
    let found = read_samples(file, &options)
        .with_context(|| format!("cannot read the training data `{}`", file.display()))?;
    if !found.rows.is_empty() {
        return Ok(found.rows);
    }
    let pairs = read_pairs(file, &options)?;
    if let (true, Some(bad)) = (pairs.rows.is_empty(), pairs.rejected.first()) {
        anyhow::bail!(
            "`{}` holds neither samples nor pairs: {} ({})",
            file.display(),
            bad.reason,
            bad.detail
        );
    }
    let sample = |pair: corpus::Pair| Sample {
        id: pair.id,
        images: pair.images,
        turns: vec![
            corpus::Turn::new(Role::User, pair.request.unwrap_or_default()),
            corpus::Turn::new(Role::Assistant, pair.caption),
        ],
        end: false,
        origin: serde_json::Value::Null,
    };
    Ok(pairs.rows.into_iter().map(sample).collect())
}

/// Each answer of a sample with the question before it.
fn texts(sample: &Sample) -> Vec<Text> {
    let mut question = String::new();
    let mut found = Vec::new();
    for turn in &sample.turns {
        match turn.role {
            Role::User => {
                let asked = turn.text.replace("<image>", "");
                asked.trim().clone_into(&mut question);
            }
            Role::Assistant => found.push(Text {
                id: sample.id.clone(),
                question: std::mem::take(&mut question),
                answer: turn.text.clone(),
            }),
            Role::System => {}
        }
    }
    found
}

fn text_of(item: &Item) -> Text {
    Text {
        id: item.id.clone(),
        question: item.question.clone().unwrap_or_default(),
        answer: match &item.label {
            Label::Text(text) => text.clone(),
            Label::List(texts) => texts.join(", "),
        },
    }
}
