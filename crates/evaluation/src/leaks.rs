//! Was the test set trained on? Pictures and texts of the training data against the benchmark's.
//!
//! Takes files of pairs or samples and a benchmark's items, gives [`Leaks`] by [`contamination`](crate::contamination).

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use corpus::formats::{self, read_pairs, read_samples};
use corpus::looks::Looks;
use corpus::{Label, Rejected, Role, Sample};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::contamination::{
    Look, Match, PictureIndex, PictureMatch, Text, TextIndex, WithAndWithout, with_and_without,
};
use crate::scoring::Scored;
use crate::statistics::{self, Group};
use crate::tasks::Item;

/// Why it cannot be told what was trained on.
#[derive(Debug, thiserror::Error)]
pub enum LeaksError {
    /// A folder is named that is no run folder.
    #[error(
        "`{}` is no run folder, for it has no `{MIXED}`; name a file of pairs or samples with `--trained`",
        folder.display()
    )]
    NoRunFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of training data cannot be read at all.
    #[error("cannot read the training data `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: corpus::Error,
    },
    /// A file of other records than those of a training.
    #[error(
        "`{}` holds neither samples nor pairs: `{}`: {} ({})",
        path.display(),
        first.id,
        first.reason,
        first.detail
    )]
    Neither {
        /// The file.
        path: PathBuf,
        /// What is wrong with the first record.
        first: Rejected,
    },
    /// The recipe of the run that trained the model cannot be read.
    #[error(
        "`{}`, which says what the model was trained on, cannot be read; name that with `--trained`",
        path.display()
    )]
    RecipeUnreadable {
        /// The recipe.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The recipe of the run that trained the model is no JSON.
    #[error(
        "`{}`, which says what the model was trained on, cannot be read; name that with `--trained`",
        path.display()
    )]
    RecipeBroken {
        /// The recipe.
        path: PathBuf,
        /// Where it breaks.
        source: serde_json::Error,
    },
}

/// What was trained on.
#[derive(Debug, Default)]
pub struct TrainingData {
    texts: Vec<Text>,
    looks: Vec<(String, Look)>,
    /// Why records and pictures are not compared.
    left_out: Vec<String>,
}

/// What was found of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Leaks {
    /// The task.
    pub task: String,
    /// Pictures that the test set and the training data share.
    pub pictures: Vec<PictureMatch>,
    /// Texts that they share, of each item the first [`TOLD`](crate::contamination::TOLD).
    pub texts: Vec<Match>,
    /// How many matches of texts there are in all.
    pub num_texts: usize,
    /// Every metric over all items, over those that were not found and over those that were.
    pub scores: Vec<WithAndWithout>,
    /// How many pictures and texts were compared.
    pub compared: String,
}

impl TrainingData {
    /// Reads pairs or samples; pictures that are not known to `looks` are decoded, on all threads.
    ///
    /// Gives [`LeaksError::NoRunFolder`], [`LeaksError::Unreadable`] and [`LeaksError::Neither`].
    pub fn read(files: &[PathBuf], looks: &Looks) -> Result<Self, LeaksError> {
        let mut trained = Self::default();
        let mut pictures: Vec<PathBuf> = Vec::new();
        for file in &trained_files(files)? {
            let (samples, left_out) = samples(file)?;
            trained.left_out.extend(left_out);
            for sample in samples {
                pictures.extend(sample.images.iter().cloned());
                trained.texts.extend(texts(&sample));
            }
        }
        pictures.sort();
        pictures.dedup();
        let looked = pictures.par_iter().map(|path| looks.of_file(path));
        let looked: Vec<_> = looked.collect();
        for (path, look) in pictures.iter().zip(looked) {
            match look {
                Ok(look) => trained.looks.push((path.display().to_string(), look)),
                Err(problem) => trained.left_out.push(problem.to_string()),
            }
        }
        Ok(trained)
    }

    /// A sentence if records or pictures could not be compared.
    pub fn warning(&self) -> Option<String> {
        left_out("training records and pictures", &self.left_out)
    }

    /// What a task's items and the training data share.
    pub fn leaks(
        &self,
        items: &[Item],
        test: &TestPictures<'_>,
        scored: &Scored,
        seed: u64,
    ) -> Result<Leaks, statistics::Error> {
        let pictures: Vec<PictureMatch> = self
            .looks
            .par_iter()
            .flat_map_iter(|(id, look)| test.index.matches(id, look, true))
            .collect();
        let of_items: Vec<Text> = items.iter().map(text_of).collect();
        let texts_index = TextIndex::new(&of_items);
        let texts = texts_index.search(&self.texts);
        let found: BTreeSet<String> = pictures
            .iter()
            .map(|m| m.item.clone())
            .chain(texts.told.iter().map(|m| m.item.clone()))
            .collect();
        let compared = format!(
            "{} pictures and {} texts of the training data against {} pictures and {} items",
            self.looks.len(),
            self.texts.len(),
            test.index.len(),
            items.len()
        );
        Ok(Leaks {
            task: scored.result.task.clone(),
            scores: with_and_without(scored, &found, seed)?,
            pictures,
            texts: texts.told,
            num_texts: texts.count,
            compared,
        })
    }
}

/// Files of samples: those that are named, and of a run folder what it trained on.
fn trained_files(named: &[PathBuf]) -> Result<Vec<PathBuf>, LeaksError> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mixed = path.join(MIXED);
        if !mixed.is_file() {
            return Err(LeaksError::NoRunFolder {
                folder: path.clone(),
            });
        }
        // A folder without a recipe has what lies where every run has it.
        if path.join(RECIPE).is_file() {
            files.extend(earlier(path, &stages_of(&recipe_of(path)?)));
        }
        files.push(mixed);
    }
    Ok(files)
}

/// What a run trains on.
const MIXED: &str = "mix/samples.jsonl";

/// Where the stages of a training of several lie, but for the last one.
const STAGES: &str = "stages";

/// A run's recipe, as it notes it.
const RECIPE: &str = "recipe.json";

/// The run folders that these are, or lie at most five folders below (as what stages and controls trained on), each once.
pub fn runs_of(trained: &[PathBuf]) -> Vec<PathBuf> {
    let is_run = |folder: &&Path| folder.join(RECIPE).is_file();
    let run = |path: &'_ PathBuf| -> Option<PathBuf> {
        let mut above = path.ancestors().take(6);
        let run = path.is_dir().then_some(path.as_path());
        Some(run.or_else(|| above.find(is_run))?.to_owned())
    };
    let runs = trained.iter().filter_map(run);
    let runs: BTreeSet<PathBuf> = runs.collect();
    runs.into_iter().collect()
}

fn recipe_of(run: &Path) -> Result<serde_json::Value, LeaksError> {
    let path = run.join(RECIPE);
    let recipe = std::fs::read(&path).map_err(|source| LeaksError::RecipeUnreadable {
        path: path.clone(),
        source,
    })?;
    serde_json::from_slice(&recipe).map_err(|source| LeaksError::RecipeBroken { path, source })
}

/// The stages of a training of several, in order.
fn stages_of(recipe: &serde_json::Value) -> Vec<&str> {
    let names = recipe["train.stages"]["value"].as_array().into_iter();
    names.flatten().filter_map(|name| name.as_str()).collect()
}

/// What these stages trained on, of those that lie below a folder.
fn earlier(folder: &Path, stages: &[&str]) -> Vec<PathBuf> {
    let stages = stages.iter();
    let files = stages.map(|stage| folder.join(STAGES).join(stage).join(MIXED));
    files.filter(|file| file.is_file()).collect()
}

/// What a model was trained on, if it lies in its run folder (`train/model`, `train/checkpoint-N`, and the same of a stage or
/// of a control), and what to say of it.
///
/// Gives [`LeaksError::RecipeUnreadable`] and [`LeaksError::RecipeBroken`].
pub fn trained_by(model: &Path) -> Result<(Vec<PathBuf>, Option<String>), LeaksError> {
    let Ok(model) = model.canonicalize() else {
        return Ok((Vec::new(), None));
    };
    let train = model.parent().filter(|p| p.ends_with("train"));
    let Some(place) = train
        .and_then(Path::parent)
        .filter(|place| place.join(MIXED).is_file())
    else {
        let line = "what the model was trained on is not known, so test items are not looked for in it; name it with \
                    `--trained`";
        return Ok((Vec::new(), Some(line.to_owned())));
    };
    // Stages and controls lie at most four folders below the run that they are of.
    let mut above = place.ancestors().take(5);
    let run = above.find(|folder| folder.join(RECIPE).is_file());
    let recipe = recipe_of(run.unwrap_or(place))?;
    if let Some(data) = recipe["train.data"]["value"]
        .as_str()
        .filter(|_| run == Some(place))
    {
        let line = format!(
            "the model was trained on `{data}`, as `train.data` of its recipe says; name that file with `--trained` to \
             look for test items in it"
        );
        return Ok((Vec::new(), Some(line)));
    }
    let stages = stages_of(&recipe);
    let (of, before) = match place.parent().filter(|parent| parent.ends_with(STAGES)) {
        Some(parent) => {
            let own = place.file_name().unwrap_or_default();
            let at = stages.iter().position(|stage| own == *stage);
            (parent.parent().unwrap_or(parent), at.unwrap_or_default())
        }
        None => (place, stages.len()),
    };
    let mut files = earlier(of, &stages[..before]);
    files.push(place.join(MIXED));
    let named: Vec<String> = files.iter().map(|f| format!("`{}`", f.display())).collect();
    let line = format!(
        "test items are looked for in {}, what the model was trained on",
        named.join(" and ")
    );
    Ok((files, Some(line)))
}

impl Leaks {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty() && self.texts.is_empty()
    }

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
            self.num_texts,
            self.compared
        )];
        if items.is_empty() {
            return out;
        }
        for row in &self.scores {
            let part = |group: &Option<Group>| {
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

/// A task's pictures, which are looked for.
#[derive(Debug)]
pub struct TestPictures<'a> {
    looks: &'a Looks,
    index: PictureIndex,
    /// Why pictures are not compared.
    left_out: Vec<String>,
    /// Contents of tables that are not looked at yet, with their items.
    waiting: Vec<(String, Vec<u8>)>,
}

/// Contents of tables are looked at when so many or so many bytes are together, so that all threads have something to do.
const WAITING: usize = 64;
const WAITING_BYTES: usize = 64 << 20;

impl<'a> TestPictures<'a> {
    /// None yet; those that are not known to `looks` will be decoded.
    pub fn new(looks: &'a Looks) -> Self {
        Self {
            looks,
            index: PictureIndex::default(),
            left_out: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// The pictures of items that are files. To be called when all that lie in tables were added.
    pub fn add_files(&mut self, items: &[Item]) {
        self.add_waiting();
        // Many questions may be asked about one picture.
        let mut images: Vec<&Path> = items
            .iter()
            .flat_map(|item| item.images.iter().map(PathBuf::as_path))
            .collect();
        images.sort_unstable();
        images.dedup();
        let looked: HashMap<&Path, Result<Look, String>> = images
            .into_par_iter()
            .filter(|image| corpus::shards::is_there(image))
            .map(|image| (image, self.looks.of_file(image).map_err(|e| e.to_string())))
            .collect();
        for item in items {
            for image in &item.images {
                if let Some(look) = looked.get(image.as_path()) {
                    self.add(&item.id, look.clone());
                }
            }
        }
    }

    /// A picture that lies in a table.
    pub fn add_embedded(&mut self, item: &str, content: &[u8]) {
        self.waiting.push((item.to_owned(), content.to_owned()));
        let bytes: usize = self.waiting.iter().map(|(_, content)| content.len()).sum();
        if self.waiting.len() >= WAITING || bytes >= WAITING_BYTES {
            self.add_waiting();
        }
    }

    fn add_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let looked = waiting.par_iter().map(|(item, content)| {
            let look = self.looks.of_content(content, Path::new(item));
            look.map_err(|e| e.to_string())
        });
        let looked: Vec<_> = looked.collect();
        for ((item, _), look) in waiting.iter().zip(looked) {
            self.add(item, look);
        }
    }

    fn add(&mut self, item: &str, look: Result<Look, String>) {
        match look {
            Ok(look) => self.index.add(item, look),
            Err(problem) => self.left_out.push(problem),
        }
    }

    /// A sentence if pictures could not be compared.
    pub fn warning(&self) -> Option<String> {
        left_out("test pictures", &self.left_out)
    }
}

fn left_out(what: &str, reasons: &[String]) -> Option<String> {
    let first = reasons.first()?;
    Some(format!(
        "{} {what} cannot be compared: {first}",
        reasons.len()
    ))
}

/// Samples as they are, or pairs as samples of one question; with the reasons why records are left out.
fn samples(file: &Path) -> Result<(Vec<Sample>, Vec<String>), LeaksError> {
    let options = formats::Options::default();
    let unreadable = |source| LeaksError::Unreadable {
        path: file.to_owned(),
        source,
    };
    let found = read_samples(file, &options).map_err(unreadable)?;
    if !found.rows.is_empty() {
        return Ok((found.rows, reasons(&found.rejected)));
    }
    let pairs = read_pairs(file, &options).map_err(unreadable)?;
    if let (true, Some(first)) = (pairs.rows.is_empty(), pairs.rejected.first()) {
        return Err(LeaksError::Neither {
            path: file.to_owned(),
            first: first.clone(),
        });
    }
    let left_out = reasons(&pairs.rejected);
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
    Ok((pairs.rows.into_iter().map(sample).collect(), left_out))
}

fn reasons(rejected: &[Rejected]) -> Vec<String> {
    let reason = |bad: &Rejected| format!("`{}`: {} ({})", bad.id, bad.reason, bad.detail);
    rejected.iter().map(reason).collect()
}

/// Each answer of a sample with the question before it.
fn texts(sample: &Sample) -> Vec<Text> {
    let mut question = String::new();
    let mut found = Vec::new();
    for turn in &sample.turns {
        match turn.role {
            Role::User => {
                let asked = turn.text.replace(corpus::IMAGE_MARK, "");
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
