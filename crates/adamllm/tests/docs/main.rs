//! The documents followed literally: every command of every `sh` block is run here, in order, in a folder that holds small
//! stand-ins for what the document speaks of, or stands in the list of those that are not, with the reason.

mod commands;
mod job;
mod launchers;
mod listed;
#[path = "../program/mod.rs"]
mod program;
#[path = "../program/published.rs"]
mod published;
mod readers;
mod reference;
mod worlds;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use commands::{commands, documents, problem_of, words};
use listed::LISTED;
use program::text;

/// The documents that have a folder of their own here, and the test that follows each.
macro_rules! followed {
    ($($test:ident $document:literal $prepare:path;)*) => {
        const FOLLOWED: &[&str] = &[$($document),*];
        $(
            #[test]
            fn $test() {
                let folder = tempfile::tempdir().expect("folder");
                $prepare(folder.path());
                follow($document, folder.path());
            }
        )*
    };
}

followed! {
    adding_a_task "docs/adding-a-task.md" worlds::own_benchmark;
    adding_a_model "docs/adding-a-model.md" worlds::new_model;
    hardware "docs/hardware.md" worlds::recipes_of_the_paper;
    lab "docs/lab.md" worlds::recipes_of_the_paper;
    models "docs/models.md" worlds::models_in_other_layouts;
    reproducing "docs/reproducing.md" worlds::data_of_the_paper;
}

/// Those that have something to look at afterwards.
const LOOKED_AT: &[&str] = &["docs/adding-a-dataset.md", "docs/own-domain.md"];

/// Those that speak of a run that was made, each in a copy of one.
const AFTER_A_RUN: &[&str] = &[
    "docs/run-folder.md",
    "docs/scores.md",
    "docs/serving.md",
    "docs/troubleshooting.md",
    "docs/first-steps.md",
    "docs/comparisons.md",
    "docs/cluster.md",
    "docs/reference/commands.md",
    "README.md",
];

#[test]
fn every_command_is_run_or_listed() {
    let followed: Vec<&str> = [FOLLOWED, LOOKED_AT, AFTER_A_RUN].concat();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (document, text) in documents() {
        for command in commands(&text) {
            let is_listed = LISTED
                .iter()
                .any(|one| one.document == document && one.command == command);
            if !is_listed && !followed.contains(&document.as_str()) {
                wrong.push(format!("{document}: `{command}` is neither run nor listed"));
            }
            if let Some(problem) = problem_of(&command) {
                wrong.push(format!("{document}: `{command}`: {problem}"));
            }
            seen.insert((document.clone(), command));
        }
    }
    for one in LISTED {
        if !seen.contains(&(one.document.to_owned(), one.command.to_owned())) {
            wrong.push(format!(
                "`{}` is listed and is not in {}",
                one.command, one.document
            ));
        }
    }
    for document in followed {
        if !seen.iter().any(|(of, _)| of == document) {
            wrong.push(format!("{document} is followed and has no command"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() > 100, "{} commands", seen.len());
}

/// Runs what the document gives, in the folder, but for what is listed.
fn follow(document: &str, folder: &Path) {
    let path = published::root().join(document);
    let given = std::fs::read_to_string(path).expect("document");
    let mut ran = 0;
    for command in commands(&given) {
        let is_listed = LISTED
            .iter()
            .any(|one| one.document == document && one.command == command);
        // What looks at the machine alone is run by the first document that has it.
        if is_listed || command == "adamllm doctor" && document != "docs/own-domain.md" {
            continue;
        }
        let all = words(&command);
        assert_eq!(all[0], "adamllm", "{document}: {command}");
        let since = Instant::now();
        // Other tests run beside this one, and threads that wait for one another are slow then.
        let output = program::adamllm()
            .current_dir(folder)
            .args(&all[1..])
            .args(["--threads", "1"])
            .output();
        let output = output.expect("the program starts");
        assert!(
            output.status.success(),
            "{document}: `{command}`:\n{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        eprintln!(
            "{:.1} s {document}: {command}",
            since.elapsed().as_secs_f64()
        );
        ran += 1;
    }
    assert!(ran > 0, "no command of {document} was run");
}

#[test]
fn adding_a_dataset() {
    let folder = tempfile::tempdir().expect("folder");
    worlds::table(folder.path());
    follow("docs/adding-a-dataset.md", folder.path());
    let written = std::fs::read_to_string(folder.path().join("factory/pairs.json")).expect("pairs");
    assert_eq!(written.matches("A board called").count(), 8);
}

#[test]
fn own_domain() {
    let folder = tempfile::tempdir().expect("folder");
    worlds::pictures(&folder.path().join("photos"));
    follow("docs/own-domain.md", folder.path());
    let run = folder.path().join("runs/try");
    assert!(run.join("report/index.html").is_file());
    let card = std::fs::read_to_string(run.join("train/model/README.md")).expect("card");
    assert!(
        card.contains("| `train.max_steps` | `2` | --set |"),
        "{card}"
    );
    let card = std::fs::read_to_string(run.join("train/model/DATA.md")).expect("card");
    assert!(card.contains("| not stated | not stated |"), "{card}");
}

#[test]
fn a_run_and_what_is_said_of_it() {
    let folder = tempfile::tempdir().expect("folder");
    let made = folder.path().join("made");
    worlds::own_pairs(&made);
    let output = program::adamllm()
        .current_dir(&made)
        .args(["run", "my.toml", "--run-dir", "runs/my", "--threads", "1"])
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    readers::check(&made.join("runs/my"));
    for document in AFTER_A_RUN {
        let copy = folder.path().join("copy");
        worlds::copy(&made, &copy);
        worlds::after_a_run(&copy);
        follow(document, &copy);
        std::fs::remove_dir_all(&copy).expect("removed");
    }
}
