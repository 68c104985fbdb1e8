//! The answers of all systems to the same questions are scored and compared.

mod rows;

use std::path::{Path, PathBuf};

use corpus::looks::{self, Looks};
use corpus::sealed::write_json;
use corpus::{Completion, Prediction, jsonl};
use evaluation::columns::Column;
use evaluation::jobs;
use evaluation::leaks::{Leaks, TestPictures, TrainingData};
use evaluation::predictions::{Layout, Predictions};
use evaluation::scored_task::of_predictions;
use evaluation::scoring::{self, CompareError, Comparisons, Scored, Scorer};
use evaluation::{Paired, ScoredTask, TaskScore, better_of, results};
use report::{AfterStage, Against, Rates, SystemAverages};
use run::plan::Cost;
use run::recipe::{Control, Recipe};
use run::{Node, Place};
use serde::{Deserialize, Serialize};

use self::rows::{columns_by_role, domains, mean, rates};
use super::answer::{Answer, GROUP};
use super::mix::{self, Mix, SAMPLES};
use super::pairs;
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::questions::{Questions, Role};
use crate::reader::Reader;
use crate::stage::{Link, Site, Stage};
use crate::tasks::Tasks;

/// Its name.
pub const NAME: &str = "score";

/// The file of its [`Scores`].
pub const SCORES: &str = "scores.json";

/// Scores answers.
#[derive(Clone, Debug)]
pub struct Score {
    /// The model before.
    pub base: Link<Answer>,
    /// The model after.
    pub adapted: Link<Answer>,
    /// The model after, on blank pictures.
    pub blind: Link<Answer>,
    /// The model between the stages of its training, where that is asked.
    between: Vec<Between>,
    /// What else the adapted model is compared with.
    pub controls: Vec<(Control, Link<Answer>)>,
    /// What the adapted model was trained on, stage by stage.
    mixes: Vec<Link<Mix>>,
    /// The file that it was trained on instead, if the recipe names one.
    data: Option<PathBuf>,
    tasks: Tasks,
    blind_limit: usize,
    seed: u64,
}

/// The model after a stage of its training that another one follows.
#[derive(Clone, Debug)]
pub struct Between {
    /// The stage.
    pub stage: String,
    /// What it trained on, in words.
    pub about: &'static str,
    /// What the model answered.
    pub answer: Link<Answer>,
}

/// What it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Tasks.
    pub tasks: u64,
    /// Scored answers of all systems.
    pub answers: u64,
}

/// The numbers of a run; the rows of `summary.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scores {
    /// One row a task and metric, by the strict scorer.
    pub tasks: Vec<TaskScore>,
    /// The mean over the columns of the domain's tasks.
    pub average: Option<TaskScore>,
    /// The mean over tasks about concepts that training never showed.
    pub unseen: Option<TaskScore>,
    /// The mean over general tasks.
    pub general: Option<TaskScore>,
    /// The adapted model against whatever else could explain its scores.
    pub against: Vec<Against>,
    /// The adapted model against what it was after the stages of its training before the last.
    #[serde(default)]
    pub stages: Vec<AfterStage>,
    /// Base and adapted model by the strict scorer, with tests.
    pub strict: Option<Comparisons>,
    /// Likewise by the published rules, of tasks that have some.
    pub reference: Option<Comparisons>,
    /// Averages as the paper has them, of tasks with its columns.
    pub domains: Vec<SystemAverages>,
    /// Answers that are no good whatever they say.
    pub rates: Vec<Rates>,
    /// What a reader must know: what was cut, what was trained on.
    pub notes: Vec<String>,
}

impl Score {
    /// Of a recipe.
    pub fn of(
        recipe: &Recipe,
        [base, adapted, blind]: [Link<Answer>; 3],
        between: Vec<Between>,
        controls: Vec<(Control, Link<Answer>)>,
        mixes: Vec<Link<Mix>>,
        tasks: Tasks,
    ) -> Self {
        Self {
            base,
            adapted,
            blind,
            between,
            controls,
            mixes,
            data: recipe
                .train
                .data
                .clone()
                .filter(|_| recipe.stages.is_empty()),
            tasks,
            blind_limit: recipe.evaluate.blind_limit,
            seed: recipe.seed,
        }
    }

    /// Every system with answers to the questions' own pictures.
    fn systems(&self) -> Vec<(String, &Link<Answer>)> {
        let mut out = vec![
            (BASE.to_owned(), &self.base),
            (ADAPTED.to_owned(), &self.adapted),
        ];
        let between = self.between.iter();
        out.extend(between.map(|after| (AfterStage::system(&after.stage), &after.answer)));
        let controls = self.controls.iter();
        out.extend(controls.map(|(control, link)| (control.as_str().to_owned(), link)));
        out
    }

    /// Where a system's scored answers to a task lie in the stage's folder.
    pub fn file(system: &str, task: &str) -> String {
        format!("{system}/{task}.jsonl")
    }
}

/// The model before.
pub const BASE: &str = "base";
/// The model after.
pub const ADAPTED: &str = "adapted";
/// The model after, on blank pictures.
pub const BLIND: &str = "blind";

impl Stage for Score {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 2;

    fn node(&self) -> Node {
        let systems = self.systems();
        let mut from: Vec<(&str, &str)> = systems
            .iter()
            .map(|(name, link)| (name.as_str(), link.name()))
            .collect();
        from.push((BLIND, self.blind.name()));
        if let Some((last, earlier)) = self.mixes.split_last() {
            from.push((mix::NAME, last.name()));
            from.extend(earlier.iter().map(|link| (link.name(), link.name())));
        }
        from.extend(self.tasks.input().map(|name| (pairs::NAME, name)));
        Node::of(NAME, Place::Rank0, &from).within(GROUP, GROUP.into())
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["run.seed", "evaluate.blind_limit"]);
        self.tasks.reads_items(reader)
    }

    fn cost(&self, _: &Estimate<'_>) -> Result<Cost> {
        Ok(Cost::nothing(0))
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let tasks = self.tasks.read(site)?;
        // Those of the training data were looked at when the pairs were read.
        let looks = Looks::open(&site.run.join(looks::FILE));
        let trained = self.trained(site, &looks, !tasks.is_empty())?;
        let mut systems: Vec<(String, Vec<ScoredTask>)> = Vec::new();
        let mut answers = 0;
        for (system, link) in self.systems() {
            let folder = site.folder.join(&system);
            std::fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
            let mut all = Vec::new();
            for questions in &tasks {
                let in_task = |source: Error| Error::TaskOf {
                    task: questions.id().to_owned(),
                    system: system.clone(),
                    source: Box::new(source),
                };
                let scored = self.scored(site, &system, link, questions);
                let mut task = scored.map_err(in_task)?;
                if system == ADAPTED {
                    task.blind = self.blind(site, questions).map_err(in_task)?;
                    let pictures = TestPictures::new(&looks);
                    let leaks = self.leaks(site, &trained, pictures, questions, &mut task)?;
                    task.leaks = Some(leaks);
                }
                answers += task.strict.rows.len() as u64;
                results::write(&folder, &task)?;
                all.push(task);
            }
            results::write_summary(&folder, &all)?;
            systems.push((system, all));
        }
        let scores = self.compare(&tasks, &systems)?;
        write_json(&site.folder.join(SCORES), &scores)?;
        Ok(Counts {
            tasks: tasks.len() as u64,
            answers,
        })
    }
}

impl Score {
    /// One system's answers to a task by both scorers; they are written beside their labels and scores.
    fn scored(
        &self,
        site: &Site<'_>,
        system: &str,
        link: &Link<Answer>,
        questions: &Questions,
    ) -> Result<ScoredTask> {
        let found = predictions(site, link, questions)?;
        let reading = self.tasks.reading();
        let (job, benchmark) = (&questions.job, &questions.benchmark);
        let task = of_predictions(job, reading, Scorer::Strict, true, Some(benchmark), &found)?;
        let mut rows = found.rows;
        let mut scored = task.strict.rows.iter().peekable();
        for row in &mut rows {
            if let Some(own) = scored.next_if(|scored| scored.id == row.id) {
                (row.score, row.unreadable) = (Some(own.score), Some(own.unreadable));
            }
        }
        jsonl::write::<Prediction>(&site.folder.join(Self::file(system, questions.id())), &rows)?;
        Ok(task)
    }

    /// The strict scores of the adapted model on blank pictures.
    fn blind(&self, site: &Site<'_>, questions: &Questions) -> Result<Option<Scored>> {
        let drawn = questions.drawn(self.blind_limit, self.seed);
        let found = predictions(site, &self.blind, &drawn)?;
        let (job, benchmark) = (&drawn.job, Some(&drawn.benchmark));
        let options = jobs::options(job, self.tasks.reading(), Scorer::Strict, benchmark)?;
        let scored = scoring::score(&job.spec, found.rows, found.problems, &options)?;
        Ok(Some(scored))
    }

    /// What the adapted model was trained on.
    fn trained(&self, site: &Site<'_>, looks: &Looks, is_asked: bool) -> Result<TrainingData> {
        let mixes = self.mixes.iter().map(|mix| site.of(mix, SAMPLES));
        let files = match &self.data {
            _ if !is_asked => Vec::new(),
            Some(file) => vec![file.clone()],
            None => mixes.collect(),
        };
        Ok(TrainingData::read(&files, looks)?)
    }

    /// The task's items that are in the training data; the adapted model's result tells of them.
    fn leaks(
        &self,
        site: &Site<'_>,
        trained: &TrainingData,
        mut pictures: TestPictures<'_>,
        questions: &Questions,
        task: &mut ScoredTask,
    ) -> Result<Leaks> {
        pictures.add_files(&questions.benchmark.items);
        let items = &questions.benchmark.items;
        let mut found = trained.leaks(items, &pictures, &task.strict, self.seed)?;
        for picture in &mut found.pictures {
            if let Ok(inside) = Path::new(&picture.trained).strip_prefix(site.run) {
                picture.trained = inside.display().to_string();
            }
        }
        let warnings = &mut task.strict.result.warnings;
        warnings.extend(found.lines());
        warnings.extend(trained.warning());
        warnings.extend(pictures.warning());
        Ok(found)
    }

    fn compare(
        &self,
        tasks: &[Questions],
        systems: &[(String, Vec<ScoredTask>)],
    ) -> Result<Scores> {
        let of = |system: &str| {
            let found = systems.iter().find(|(name, _)| name == system);
            found.map_or(&[][..], |(_, tasks)| tasks)
        };
        let (base, adapted) = (of(BASE), of(ADAPTED));
        let all = columns_by_role(tasks, base, adapted);
        let seed = self.seed;
        let rows = all.iter().map(|(_, column)| column.paired.score(seed));
        let rows: Vec<TaskScore> = rows.collect::<Result<_, _>>()?;
        let by = |scorer: Scorer| {
            let of = |tasks: &[ScoredTask]| -> Vec<Scored> {
                tasks
                    .iter()
                    .filter_map(|task| task.by(scorer))
                    .cloned()
                    .collect()
            };
            match scoring::compare(&of(base), &of(adapted), seed) {
                // Own tasks, captions and lists of words have no published rules.
                Err(CompareError::NothingInCommon) => Ok(None),
                found => found.map(Some),
            }
        };
        Ok(Scores {
            average: mean(&all, Role::Domain, seed)?,
            unseen: mean(&all, Role::Unseen, seed)?,
            general: mean(&all, Role::General, seed)?,
            against: self.against(tasks, adapted, &all, &of)?,
            stages: self.after_stages(tasks, adapted, &of)?,
            tasks: rows,
            strict: by(Scorer::Strict)?,
            reference: by(Scorer::Reference)?,
            domains: domains(systems),
            rates: rates(systems),
            notes: self.notes(tasks, adapted),
        })
    }

    /// The adapted model against the better of base and majority answer, task by task, and against each control.
    fn against<'a>(
        &self,
        tasks: &[Questions],
        adapted: &[ScoredTask],
        all: &[(Role, Column)],
        of: &dyn Fn(&str) -> &'a [ScoredTask],
    ) -> Result<Vec<Against>> {
        let row = |name: &str, about: &str, paired: &[Paired]| -> Result<Option<Against>> {
            let found = evaluation::against(paired, |task| task.base.clone(), self.seed)?;
            Ok(found.map(|found| Against {
                name: name.to_owned(),
                about: about.to_owned(),
                tasks: found.tasks,
                average: found.average,
            }))
        };
        let averaged = |all: &[(Role, Column)], rival: &dyn Fn(&Column) -> Vec<f64>| {
            let of = all.iter().filter(|(role, _)| *role == Role::Domain);
            of.map(|(_, column)| Paired {
                base: rival(column),
                ..column.paired.clone()
            })
            .collect::<Vec<Paired>>()
        };
        let better = averaged(all, &|column| {
            better_of(&column.paired.base, column.constant.as_deref())
        });
        let mut out = Vec::new();
        out.extend(row(
            "base or majority",
            "the better of the base and the most frequent answer, chosen for each task by its score here",
            &better,
        )?);
        for (control, _) in &self.controls {
            let columns = columns_by_role(tasks, of(control.as_str()), adapted);
            let paired = averaged(&columns, &|column| column.paired.base.clone());
            out.extend(row(control.as_str(), control.about(), &paired)?);
        }
        Ok(out)
    }

    /// The adapted model against itself after each stage of its training before the last, on all tasks: what the stages that
    /// followed taught, and what they made it forget.
    fn after_stages<'a>(
        &self,
        tasks: &[Questions],
        adapted: &[ScoredTask],
        of: &dyn Fn(&str) -> &'a [ScoredTask],
    ) -> Result<Vec<AfterStage>> {
        let mut out = Vec::new();
        for after in &self.between {
            let system = AfterStage::system(&after.stage);
            let all = columns_by_role(tasks, of(&system), adapted);
            let rows = all.iter().map(|(_, column)| column.paired.score(self.seed));
            out.push(AfterStage {
                stage: after.stage.clone(),
                about: after.about.to_owned(),
                tasks: rows.collect::<Result<_, _>>()?,
                average: mean(&all, Role::Domain, self.seed)?,
                unseen: mean(&all, Role::Unseen, self.seed)?,
                general: mean(&all, Role::General, self.seed)?,
                system,
            });
        }
        Ok(out)
    }

    /// What was cut, what cannot be compared and what was trained on, task by task.
    fn notes(&self, tasks: &[Questions], adapted: &[ScoredTask]) -> Vec<String> {
        let mut notes = Vec::new();
        for (questions, task) in tasks.iter().zip(adapted) {
            let (id, count) = (questions.id(), questions.benchmark.items.len());
            if count > self.blind_limit {
                notes.push(format!(
                    "{id}: {} of {count} questions were drawn to be asked on blank pictures (`evaluate.blind_limit`)",
                    self.blind_limit
                ));
            }
            if questions.job.by_likelihood {
                notes.push(format!(
                    "{id}: the options are ranked by likelihood and not read from a written answer (`evaluate.by_likelihood`), so \
                     that the form of an answer counts for nothing"
                ));
            }
            let clean = task.leaks.as_ref().filter(|leaks| leaks.is_empty());
            let said = clean.map(Leaks::lines).unwrap_or_default();
            let own = task.strict.result.warnings.iter();
            let own = own.filter(|line| !said.contains(line));
            notes.extend(own.map(|line| format!("{id}: {line}")));
        }
        let is_clean = |task: &&ScoredTask| task.leaks.as_ref().is_some_and(Leaks::is_empty);
        let clean: Vec<&ScoredTask> = adapted.iter().filter(is_clean).collect();
        if let Some(first) = clean.first().and_then(|task| task.leaks.as_ref()) {
            notes.push(format!(
                "of {} tasks no test item was found in the training data; of the first was compared: {}",
                clean.len(),
                first.compared
            ));
        }
        notes
    }
}

/// A system's answers beside the labels; pictures are named relative to the run folder.
fn predictions(site: &Site<'_>, link: &Link<Answer>, questions: &Questions) -> Result<Predictions> {
    let completions: Vec<Completion> = jsonl::read(&site.of(link, &Answer::file(questions.id())))?;
    let items = questions.named_in(site.run);
    let rows = items.iter().zip(&completions);
    let mut rows: Vec<Prediction> = rows.map(|(item, c)| item.completed(c)).collect();
    jobs::name_clusters(&questions.job, &mut rows);
    Ok(Predictions {
        rows,
        problems: Vec::new(),
        layout: Layout::Own,
    })
}
