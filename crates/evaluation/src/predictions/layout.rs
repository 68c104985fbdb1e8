//! Where the layouts keep id, answer and label.

use std::path::Path;

use corpus::{Label, Prediction};
use serde_json::{Map, Value};

use super::error::ReadError;
use super::problem::{Problem, Reason};
use crate::tasks::Item;

/// How a file of predictions is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Our own prediction records.
    Own,
    /// The output files of the method's published code: `syn_id`, `input`, `pred`, `label`.
    Reference,
    /// Sample logs of lmms-eval: `doc_id`, `filtered_resps`, `target`.
    LmmsEval,
    /// A table, such as VLMEvalKit's.
    Table(Columns),
}

/// Which column of a table is what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The item.
    pub id: String,
    /// What the model wrote.
    pub prediction: String,
    /// The truth.
    pub label: String,
    /// `OPEN` or `CLOSED`.
    pub answer_type: Option<String>,
    /// What intervals resample.
    pub cluster: Option<String>,
}

impl Default for Columns {
    /// VLMEvalKit's: `index`, `prediction`, `answer`, options in columns `A`, `B`, …
    fn default() -> Self {
        Self {
            id: "index".to_owned(),
            prediction: "prediction".to_owned(),
            label: "answer".to_owned(),
            answer_type: Some("answer_type".to_owned()),
            cluster: Some("image_path".to_owned()),
        }
    }
}

impl Columns {
    /// Columns from pairs such as `prediction=response`; what is not named stays as in VLMEvalKit.
    ///
    /// ```
    /// let columns = evaluation::predictions::Columns::parse("id=qid,label=truth").expect("known names");
    /// assert_eq!((columns.id.as_str(), columns.prediction.as_str()), ("qid", "prediction"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut columns = Self::default();
        for pair in text
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            let (what, column) = pair
                .split_once('=')
                .ok_or_else(|| format!("`{pair}` is not `what=column`"))?;
            let column = column.trim().to_owned();
            match what.trim() {
                "id" => columns.id = column,
                "prediction" => columns.prediction = column,
                "label" => columns.label = column,
                "answer_type" => columns.answer_type = Some(column),
                "cluster" => columns.cluster = Some(column),
                what => {
                    return Err(format!(
                        "`{what}` is none of `id`, `prediction`, `label`, `answer_type` and `cluster`"
                    ));
                }
            }
        }
        Ok(columns)
    }

    pub(super) fn check(&self, path: &Path, row: &Map<String, Value>) -> Result<(), ReadError> {
        let missing = [&self.id, &self.prediction, &self.label]
            .into_iter()
            .find(|column| !row.contains_key(*column));
        match missing {
            None => Ok(()),
            Some(column) => Err(ReadError::NoColumn {
                path: path.to_owned(),
                column: column.clone(),
                found: row
                    .keys()
                    .map(|key| format!("`{key}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }
}

impl Layout {
    /// The layout of a file, by its name and its first row.
    pub(super) fn of(path: &Path, row: Option<&Map<String, Value>>) -> Self {
        let has =
            |keys: &[&str]| row.is_some_and(|row| keys.iter().all(|key| row.contains_key(*key)));
        let is_table = path.extension().is_some_and(|e| e == "tsv" || e == "csv");
        if has(&["syn_id", "pred"]) {
            Self::Reference
        } else if has(&["doc_id", "filtered_resps"]) || has(&["doc_id", "resps"]) {
            Self::LmmsEval
        } else if is_table || (has(&["index", "answer", "prediction"]) && !has(&["label"])) {
            Self::Table(Columns::default())
        } else {
            Self::Own
        }
    }

    /// A row as a prediction; `at` is its position in the file, from 0. What the row does not say is taken from the
    /// benchmark's item, where there is one.
    pub(super) fn record<'a>(
        &self,
        mut row: Map<String, Value>,
        at: usize,
        item: impl Fn(&str) -> Option<&'a Item>,
    ) -> Result<Prediction, Problem> {
        let mut taken = |key: &str| row.remove(key).filter(|value| !value.is_null());
        let (id, answer, label, answer_type, cluster, index);
        match self {
            Self::Own => {
                id = taken("id");
                // A completion has its answer as `text`.
                let (own, completed) = (taken("prediction"), taken("text"));
                answer = own.or(completed);
                label = taken("label");
                answer_type = taken("answer_type");
                cluster = taken("cluster");
                index = taken("index");
            }
            Self::Reference => {
                id = taken("syn_id");
                answer = taken("pred");
                label = taken("label");
                answer_type = taken("answer_type");
                cluster = None;
                index = id.clone();
            }
            Self::LmmsEval => {
                id = taken("doc_id");
                let (filtered, raw) = (taken("filtered_resps"), taken("resps"));
                answer = filtered.or(raw).map(innermost);
                label = taken("target");
                index = id.clone();
                let document = taken("doc");
                let within = |key: &str| document.as_ref().and_then(|doc| doc.get(key)).cloned();
                // Newer logs leave out the document, but the task's own record of the sample may tell.
                let told = row
                    .values()
                    .find_map(|value| value.get("answer_type"))
                    .cloned();
                answer_type = within("answer_type").or(told);
                cluster = ["image_id", "img_id", "img_name", "image_path"]
                    .into_iter()
                    .find_map(within);
            }
            Self::Table(columns) => {
                id = taken(&columns.id);
                answer = taken(&columns.prediction);
                label = taken(&columns.label);
                answer_type = columns.answer_type.as_deref().and_then(&mut taken);
                cluster = columns.cluster.as_deref().and_then(&mut taken);
                index = None;
            }
        }
        let id = id
            .and_then(plain)
            .ok_or_else(|| Problem::new("", Reason::NotARecord, "the row has no id"))?;
        let wrong = |detail: String| Problem::new(&id, Reason::NotARecord, &detail);
        let item = item(&id);
        let no_label = |detail| Problem::new(&id, Reason::Label, detail);
        let label = match (label, item) {
            (Some(label), _) => label_of(label)
                .ok_or_else(|| no_label("a label must be a text or a list of texts"))?,
            (None, Some(item)) => item.label.clone(),
            (None, None) => return Err(no_label("the row has no label")),
        };
        let prediction =
            match answer {
                None => None,
                Some(answer) => {
                    let shown = answer.to_string();
                    Some(plain(answer).ok_or_else(|| {
                        wrong(format!("an answer must be a text, not {shown:.60}"))
                    })?)
                }
            };
        let choices = options(&mut row);
        let index = index
            .as_ref()
            .and_then(Value::as_u64)
            .map(|index| index as usize);
        let image = ["image", "image_path", "img_name"]
            .iter()
            .find_map(|key| row.get(*key)?.as_str())
            .map(str::to_owned);
        let known = item.map(|item| item.answered(None));
        let (answer_known, choices_known, cluster_known, index_known, meta_known) = match known {
            Some(known) => (
                known.answer_type,
                known.choices,
                known.cluster,
                known.index,
                known.meta,
            ),
            None => (None, None, None, None, Map::new()),
        };
        for (key, value) in meta_known {
            row.entry(key).or_insert(value);
        }
        Ok(Prediction {
            id,
            prediction,
            label,
            answer_type: answer_type
                .and_then(plain)
                .map(|text| text.trim().to_uppercase())
                .or(answer_known),
            choices: choices.or(choices_known),
            cluster: cluster.and_then(plain).or(cluster_known).or(image),
            index: index.or(index_known).or(Some(at)),
            score: None,
            unreadable: None,
            meta: row,
        })
    }
}

/// A text or a number as text; nothing else.
fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn label_of(value: Value) -> Option<Label> {
    match value {
        Value::Array(values) => values
            .into_iter()
            .map(plain)
            .collect::<Option<_>>()
            .map(Label::List),
        value => plain(value).map(Label::Text),
    }
}

/// The first text inside lists of lists.
fn innermost(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().next().map_or(Value::Null, innermost),
        value => value,
    }
}

/// `choices`, or the columns `A`, `B`, …
fn options(row: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    match row.remove("choices") {
        Some(Value::Object(choices)) => return Some(choices),
        Some(Value::Array(texts)) => {
            return Some(('A'..='Z').map(String::from).zip(texts).collect());
        }
        _ => {}
    }
    let letters: Vec<String> = ('A'..='Z')
        .map(String::from)
        .take_while(|letter| row.get(letter).is_some_and(|text| !text.is_null()))
        .collect();
    let options: Map<String, Value> = letters
        .into_iter()
        .filter_map(|letter| {
            row.remove(&letter)
                .and_then(plain)
                .map(|text| (letter, text.into()))
        })
        .collect();
    (!options.is_empty()).then_some(options)
}
