//! A user's own benchmark: a TOML file that says how, and a JSONL file with the items. No code.

use std::path::{Path, PathBuf};

use corpus::Decoding;
use regex::Regex;
use serde::Deserialize;

use super::spec::{Metric, Scoring, Spec, Split};

/// A task file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The system refused.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not TOML, has unknown keys or wrong types.
    #[error("`{}` is not a task: {problem}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What the parser said, with the line.
        problem: String,
    },
    /// A value does not make sense.
    #[error("`{}`: {problem}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// What is wrong and how to mend it.
        problem: String,
    },
}

/// How the answer is taken out of what the model wrote.
#[derive(Clone, Debug, Default)]
pub struct Extraction {
    after: Option<String>,
    pattern: Option<Regex>,
}

impl Extraction {
    /// What stands before the answer, and the pattern whose first group it is.
    pub fn parts(&self) -> (Option<&str>, Option<&str>) {
        (
            self.after.as_deref(),
            self.pattern.as_ref().map(Regex::as_str),
        )
    }

    /// The answer; `None` if it is not there, which counts as unreadable.
    pub fn apply<'a>(&self, text: &'a str) -> Option<&'a str> {
        let mut text = text;
        if let Some(after) = &self.after {
            text = &text[text.rfind(after.as_str())? + after.len()..];
        }
        if let Some(pattern) = &self.pattern {
            text = pattern.captures(text)?.get(1)?.as_str();
        }
        Some(text.trim())
    }
}

/// A user's benchmark.
#[derive(Clone, Debug)]
pub struct UserTask {
    /// How it is asked and scored.
    pub spec: Spec,
    /// The file with the items.
    pub data: PathBuf,
    /// How the answer is taken out of what the model wrote.
    pub extraction: Extraction,
    /// Which key of an item intervals resample; the picture if there is none.
    pub cluster: Option<String>,
    /// Whether options are ranked by likelihood instead of read from an answer.
    pub by_likelihood: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    id: String,
    title: Option<String>,
    #[serde(default = "own")]
    domain: String,
    scoring: Scoring,
    metrics: Option<Vec<Metric>>,
    prompt: String,
    data: PathBuf,
    #[serde(default)]
    names: Vec<String>,
    names_file: Option<PathBuf>,
    decoding: Option<Decoding>,
    answer: Option<Answer>,
    cluster: Option<String>,
    items: Option<usize>,
    #[serde(default)]
    by_likelihood: bool,
    #[serde(default = "one")]
    version: u32,
    #[serde(default)]
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    after: Option<String>,
    pattern: Option<String>,
}

fn own() -> String {
    "own".to_owned()
}

fn one() -> u32 {
    1
}

impl UserTask {
    /// Reads a task file; `data` and `names_file` are relative to its folder.
    ///
    /// Keys: `id`, `scoring` (`vqa`, `choice`, `class`, `list`, `text`, `short`, `exact`), `prompt` and `data` must be
    /// there; `title`, `domain`, `metrics`, `names` or `names_file` (one a line), `decoding` (as in a request),
    /// `answer` (`after`: what stands before the answer, the last one counts; `pattern`: a regular expression whose
    /// first group is the answer), `cluster`, `items` (how many there should be), `by_likelihood`, `version` and
    /// `source` may be.
    pub fn read(path: &Path) -> Result<Self, UserError> {
        let text = read(path)?;
        let parse = |problem: String| UserError::Parse {
            path: path.to_owned(),
            problem,
        };
        let file: Keys = toml::from_str(&text).map_err(|e| parse(e.to_string()))?;
        let wrong = |problem: String| UserError::Value {
            path: path.to_owned(),
            problem,
        };
        let in_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !file.id.starts_with(char::is_alphanumeric) || !file.id.chars().all(in_name) {
            return Err(wrong(format!(
                "`id` is `{}`; expected letters, digits, `-`, `_` and `.`, for files and folders are named after it",
                file.id
            )));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let names = match (&file.names_file, file.names.is_empty()) {
            (Some(_), false) => {
                return Err(wrong(
                    "both `names` and `names_file` are given; keep one".to_owned(),
                ));
            }
            (Some(names), true) => vocabulary(&folder.join(names))?,
            (None, _) => file.names,
        };
        if names.is_empty() && matches!(file.scoring, Scoring::Class | Scoring::List) {
            return Err(wrong(
                "this scoring needs `names` or `names_file`".to_owned(),
            ));
        }
        if file.by_likelihood && file.scoring != Scoring::Choice {
            return Err(wrong(
                "`by_likelihood` needs `scoring = \"choice\"`".to_owned(),
            ));
        }
        check_places(&file.prompt).map_err(wrong)?;
        let metrics = file
            .metrics
            .unwrap_or_else(|| default_metrics(file.scoring));
        if let Some(metric) = metrics
            .iter()
            .find(|metric| !file.scoring.metrics().contains(metric))
        {
            let known: Vec<&str> = file
                .scoring
                .metrics()
                .iter()
                .map(|metric| metric.name())
                .collect();
            return Err(wrong(format!(
                "this scoring gives no `{}`, only `{}`",
                metric.name(),
                known.join("`, `")
            )));
        }
        let answer = file.answer.unwrap_or(Answer {
            after: None,
            pattern: None,
        });
        let pattern = answer
            .pattern
            .as_deref()
            .map(Regex::new)
            .transpose()
            .map_err(|e| wrong(format!("`answer.pattern`: {e}")))?;
        if pattern
            .as_ref()
            .is_some_and(|pattern| pattern.captures_len() < 2)
        {
            return Err(wrong(
                "`answer.pattern` has no group; put the answer in round brackets".to_owned(),
            ));
        }
        let splits = file.items.map(|items| Split {
            name: "test".to_owned(),
            items,
            variant: None,
        });
        Ok(Self {
            data: folder.join(file.data),
            extraction: Extraction {
                after: answer.after,
                pattern,
            },
            cluster: file.cluster,
            by_likelihood: file.by_likelihood,
            spec: Spec {
                title: file.title.unwrap_or_else(|| file.id.clone()),
                id: file.id,
                domain: file.domain,
                scoring: file.scoring,
                metrics,
                prompt: file.prompt,
                decoding: file.decoding.unwrap_or_default(),
                names,
                ignored: Vec::new(),
                splits: splits.into_iter().collect(),
                reference: false,
                version: file.version,
                source: file.source,
            },
        })
    }
}

/// Names from a file, one a line, in order; empty lines at the end do not count.
pub fn vocabulary(path: &Path) -> Result<Vec<String>, UserError> {
    Ok(read(path)?
        .trim_end()
        .lines()
        .map(|line| line.trim().to_owned())
        .collect())
}

fn read(path: &Path) -> Result<String, UserError> {
    std::fs::read_to_string(path).map_err(|source| UserError::Read {
        path: path.to_owned(),
        source,
    })
}

/// All that the scoring gives, but only F1 of a list.
fn default_metrics(scoring: Scoring) -> Vec<Metric> {
    if scoring == Scoring::List {
        vec![Metric::F1]
    } else {
        scoring.metrics().to_vec()
    }
}

/// Every `{word}` of a prompt is one that is filled in.
fn check_places(prompt: &str) -> Result<(), String> {
    let mut rest = prompt;
    while let Some(at) = rest.find('{') {
        rest = &rest[at + 1..];
        let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
        let is_place = !word.is_empty() && rest[word.len()..].starts_with('}');
        if is_place && !["question", "choices", "names"].contains(&word.as_str()) {
            return Err(format!(
                "the prompt asks for `{{{word}}}`; there are `{{question}}`, `{{choices}}` and `{{names}}`"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<UserTask, String> {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("names.txt"), "oak\nash\n\n").expect("write");
        let path = folder.path().join("task.toml");
        std::fs::write(&path, text).expect("write");
        UserTask::read(&path).map_err(|e| e.to_string())
    }

    const START: &str = "id = \"trees\"\nprompt = \"{question} {names}\"\ndata = \"rows.jsonl\"\n";

    #[test]
    fn a_task_needs_no_code() {
        let task = read_text(&format!(
            "{START}scoring = \"class\"\nnames_file = \"names.txt\"\ncluster = \"forest\"\n\
             [answer]\nafter = \"Answer:\"\n[decoding]\nmax_new_tokens = 8\n"
        ))
        .expect("a task");
        assert_eq!(task.spec.names, ["oak", "ash"]);
        assert_eq!(task.spec.metrics, [Metric::Accuracy]);
        assert_eq!(
            (task.spec.decoding.max_new_tokens, task.cluster.as_deref()),
            (8, Some("forest"))
        );
        assert_eq!(
            task.extraction.apply("Answer: ash? Answer: oak "),
            Some("oak")
        );
        assert_eq!(task.extraction.apply("oak"), None);
        assert!(task.data.ends_with("rows.jsonl"));
    }

    #[test]
    fn says_what_is_wrong() {
        for (more, expected) in [
            ("scoring = \"exact\"\nname = 1\n", "unknown field `name`"),
            ("scoring = \"exac\"\n", "unknown variant `exac`"),
            ("scoring = \"class\"\n", "needs `names` or `names_file`"),
            (
                "scoring = \"list\"\nnames = [\"a\"]\nnames_file = \"names.txt\"\n",
                "keep one",
            ),
            (
                "scoring = \"exact\"\nmetrics = [\"f1\"]\n",
                "gives no `f1`, only `accuracy`",
            ),
            (
                "scoring = \"exact\"\nby_likelihood = true\n",
                "needs `scoring = \"choice\"`",
            ),
            (
                "scoring = \"exact\"\n[answer]\npattern = \"a+\"\n",
                "has no group",
            ),
            (
                "scoring = \"exact\"\n[answer]\npattern = \"(\"\n",
                "`answer.pattern`: ",
            ),
            (
                "scoring = \"exact\"\n[decoding]\ntemprature = 1.0\n",
                "unknown field `temprature`",
            ),
        ] {
            let message = read_text(&format!("{START}{more}")).expect_err("wrong");
            assert!(message.contains(expected), "{message}");
        }
        let message =
            read_text("id = \"x\"\nprompt = \"{querstion}\"\ndata = \"d\"\nscoring = \"exact\"\n")
                .expect_err("wrong");
        assert!(message.contains("asks for `{querstion}`"), "{message}");
        // Results go to a folder of this name.
        for id in ["", "../x", "a/b", ".", "a b"] {
            let text = format!(
                "id = \"{id}\"\nprompt = \"{{question}}\"\ndata = \"d\"\nscoring = \"exact\"\n"
            );
            let message = read_text(&text).expect_err("wrong");
            assert!(message.contains(&format!("`id` is `{id}`")), "{message}");
        }
    }

    #[test]
    fn a_pattern_takes_its_first_group() {
        let task = read_text(&format!(
            "{START}scoring = \"exact\"\n[answer]\npattern = '\\\\boxed\\{{(.*?)\\}}'\n"
        ))
        .expect("a task");
        assert_eq!(task.extraction.apply(r"so \boxed{ 7 }."), Some("7"));
        assert_eq!(task.extraction.apply("so 7"), None);
    }
}
