//! What is wrong with files and folders is told by the variant of an error, and by the chain that a person reads.

use std::path::{Path, PathBuf};

use corpus::looks::Looks;
use evaluation::ScoredTask;
use evaluation::jobs::{self, Job, JobError, Reading};
use evaluation::leaks::{LeaksError, TestPictures, TrainingData, trained_by};
use evaluation::predictions::ReadError;
use evaluation::results::{self, ResultsError};
use evaluation::scored_task::{TaskError, by_both};
use evaluation::scoring::{ScoreError, Scorer};
use evaluation::session::{Session, SessionError, Settings};
use evaluation::systems::{self, SystemsError};
use tempfile::TempDir;

const SOUND: &str =
    "{\"id\":\"1\",\"prediction\":\"no\",\"label\":\"no\",\"answer_type\":\"CLOSED\"}\n";

fn folder() -> TempDir {
    tempfile::tempdir().expect("folder")
}

fn put(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    std::fs::write(&path, text).expect("write");
    path
}

fn job(file: &Path) -> Job {
    jobs::of_predictions(&["slake".to_owned()], file).expect("job")[0].clone()
}

fn scored(job: &Job) -> Result<ScoredTask, TaskError> {
    by_both(job, &Reading::default(), Scorer::Strict, false, None)
}

/// Results of one task in a folder of their own.
fn written() -> (TempDir, ScoredTask) {
    let folder = folder();
    let task = scored(&job(&put(&folder, "slake.jsonl", SOUND))).expect("scores");
    std::fs::remove_file(folder.path().join("slake.jsonl")).expect("remove");
    results::write(folder.path(), &task).expect("written");
    (folder, task)
}

fn with_blind(predictions: &Path, blind: PathBuf) -> TaskError {
    let settings = Settings {
        blind: Some(blind),
        ..Settings::default()
    };
    let session = Session::new(settings, 1).expect("session");
    let found = session.score(&job(predictions), &mut |_, _| {});
    found.expect_err("the blind answers are wrong")
}

#[test]
fn a_task_without_scores_says_why() {
    let folder = folder();
    let sheet = put(&folder, "slake.xlsx", "");
    let error = scored(&job(&sheet)).expect_err("a spreadsheet");
    assert!(
        matches!(
            &error,
            TaskError::Predictions { task, source: JobError::Read(ReadError::Spreadsheet { path }) }
                if task == "slake" && *path == sheet
        ),
        "{error:?}"
    );
    let told = corpus::causes(&error);
    assert!(told.starts_with("task `slake`: `"), "{told}");
    assert!(told.contains("is a spreadsheet"), "{told}");

    let sound = put(&folder, "sound.jsonl", SOUND);
    let error = with_blind(&sound, sheet);
    assert!(
        matches!(error, TaskError::BlindPredictions { .. }),
        "{error:?}"
    );
    let nothing = put(&folder, "nothing.jsonl", "{\"id\":\"1\"}\n");
    let error = with_blind(&sound, nothing.clone());
    assert!(
        matches!(
            error,
            TaskError::BlindScores {
                source: ScoreError::Nothing { found: 0, .. },
                ..
            }
        ),
        "{error:?}"
    );
    let told = corpus::causes(&error);
    assert!(
        told.starts_with("answers of task `slake` to blank pictures: none of the 0 predictions"),
        "{told}"
    );
    let error = with_blind(&sound, folder.path().join("nowhere"));
    assert!(
        matches!(error, TaskError::Job(JobError::NotThere { .. })),
        "{error:?}"
    );
    let error = scored(&job(&nothing)).expect_err("nothing to score");
    assert!(
        matches!(error, TaskError::Score(ScoreError::Nothing { .. })),
        "{error:?}"
    );
}

#[test]
fn scores_that_are_no_numbers_make_no_statistic() {
    let (_, task) = written();
    let mut strict = task.strict;
    strict.rows[0].score = f64::NAN;
    let looks = Looks::default();
    let found = TrainingData::default().leaks(&[], &TestPictures::new(&looks), &strict, 0);
    let error = TaskError::from(found.expect_err("not a number"));
    assert!(
        matches!(
            error,
            TaskError::Statistics(evaluation::statistics::Error::NotFinite { at: 0 })
        ),
        "{error:?}"
    );
}

#[test]
fn results_that_cannot_be_read_say_which_file_is_wrong() {
    let error = |change: &dyn Fn(&Path)| {
        let (folder, _) = written();
        change(folder.path());
        results::read(folder.path()).expect_err("broken")
    };
    let found = error(&|folder| std::fs::remove_dir_all(folder).expect("remove"));
    assert!(matches!(found, ResultsError::Read { .. }), "{found:?}");
    let found = error(&|folder| std::fs::remove_dir_all(folder.join("slake")).expect("remove"));
    assert!(matches!(found, ResultsError::Nothing { .. }), "{found:?}");
    let spoil = |name: &'static str| {
        move |folder: &Path| std::fs::write(folder.join("slake").join(name), "{").expect("write")
    };
    let found = error(&spoil("strict.json"));
    assert!(
        matches!(&found, ResultsError::NotAResult { path, .. } if path.ends_with("slake/strict.json")),
        "{found:?}"
    );
    let told = corpus::causes(&found);
    assert!(
        told.contains("is not a result of `adamllm score`: EOF while parsing"),
        "{told}"
    );
    let found = error(&spoil("leaks.json"));
    assert!(
        matches!(&found, ResultsError::Leaks { path, .. } if path.ends_with("slake/leaks.json")),
        "{found:?}"
    );
    let found = error(&spoil("strict.jsonl"));
    assert!(
        matches!(
            found,
            ResultsError::Corpus(corpus::Error::Line { line: 1, .. })
        ),
        "{found:?}"
    );

    let (_, task) = written();
    let other = folder();
    put(&other, "slake", "");
    let found = results::write(other.path(), &task).expect_err("a file is there");
    assert!(
        matches!(&found, ResultsError::Folder { folder, .. } if folder.ends_with("slake")),
        "{found:?}"
    );
}

#[test]
fn training_data_that_cannot_be_read_is_told() {
    let folder = folder();
    let read = |path: PathBuf| {
        TrainingData::read(&[path], &Looks::default()).expect_err("cannot be compared")
    };
    let found = read(folder.path().to_owned());
    assert!(
        matches!(&found, LeaksError::NoRunFolder { folder: own } if own == folder.path()),
        "{found:?}"
    );
    assert!(found.to_string().contains("no `mix/samples.jsonl`"));
    let nowhere = folder.path().join("nowhere.jsonl");
    let found = read(nowhere.clone());
    assert!(
        matches!(&found, LeaksError::Unreadable { path, .. } if *path == nowhere),
        "{found:?}"
    );
    let found = read(put(&folder, "other.jsonl", "{\"id\":\"a\",\"weight\":1}\n"));
    assert!(
        matches!(&found, LeaksError::Neither { first, .. } if first.reason == "no-image"),
        "{found:?}"
    );

    let model = folder.path().join("run/train/model");
    std::fs::create_dir_all(&model).expect("folder");
    put(&folder, "run/mix/samples.jsonl", "");
    let found = trained_by(&model).expect_err("no recipe");
    assert!(
        matches!(&found, LeaksError::RecipeUnreadable { path, .. } if path.ends_with("recipe.json")),
        "{found:?}"
    );
    put(&folder, "run/recipe.json", "{");
    let found = trained_by(&model).expect_err("a broken recipe");
    assert!(
        matches!(found, LeaksError::RecipeBroken { .. }),
        "{found:?}"
    );
}

/// A model has seen the samples of its own stage and of those before it; a control has stages of its own.
#[test]
fn a_model_was_trained_on_the_samples_of_its_stages() {
    let folder = folder();
    let stages = "{\"train.stages\": {\"value\": [\"a\", \"b\", \"c\"]}}";
    put(&folder, "run/recipe.json", stages);
    let places = [
        "stages/a",
        "stages/b",
        "stages/of-a-run-before",
        ".",
        "controls/captions",
        "controls/captions/stages/b",
    ];
    for place in places {
        put(&folder, &format!("run/{place}/mix/samples.jsonl"), "");
        let model = folder.path().join("run").join(place).join("train/model");
        std::fs::create_dir_all(model).expect("folder");
    }
    let run = folder.path().canonicalize().expect("folder").join("run");
    for (place, expected) in [
        (".", &["stages/a", "stages/b", "."][..]),
        ("stages/a", &["stages/a"]),
        ("stages/b", &["stages/a", "stages/b"]),
        (
            "controls/captions",
            &["controls/captions/stages/b", "controls/captions"],
        ),
        (
            "controls/captions/stages/b",
            &["controls/captions/stages/b"],
        ),
    ] {
        let (files, line) = trained_by(&run.join(place).join("train/model")).expect("known");
        let expected = expected
            .iter()
            .map(|of| run.join(of).join("mix/samples.jsonl"));
        let expected: Vec<_> = expected.collect();
        assert_eq!(files, expected, "{place}");
        assert!(line.expect("told").contains("stages") || place != ".");
    }
}

#[test]
fn a_session_that_cannot_begin_or_did_not_score_all_says_so() {
    let folder = folder();
    let file = put(&folder, "file", "");
    let begun = |settings: Settings| Session::new(settings, 2);
    let found = begun(Settings {
        output: Some(file.join("out")),
        ..Settings::default()
    });
    let found = found.expect_err("below a file");
    assert!(
        matches!(&found, SessionError::Output { folder, .. } if folder.ends_with("file/out")),
        "{found:?}"
    );
    let found = begun(Settings {
        trained: vec![folder.path().to_owned()],
        ..Settings::default()
    });
    let found = found.expect_err("no run folder");
    assert!(
        matches!(found, SessionError::Trained(LeaksError::NoRunFolder { .. })),
        "{found:?}"
    );
    let job = job(&put(&folder, "slake.jsonl", SOUND));
    let mut session = begun(Settings::default()).expect("session");
    let error = TaskError::Job(JobError::NothingNamed);
    session.failed(&job, &error).expect("one of two");
    let found = session.outcome().expect_err("one failed");
    assert!(
        matches!(&found, SessionError::Failed { failed, all: 2 } if failed == &["slake"]),
        "{found:?}"
    );
}

#[test]
fn a_system_without_scores_says_what_is_missing() {
    let read = |path: &Path, scorer: Scorer, tasks: &[&str]| {
        let tasks: Vec<String> = tasks.iter().map(|&task| task.to_owned()).collect();
        systems::read(path, &tasks, &Reading::default(), scorer, &mut |_| {})
            .expect_err("no scores")
    };
    let (results, _) = written();
    let found = read(results.path(), Scorer::Strict, &["vqa-rad"]);
    assert!(
        matches!(
            found,
            SystemsError::NoScores {
                scorer: Scorer::Strict,
                ..
            }
        ),
        "{found:?}"
    );
    std::fs::write(results.path().join("slake/strict.json"), "{").expect("write");
    let found = read(results.path(), Scorer::Strict, &[]);
    assert!(
        matches!(
            found,
            SystemsError::Results(ResultsError::NotAResult { .. })
        ),
        "{found:?}"
    );
    let folder = folder();
    let found = read(folder.path(), Scorer::Strict, &[]);
    assert!(
        matches!(&found, SystemsError::NoResults { folder: own } if own == folder.path()),
        "{found:?}"
    );
    let found = read(&folder.path().join("nowhere"), Scorer::Strict, &[]);
    assert!(
        matches!(found, SystemsError::Job(JobError::NotThere { .. })),
        "{found:?}"
    );
    let sheet = put(&folder, "slake.xlsx", "");
    let found = read(&sheet, Scorer::Strict, &["slake"]);
    assert!(
        matches!(found, SystemsError::Task(TaskError::Predictions { .. })),
        "{found:?}"
    );
}
