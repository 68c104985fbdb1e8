//! Answers that were made anywhere: files of predictions in several layouts, read into one record.
//!
//! Nothing is dropped in silence: a row that cannot be used is a [`Problem`] with its line and reason.

mod error;
mod layout;
mod problem;
mod sentences;
mod table;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use corpus::{Prediction, jsonl};
use serde_json::{Map, Value};

use crate::tasks::Item;
pub use error::ReadError;
pub use layout::{Columns, Layout};
pub use problem::{Problem, Reason};
pub use sentences::sentences;

/// What a file of predictions holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// The rows that can be used, in the order of the file, each id once.
    pub rows: Vec<Prediction>,
    /// The rows that cannot.
    pub problems: Vec<Problem>,
    /// The layout that was read.
    pub layout: Layout,
}

/// Reads predictions; without a layout it is told by the file's name and first row.
///
/// A second row with an id is left out, whatever it says.
pub fn read(path: &Path, layout: Option<Layout>) -> Result<Predictions, ReadError> {
    read_for(path, layout, &[])
}

/// Reads predictions for a benchmark's items: label, options, picture and question come from the item of the same id
/// where a row lacks them, so that bare completions (`id`, `text`) can be scored too.
pub fn read_for(
    path: &Path,
    layout: Option<Layout>,
    items: &[Item],
) -> Result<Predictions, ReadError> {
    let by_id: HashMap<&str, &Item> = items.iter().map(|item| (item.id.as_str(), item)).collect();
    let (objects, mut problems) = objects(path)?;
    let layout =
        layout.unwrap_or_else(|| Layout::of(path, objects.first().map(|(_, object)| object)));
    if let (Layout::Table(columns), Some((_, object))) = (&layout, objects.first()) {
        columns.check(path, object)?;
    }
    let mut rows = Vec::with_capacity(objects.len());
    let mut seen = HashSet::new();
    for (at, (line, object)) in objects.into_iter().enumerate() {
        match layout.record(object, at, |id| by_id.get(id).copied()) {
            Err(mut problem) => {
                // A row that the benchmark does not know has no label to take from there.
                let unknown = !items.is_empty() && !by_id.contains_key(problem.id.as_str());
                if problem.reason == Reason::Label && unknown {
                    problem.reason = Reason::UnknownId;
                    "the benchmark has no item with this id".clone_into(&mut problem.detail);
                }
                problems.push(problem.at_line(line));
            }
            Ok(row) if !seen.insert(row.id.clone()) => {
                let detail = "an earlier row has this id; the first one counts";
                problems.push(Problem::new(&row.id, Reason::DuplicateId, detail).at_line(line));
            }
            Ok(row) => rows.push(row),
        }
    }
    Ok(Predictions {
        rows,
        problems,
        layout,
    })
}

/// JSON objects with the line where each starts.
pub(crate) type Objects = Vec<(usize, Map<String, Value>)>;

/// The objects of a JSONL file, a JSON array, or a table's rows, with their lines.
fn objects(path: &Path) -> Result<(Objects, Vec<Problem>), ReadError> {
    let extension = path
        .extension()
        .map(|e| e.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    match extension.as_str() {
        "tsv" => Ok((table::rows(&text(path)?, '\t'), Vec::new())),
        "csv" => Ok((table::rows(&text(path)?, ','), Vec::new())),
        "xlsx" | "xls" | "pkl" => Err(ReadError::Spreadsheet {
            path: path.to_owned(),
        }),
        "json" if text(path)?.trim_start().starts_with('[') => array(path),
        _ => {
            let (values, bad) = jsonl::read_lenient::<Value>(path)?;
            let bad_lines: HashSet<usize> = bad.iter().map(|row| row.line).collect();
            let content = text(path).unwrap_or_default();
            let mut problems: Vec<Problem> = bad
                .into_iter()
                .map(|row| {
                    let line = content.lines().nth(row.line.saturating_sub(1));
                    let detail = with_hint(&row.detail, line.unwrap_or_default());
                    Problem::new(&row.id, Reason::NotARecord, &detail).at_line(row.line)
                })
                .collect();
            // The lines of the values that could be read are all the others that hold text.
            let lines = content
                .lines()
                .enumerate()
                .filter(|(at, line)| !line.trim().is_empty() && !bad_lines.contains(&(at + 1)));
            let lines = lines.map(|(at, _)| at + 1).chain(std::iter::repeat(0));
            Ok((only_objects(lines.zip(values), &mut problems), problems))
        }
    }
}

fn array(path: &Path) -> Result<(Objects, Vec<Problem>), ReadError> {
    let content = text(path)?;
    let values: Vec<Value> = match serde_json::from_str(&content) {
        Ok(values) => values,
        Err(error) => {
            let line = content.lines().nth(error.line().saturating_sub(1));
            let detail = with_hint(&error.to_string(), line.unwrap_or_default());
            let problem = Problem::new("", Reason::NotARecord, &detail).at_line(error.line());
            return Ok((Vec::new(), vec![problem]));
        }
    };
    let mut problems = Vec::new();
    let objects = only_objects((1..).zip(values), &mut problems);
    Ok((objects, problems))
}

/// What is wrong with a line, and how to mend what Python writes where a number is missing.
fn with_hint(detail: &str, line: &str) -> String {
    let word = ["NaN", "Infinity"]
        .into_iter()
        .find(|word| line.contains(word));
    match word {
        Some(word) if detail.starts_with("expected value") => {
            format!("{detail}; `{word}` is not JSON, write null where there is no answer")
        }
        _ => detail.to_owned(),
    }
}

fn only_objects(
    values: impl Iterator<Item = (usize, Value)>,
    problems: &mut Vec<Problem>,
) -> Objects {
    let mut objects = Vec::new();
    for (line, value) in values {
        match value {
            Value::Object(object) => objects.push((line, object)),
            _ => problems.push(
                Problem::new("", Reason::NotARecord, "a row must be a JSON object").at_line(line),
            ),
        }
    }
    objects
}

/// The rows of a table file with their lines; tabs separate where the file is named so.
pub(crate) fn table_rows(path: &Path) -> std::io::Result<Objects> {
    let separator = if path.extension().is_some_and(|e| e == "tsv") {
        '\t'
    } else {
        ','
    };
    Ok(table::rows(&whole(path)?, separator))
}

fn text(path: &Path) -> Result<String, ReadError> {
    whole(path).map_err(|source| ReadError::Io {
        path: path.to_owned(),
        source,
    })
}

fn whole(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::read(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
