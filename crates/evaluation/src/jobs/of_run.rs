//! The tasks that a recipe names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::JobError;
use super::job::Job;
use crate::tasks::{self, UserTask};

/// The jobs of a run's tasks, and why others are none.
///
/// A name is a built-in task whose folder lies in `data`, a task file (`.toml`), a file of questions (`.jsonl`), or what
/// such a file in `data` is called. Without names: all of `data`.
pub fn of_run(names: &[String], data: Option<&Path>) -> (Vec<Job>, Vec<JobError>) {
    let found: Vec<Result<Job, JobError>> = match data {
        Some(root) if names.is_empty() => match all_of(root) {
            Ok(found) => found,
            Err(error) => return (Vec::new(), vec![error]),
        },
        _ => names.iter().map(|name| named(name, data)).collect(),
    };
    let (mut jobs, mut errors, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
    for job in found {
        match job {
            Ok(job) if !ids.insert(job.spec.id.clone()) => {
                errors.push(JobError::Twice { task: job.spec.id });
            }
            Ok(job) => jobs.push(job),
            Err(error) => errors.push(error),
        }
    }
    (jobs, errors)
}

fn of_file(path: &Path) -> Option<Result<Job, JobError>> {
    let task = match path.extension()?.to_str()? {
        "toml" => UserTask::read(path),
        "jsonl" => UserTask::of_items(path),
        _ => return None,
    };
    Some(task.map(Job::of_own).map_err(JobError::from))
}

fn named(name: &str, data: Option<&Path>) -> Result<Job, JobError> {
    if let Some(job) = of_file(Path::new(name)) {
        return job;
    }
    let built_in = tasks::find(name);
    let Some(root) = data else {
        return Err(match built_in {
            Ok(spec) => JobError::NoDataOfRun { task: spec.id },
            Err(unknown) => unknown.into(),
        });
    };
    if let Ok(spec) = &built_in
        && root.join(name).is_dir()
    {
        return Ok(Job::of(spec.clone()));
    }
    let files = ["jsonl", "toml"].map(|ending| root.join(format!("{name}.{ending}")));
    if let Some(job) = files
        .iter()
        .filter(|path| path.is_file())
        .find_map(|p| of_file(p))
    {
        return job;
    }
    Err(JobError::NotInData {
        task: name.to_owned(),
        folder: root.to_owned(),
        is_built_in: built_in.is_ok(),
    })
}

/// Every folder of a built-in task, task file and file of questions, in the order of their names.
fn all_of(root: &Path) -> Result<Vec<Result<Job, JobError>>, JobError> {
    let unreadable = |source| JobError::Unreadable {
        folder: root.to_owned(),
        source,
    };
    let entries = std::fs::read_dir(root).map_err(unreadable)?;
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    files.sort();
    let mut found: Vec<Result<Job, JobError>> = tasks::all()
        .into_iter()
        .filter(|spec| root.join(&spec.id).is_dir())
        .map(|spec| Ok(Job::of(spec)))
        .collect();
    found.extend(
        files
            .iter()
            .filter(|path| path.is_file())
            .filter_map(|p| of_file(p)),
    );
    if found.is_empty() {
        return Err(JobError::NothingInData {
            folder: root.to_owned(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_found_by_name_by_file_and_by_folder() {
        let folder = tempfile::tempdir().expect("folder");
        let root = folder.path();
        let line = "{\"id\":\"1\",\"images\":[],\"question\":\"q\",\"label\":\"x\",\"metric\":\"exact_match\"}\n";
        std::fs::create_dir(root.join("slake")).expect("folder");
        std::fs::write(root.join("kind.jsonl"), line).expect("write");
        let own =
            "id = \"trees\"\nprompt = \"{question}\"\ndata = \"x.jsonl\"\nscoring = \"exact\"\n";
        std::fs::write(root.join("trees.toml"), own).expect("write");
        let ids = |names: &[&str], data: Option<&Path>| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let (jobs, errors) = of_run(&names, data);
            let ids: Vec<String> = jobs.into_iter().map(|job| job.spec.id).collect();
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            (ids, errors)
        };
        let (found, errors) = ids(&[], Some(root));
        assert_eq!(
            (found, errors.len()),
            (["slake", "kind", "trees"].map(String::from).to_vec(), 0)
        );
        let file = root.join("kind.jsonl").display().to_string();
        assert_eq!(ids(&[&file], None).0, ["kind"]);
        let (found, errors) = ids(&["slake", "kind", "kind", "vqa-rad", "slak"], Some(root));
        assert_eq!((found.len(), errors.len()), (2, 3), "{errors:?}");
        assert!(
            errors[0].contains("two tasks are called `kind`"),
            "{errors:?}"
        );
        assert!(errors[1].contains("has no folder `vqa-rad`"), "{errors:?}");
        assert!(errors[2].contains("no task `slak`"), "{errors:?}");
        let (_, errors) = ids(&["slake", "nothing"], None);
        assert!(errors[0].contains("`evaluate.data`"), "{errors:?}");
        assert!(errors[1].contains("unknown task"), "{errors:?}");
    }
}
