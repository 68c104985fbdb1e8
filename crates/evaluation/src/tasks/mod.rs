//! The benchmarks: twelve built in, any number of a user's own.
//!
//! A task says what to ask, how the answer is scored and where its data comes from. It knows no model and runs none.
//! Adding one: a file here with its [`Spec`], a line in [`all`], three rows in `tests/fixtures/tasks.jsonl`.

mod clrs;
mod domain;
mod file;
mod floodnet;
mod food101;
mod foodseg103;
mod item;
mod nutrition5k;
mod nwpu_captions;
mod path_vqa;
mod pmc_vqa;
mod recipe1m;
mod slake;
mod spec;
mod uc_merced;
mod user;
mod vqa_rad;

pub use domain::{BIOMEDICINE, FOOD, REMOTE_SENSING};
pub use file::{ANSWER_TOKENS, FileMetric};
pub use item::{Item, ItemError, most_likely};
pub use spec::{Metric, Scoring, Spec, Split};
pub use user::{Extraction, UserError, UserTask, vocabulary};

/// A task that is not built in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown task `{name}`; did you mean `{nearest}`? `adamllm evaluate --list` shows all")]
pub struct UnknownTask {
    /// What was asked for.
    pub name: String,
    /// The most similar name that exists.
    pub nearest: String,
}

/// Every built-in task, in the order of the paper's tables.
pub fn all() -> Vec<Spec> {
    vec![
        slake::spec(),
        path_vqa::spec(),
        vqa_rad::spec(),
        pmc_vqa::spec(),
        recipe1m::spec(),
        nutrition5k::spec(),
        food101::spec(),
        foodseg103::spec(),
        clrs::spec(),
        uc_merced::spec(),
        floodnet::spec(),
        nwpu_captions::spec(),
    ]
}

/// The built-in task with this name.
///
/// ```
/// assert_eq!(evaluation::tasks::find("slake").expect("built in").published(), 1061);
/// let error = evaluation::tasks::find("slak").expect_err("no such task").to_string();
/// assert!(error.contains("did you mean `slake`?"));
/// ```
pub fn find(name: &str) -> Result<Spec, UnknownTask> {
    let tasks = all();
    if let Some(task) = tasks.iter().find(|task| task.id == name) {
        return Ok(task.clone());
    }
    let nearest = corpus::nearest(name, tasks.iter().map(|task| task.id.as_str()));
    Err(UnknownTask {
        name: name.to_owned(),
        nearest: nearest.unwrap_or_default().to_owned(),
    })
}

/// The columns of a domain's average in the paper's order: task and metric.
pub fn columns(domain: &str) -> Vec<(String, Metric)> {
    let tasks = all().into_iter().filter(|task| task.domain == domain);
    tasks
        .flat_map(|task| {
            task.metrics
                .clone()
                .into_iter()
                .map(move |metric| (task.id.clone(), metric))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_complete() {
        let tasks = all();
        assert_eq!(tasks.len(), 12);
        for task in &tasks {
            let id = &task.id;
            assert!(
                tasks.iter().filter(|other| other.id == *id).count() == 1,
                "{id} is there twice"
            );
            assert!(
                !task.prompt.is_empty() && !task.source.is_empty() && task.version > 0,
                "{id}"
            );
            assert!(task.published() > 0 && !task.metrics.is_empty(), "{id}");
            assert!(
                task.metrics
                    .iter()
                    .all(|metric| task.scoring.metrics().contains(metric)),
                "{id}"
            );
            assert_eq!(task.metrics.len(), task.column_titles().len());
        }
    }

    #[test]
    fn domains_have_the_papers_columns() {
        assert_eq!(columns(BIOMEDICINE).len(), 7);
        assert_eq!(columns(FOOD).len(), 4);
        assert_eq!(columns(REMOTE_SENSING).len(), 4);
        assert_eq!(
            columns(BIOMEDICINE)[1],
            ("slake".to_owned(), Metric::ClosedAccuracy)
        );
    }

    #[test]
    fn class_lists_are_whole() {
        let count = |id: &str| find(id).map(|task| task.names.len());
        assert_eq!(
            (count("food101"), count("clrs"), count("uc-merced")),
            (Ok(101), Ok(25), Ok(21))
        );
    }

    #[test]
    fn a_wrong_count_is_said() {
        let task = find("food101").expect("built in");
        assert_eq!(task.count_warning(25_250), None);
        assert!(
            task.count_warning(10)
                .is_some_and(|text| text.contains("10 items here and 25250"))
        );
        // Both splits of VQA-RAD have 451 questions.
        let task = find("vqa-rad").expect("built in");
        assert_eq!(task.split_warning(179, 272), None);
        for (open, expected) in [
            (200, "the split of 200/251"),
            (180, "180 open and 271 closed"),
        ] {
            let text = task.split_warning(open, 451 - open);
            assert!(
                text.as_ref().is_some_and(|t| t.contains(expected)),
                "{text:?}"
            );
        }
    }
}
