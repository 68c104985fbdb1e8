//! Results of tasks on disk: `<folder>/<task>/{strict,reference}.json` with the numbers and `.jsonl` with every row.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::jsonl;
use evaluation::predictions::Problem;
use evaluation::scoring::{Scored, ScoredRow, Scorer, TaskResult};
use evaluation::tasks::{self, Spec};

use super::leaks::Leaks;
use corpus::sealed::write_json;

/// A task with what both scorers give.
#[derive(Clone, Debug)]
pub struct Done {
    /// The task.
    pub spec: Spec,
    /// The strict scores.
    pub strict: Scored,
    /// The published scores, where there are any.
    pub reference: Option<Scored>,
    /// The strict scores of answers to blank pictures, where there are any.
    pub blind: Option<Scored>,
    /// Test items in the training data, where that was looked for.
    pub leaks: Option<Leaks>,
}

impl Done {
    /// The scores of one scorer.
    pub fn by(&self, scorer: Scorer) -> Option<&Scored> {
        match scorer {
            Scorer::Strict => Some(&self.strict),
            Scorer::Reference => self.reference.as_ref(),
        }
    }
}

/// The scorer as it stands in file names and tables.
pub fn name(scorer: Scorer) -> &'static str {
    match scorer {
        Scorer::Strict => STRICT,
        Scorer::Reference => REFERENCE,
    }
}

const STRICT: &str = "strict";
const REFERENCE: &str = "reference";
/// The file of strict scores of answers to blank pictures.
const BLIND: &str = "blind";

/// Writes a task's results; each file is whole or absent.
pub fn write(folder: &Path, done: &Done) -> Result<()> {
    let folder = folder.join(&done.spec.id);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let all = [
        Some(&done.strict),
        done.reference.as_ref(),
        done.blind.as_ref(),
    ];
    for (name, scored) in [STRICT, REFERENCE, BLIND].into_iter().zip(all) {
        if let Some(scored) = scored {
            jsonl::write(&folder.join(format!("{name}.jsonl")), &scored.rows)?;
            write_json(&folder.join(format!("{name}.json")), &scored.result)?;
        }
    }
    Ok(())
}

/// Whether a folder holds results as `adamllm score --output` writes them.
pub fn are_in(folder: &Path) -> bool {
    folders(folder).is_ok_and(|found| !found.is_empty())
}

/// Every task's results of a folder, in the order of the paper's tables, own tasks last.
pub fn read(folder: &Path) -> Result<Vec<Done>> {
    let mut all = Vec::new();
    for folder in folders(folder)? {
        let strict = one(&folder, STRICT)?
            .with_context(|| format!("`{}` has no `strict.json`", folder.display()))?;
        let id = strict.result.task.clone();
        all.push(Done {
            spec: tasks::find(&id).unwrap_or_else(|_| own(&strict.result)),
            reference: one(&folder, REFERENCE)?,
            blind: one(&folder, BLIND)?,
            strict,
            leaks: None,
        });
    }
    let place = |id: &str| {
        tasks::all()
            .iter()
            .position(|task| task.id == id)
            .unwrap_or(usize::MAX)
    };
    all.sort_by_key(|done| place(&done.spec.id));
    if all.is_empty() {
        bail!(
            "`{}` has no results; write them with `adamllm score --output`",
            folder.display()
        );
    }
    Ok(all)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("strict.json").is_file())
        .collect();
    found.sort();
    Ok(found)
}

fn one(folder: &Path, name: &str) -> Result<Option<Scored>> {
    let path = folder.join(format!("{name}.json"));
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let result: TaskResult = serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not a result of `adamllm score`", path.display()))?;
    let rows: Vec<ScoredRow> = jsonl::read(&path.with_extension("jsonl"))?;
    Ok(Some(Scored { result, rows }))
}

/// A task that is known by its result only.
fn own(result: &TaskResult) -> Spec {
    let names: Vec<String> = result
        .classes
        .iter()
        .map(|class| class.name.clone())
        .collect();
    let metrics = [
        evaluation::tasks::Metric::Recall,
        evaluation::tasks::Metric::ClosedAccuracy,
        evaluation::tasks::Metric::Accuracy,
        evaluation::tasks::Metric::RougeL,
        evaluation::tasks::Metric::F1,
    ];
    Spec {
        id: result.task.clone(),
        title: result.task.clone(),
        domain: "own".to_owned(),
        scoring: evaluation::tasks::Scoring::Exact,
        metrics: metrics
            .into_iter()
            .filter(|metric| result.intervals.contains_key(metric.name()))
            .collect(),
        prompt: String::new(),
        decoding: corpus::Decoding::default(),
        names,
        ignored: Vec::new(),
        splits: Vec::new(),
        reference: false,
        version: result.version,
        source: String::new(),
    }
}

/// Problems as sentences, each with the first few ids: one a reason, or one for each of a few ways in which it came about.
pub fn sentences(problems: &[Problem]) -> Vec<String> {
    const WAYS: usize = 5;
    let mut reasons: Vec<_> = problems.iter().map(|problem| problem.reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let mut out = Vec::new();
    for reason in reasons {
        let those: Vec<&Problem> = problems.iter().filter(|p| p.reason == reason).collect();
        let mut ways: Vec<&str> = Vec::new();
        for problem in &those {
            if ways.len() <= WAYS && !ways.contains(&problem.detail.as_str()) {
                ways.push(&problem.detail);
            }
        }
        if ways.len() > WAYS {
            out.push(sentence(&those, "such as "));
            continue;
        }
        for way in ways {
            let of_way: Vec<&Problem> = those.iter().copied().filter(|p| p.detail == way).collect();
            out.push(sentence(&of_way, ""));
        }
    }
    out
}

/// Problems of one reason as a sentence with the detail of the first.
fn sentence(those: &[&Problem], such_as: &str) -> String {
    const SHOWN: usize = 5;
    let Some(first) = those.first() else {
        return String::new();
    };
    let place = |p: &&Problem| match (p.id.is_empty(), p.line) {
        (false, 0) => format!("`{}`", p.id),
        (false, line) => format!("`{}` in line {line}", p.id),
        (true, line) => format!("line {line}"),
    };
    let mut places: Vec<String> = those.iter().take(SHOWN).map(place).collect();
    if those.len() > SHOWN {
        places.push(format!("and {} more", those.len() - SHOWN));
    }
    let fate = if first.reason.is_scored() {
        "scored"
    } else {
        "not scored"
    };
    format!(
        "{} × {} ({fate}): {such_as}{}: {}",
        those.len(),
        first.reason.as_str(),
        first.detail,
        places.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use evaluation::predictions::Reason;

    use super::*;

    #[test]
    fn each_problem_stands_under_what_is_wrong_with_it() {
        let problem = |id: &str, detail: &str| Problem {
            id: id.to_owned(),
            line: 0,
            reason: Reason::Label,
            detail: detail.to_owned(),
        };
        let few = [problem("1", "x"), problem("2", "y"), problem("3", "x")];
        assert_eq!(
            sentences(&few),
            [
                "2 × label (not scored): x: `1`, `3`",
                "1 × label (not scored): y: `2`"
            ]
        );
        let many: Vec<Problem> = (0..7)
            .map(|i| problem(&i.to_string(), &format!("detail {i}")))
            .collect();
        assert_eq!(
            sentences(&many),
            ["7 × label (not scored): such as detail 0: `0`, `1`, `2`, `3`, `4`, and 2 more"]
        );
    }
}
