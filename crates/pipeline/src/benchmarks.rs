//! A model's answers to benchmarks: each task's predictions are written as soon as it is answered.
//!
//! Takes jobs whose files are those that the predictions go to. It prints nothing.

use std::path::{Path, PathBuf};

use corpus::digests::Digests;
use corpus::rejects::Groups;
use corpus::{Prediction, Rejected, Request, jsonl};
use endpoint::Need;
use evaluation::benchmarks::Keep;
use evaluation::jobs::{self, Job, Reading};
use evaluation::predictions::Reason;
use evaluation::tasks::{Item, Spec};
use run::events::Reporter;
use run::recipe::EndpointPlace;
use run::{RunFolder, Stop};
use serde_json::Value;

use crate::answering::{Answerer, Local, There};
use crate::asked::{self, Asked, Question};
use crate::endpoints::{FOLDER, Place};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::records::{remove_rejected, write_rejected};
use crate::runner::Progress;
use crate::stages::answer::{GROUP, folders_in};

/// What answers, how, and where its answers go.
pub struct Answering<'a> {
    /// Who answers.
    pub who: Who<'a>,
    /// Where it runs.
    pub engine: &'a Engine,
    /// Where completions and what was asked go.
    pub run: &'a RunFolder,
    /// How benchmarks are read; its seed is the one of sampling, too.
    pub reading: &'a Reading,
    /// Options of multiple choice are ranked by likelihood.
    pub by_likelihood: bool,
    /// A blank picture and the folder of the predictions that are made on it.
    pub blind: Option<(PathBuf, PathBuf)>,
    /// Run folders in which the same may be answered already.
    pub runs: &'a [PathBuf],
    /// Who hears how it goes.
    pub report: Reporter<'a>,
    /// Whether it is asked to stop.
    pub stop: Stop<'a>,
}

/// Who answers.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// A model of this machine.
    Model {
        /// A model folder, or a checkpoint of a training.
        folder: &'a Path,
        /// Where tokenizer and processor are.
        processor: &'a Path,
    },
    /// A model at an endpoint.
    Endpoint(&'a EndpointPlace),
}

/// What a model at an endpoint answers for, in the ledger and in errors.
const SECTION: &str = GROUP;

/// Answers every task and gives it to `answered`, with an error if it could not be answered; what is wrong with one task
/// does not stop the others.
///
/// Gives [`Error::Stopped`], [`Error::ProcessorOfCheckpoint`], [`Error::OpenModel`], [`Error::Endpoint`], [`Error::Corpus`] and
/// what `answered` gives, which is told of each task that could not be answered by [`Error::Task`].
pub fn answer<E: From<Error>>(
    answering: Answering<'_>,
    jobs: &[Job],
    mut answered: impl FnMut(&Job, Result<()>) -> Result<(), E>,
) -> Result<(), E> {
    let mut digests = Digests::open(answering.run.digests());
    let (engine, seed) = (answering.engine, answering.reading.seed);
    let (opened, processor);
    let (respondent, how) = match answering.who {
        Who::Model {
            folder,
            processor: texts,
        } => {
            let place = engine.place(texts)?.base;
            let read = processor::load(&place, &engine.processing);
            processor = read.map_err(|source| Error::ProcessorOfCheckpoint {
                folder: texts.to_owned(),
                source,
            })?;
            opened = engine.model(folder)?;
            let local = Local {
                model: opened.as_ref(),
                processor: processor.as_ref(),
                generation: engine.generation,
                seed,
            };
            let how = asked::answerer(folder, texts, engine, seed, &mut digests)?;
            (Answerer::Local(local), how)
        }
        Who::Endpoint(place) => {
            let asked = Place {
                section: SECTION,
                place,
                seed,
                control_tokens: &[],
            };
            let client = engine
                .endpoints
                .client(asked, &answering.run.path.join(FOLDER))?;
            let mut there = There {
                section: SECTION.to_owned(),
                client,
                block: engine.generation.block,
            };
            there.probe(Need::Chat, answering.report)?;
            (
                Answerer::Endpoint(there),
                asked::answerer_there(place, seed, &engine.endpoints),
            )
        }
    };
    let mut loaded = Task {
        output: &answering.run.path,
        answerer: respondent,
        how,
        folders: answering
            .runs
            .iter()
            .flat_map(|run| folders_in(run))
            .collect(),
        reading: answering.reading,
        by_likelihood: answering.by_likelihood,
        report: answering.report,
        stop: answering.stop,
        blind: answering.blind,
    };
    for job in jobs {
        loaded.stop.check().map_err(Error::from)?;
        let outcome = match loaded.answer(job, &mut digests) {
            // What was asked for, and an endpoint that answers nobody, stops all tasks; what is wrong with one does not stop the
            // others.
            Err(error @ (Error::Stopped(_) | Error::Endpoint { .. })) => return Err(error.into()),
            outcome => outcome.map_err(|source| Error::Task {
                task: job.spec.id.clone(),
                source: Box::new(source),
            }),
        };
        answered(job, outcome)?;
        digests.remember();
    }
    Ok(())
}

/// The items that can be asked with their requests, and the others, which are in no score.
fn requests_of<'b>(spec: &Spec, all: &'b [Item]) -> (Vec<&'b Item>, Vec<Request>, Vec<Rejected>) {
    let (mut items, mut requests, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    for item in all {
        let mut reject = |reason: &str, detail: String| {
            rejected.push(Rejected {
                id: item.id.clone(),
                stage: GROUP.to_owned(),
                reason: reason.to_owned(),
                detail,
            });
        };
        if let Some(missing) = item
            .images
            .iter()
            .find(|image| !corpus::shards::is_there(image))
        {
            let detail = format!("no picture `{}`", missing.display());
            reject(Reason::NoPicture.as_str(), detail);
            continue;
        }
        match item.request(spec) {
            Ok(request) => {
                items.push(item);
                requests.push(request);
            }
            Err(error) => reject(error.reason(), error.to_string()),
        }
    }
    (items, requests, rejected)
}

/// Writes down which of `all` items are not asked, and tells of them.
fn tell_unasked(
    folder: &Path,
    task: &str,
    all: usize,
    rejected: &[Rejected],
    report: Reporter<'_>,
) -> Result<()> {
    if rejected.is_empty() {
        remove_rejected(folder);
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
    let list = write_rejected(folder, GROUP, rejected)?;
    report.warn(format!(
        "{task}: {} of {all} items are not asked (`{}` names each):\n{}",
        rejected.len(),
        list.display(),
        Groups::of_rejected(rejected).indented("  ")
    ));
    Ok(())
}

/// What every task is answered with.
struct Task<'a> {
    output: &'a Path,
    answerer: Answerer<'a>,
    how: Value,
    /// Folders of answers of run folders.
    folders: Vec<PathBuf>,
    reading: &'a Reading,
    by_likelihood: bool,
    report: Reporter<'a>,
    stop: Stop<'a>,
    /// A blank picture and the folder of the predictions that are made on it.
    blind: Option<(PathBuf, PathBuf)>,
}

/// What of a task is asked.
struct TaskRequests<'a> {
    spec: &'a Spec,
    /// Whether options are ranked.
    ranks: bool,
    /// All its items.
    all: &'a [Item],
    /// Those that can be asked, as they are asked.
    items: &'a [&'a Item],
    requests: &'a [Request],
}

impl Task<'_> {
    /// Writes a task's predictions; what was answered before is kept.
    fn answer(&mut self, job: &Job, digests: &mut Digests) -> Result<()> {
        let folder = self.output.join(&job.spec.id);
        let pictures = folder.join("pictures");
        let benchmark = jobs::benchmark(job, self.reading, &mut Keep::Folder(&pictures))?
            .ok_or(Error::NoData)?;
        let spec = jobs::with_names(job, &benchmark, self.reading)?;
        let (items, requests, rejected) = requests_of(&spec, &benchmark.items);
        let all = benchmark.items.len();
        tell_unasked(&folder, &spec.id, all, &rejected, self.report)?;
        if requests.is_empty() {
            return Err(Error::NothingAsked {
                items: benchmark.items.len(),
            });
        }
        let ranks = self.by_likelihood || job.by_likelihood;
        let asked = TaskRequests {
            spec: &spec,
            ranks,
            all: &benchmark.items,
            items: &items,
            requests: &requests,
        };
        self.complete(&folder, &asked, &items, &job.file, digests)?;
        let Some((blank, predictions)) = self.blind.clone() else {
            return Ok(());
        };
        let seen = items.iter().map(|&item| Item {
            images: vec![blank.clone(); item.images.len()],
            ..item.clone()
        });
        let seen: Vec<Item> = seen.collect();
        // Who can be asked about a picture can be asked about a blank one.
        let (blind_items, blind_requests, _) = requests_of(&spec, &seen);
        let asked = TaskRequests {
            items: &blind_items,
            requests: &blind_requests,
            ..asked
        };
        let file = predictions.join(format!("{}.jsonl", spec.id));
        self.complete(&folder.join("blind"), &asked, &items, &file, digests)
    }

    /// Writes the predictions of `answered`, the items as they are in the benchmark, to `file`.
    fn complete(
        &mut self,
        folder: &Path,
        asked: &TaskRequests<'_>,
        answered: &[&Item],
        file: &Path,
        digests: &mut Digests,
    ) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
        let path = folder.join("completions.jsonl");
        let question = Question::new(
            &self.how,
            &Asked {
                spec: asked.spec,
                ranks: asked.ranks,
                limit: self.reading.limit,
                requests: asked.requests,
            },
            digests,
        )?;
        if let Some(from) = question.take_over(&path, &self.folders, &asked.spec.id)? {
            self.report.note(format!(
                "{}: the same model answered the same questions in `{}`; its answers are taken over",
                asked.spec.id,
                from.display()
            ));
            question.write(&path)?;
        }
        question.same_as_before(&path, asked.all)?;
        let progress = Progress {
            label: &format!("answers {}", asked.spec.id),
            report: self.report,
            stop: self.stop,
        };
        let completions = self.answerer.answer(
            &asked.spec.id,
            asked.items,
            asked.requests,
            asked.ranks,
            &path,
            progress,
        )?;
        let answers: Vec<Prediction> = answered
            .iter()
            .zip(&completions)
            .map(|(item, completion)| item.completed(completion))
            .collect();
        Ok(jsonl::write(file, &answers)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use evaluation::tasks::FileMetric;
    use run::events::Nobody;
    use serde_json::json;
    use torch::{Device, Kind};

    use super::*;
    use crate::records::read_rejected;

    #[test]
    fn what_cannot_be_answered_is_told_task_by_task() {
        let folder = tempfile::tempdir().expect("folder");
        let run = RunFolder::open(&folder.path().join("run")).expect("run");
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/base-model");
        let engine = Engine {
            threads: 1,
            ..Engine::on(Device::Cpu, Kind::Float)
        };
        let file = folder.path().join("slake.jsonl");
        std::fs::write(&file, "").expect("write");
        let jobs = jobs::of_predictions(&["slake".to_owned()], &file).expect("job");
        let asked = |model: &Path, processor: &Path, stop: bool| {
            let stop = AtomicBool::new(stop);
            let answering = Answering {
                who: Who::Model {
                    folder: model,
                    processor,
                },
                engine: &engine,
                run: &run,
                reading: &Reading::default(),
                by_likelihood: false,
                blind: None,
                runs: &[],
                report: Reporter::new("test", &Nobody),
                stop: Stop::when(&stop),
            };
            answer(answering, &jobs, |_, outcome| outcome).expect_err("no answers")
        };
        let error = asked(&model, folder.path(), false);
        assert!(
            matches!(&error, Error::ProcessorOfCheckpoint { folder: own, .. } if own == folder.path()),
            "{error:?}"
        );
        let error = asked(folder.path(), &model, false);
        assert!(matches!(error, Error::OpenModel { .. }), "{error:?}");
        let error = asked(&model, &model, true);
        assert!(matches!(error, Error::Stopped(_)), "{error:?}");
        let error = asked(&model, &model, false);
        assert!(
            matches!(&error, Error::Task { task, source } if task == "slake" && matches!(**source, Error::NoData)),
            "{error:?}"
        );
        assert_eq!(
            corpus::causes(&error),
            "task `slake`: it has no data; name its folder with `--data`"
        );
    }

    #[test]
    fn what_cannot_be_asked_is_written_down_by_kind() {
        let folder = tempfile::tempdir().expect("folder");
        let item = |value: Value| serde_json::from_value::<Item>(value).expect("an item");
        let mut items = vec![item(json!({"id": "n", "label": "x"}))];
        items.extend((0..4).map(|at| {
            item(json!({"id": at.to_string(), "image": "gone.png", "question": "q", "label": "x"}))
        }));
        items.push(item(json!({"id": "g", "question": "q", "label": "x"})));
        let spec = FileMetric::ExactMatch.task("own");
        let (kept, requests, rejected) = requests_of(&spec, &items);
        assert_eq!((kept.len(), requests[0].id.as_str()), (1, "g"));
        assert_eq!(
            Groups::of_rejected(&rejected).to_string(),
            "4 × no-picture, the first 3:\n  `0`: no picture `gone.png`\n  `1`: no picture `gone.png`\n  \
             `2`: no picture `gone.png`\n1 × no-question:\n  `n`: item `n` has no question; give it as `question` or \
             `input`"
        );
        let place = folder.path().join("own");
        let report = Reporter::new("test", &Nobody);
        tell_unasked(&place, "own", items.len(), &rejected, report).expect("written");
        assert_eq!(read_rejected(&place).expect("list"), rejected);
        // A later try that leaves nothing out leaves no list.
        tell_unasked(&place, "own", items.len(), &[], report).expect("removed");
        assert_eq!(read_rejected(&place).expect("no list"), []);
    }
}
