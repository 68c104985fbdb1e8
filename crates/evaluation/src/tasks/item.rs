//! One question of a benchmark, and what is asked of a model.

use std::path::PathBuf;

use corpus::{Completion, IMAGE_MARK, Label, Open, Prediction, Request, Role, Turn};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::spec::Spec;

/// An item that cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// The prompt needs a question.
    #[error("item `{id}` has no question; give it as `question` or `input`")]
    NoQuestion {
        /// The item.
        id: String,
    },
    /// The prompt needs options.
    #[error("item `{id}` has no options; give them as `choices` or as keys `A`, `B`, …")]
    NoChoices {
        /// The item.
        id: String,
    },
    /// The prompt needs the task's names.
    #[error("task `{task}` lists its names in the prompt, but it has none; give a vocabulary file")]
    NoNames {
        /// The task.
        task: String,
    },
}

impl ItemError {
    /// The kind of what is wrong, whichever item it is about.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoQuestion { .. } => "no-question",
            Self::NoChoices { .. } => "no-choices",
            Self::NoNames { .. } => "no-names",
        }
    }
}

/// One question of a benchmark with its label: a line of a task's JSONL file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Unique within the task.
    pub id: String,
    /// The pictures; one may be given as `image`.
    #[serde(default, alias = "image", deserialize_with = "one_or_many")]
    pub images: Vec<PathBuf>,
    /// What is asked.
    #[serde(default, alias = "input", skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The truth.
    #[serde(alias = "answer")]
    pub label: Label,
    /// `OPEN` or `CLOSED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_type: Option<String>,
    /// Option letter to option text; a list of texts has the letters A, B, C ….
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lettered"
    )]
    pub choices: Option<Map<String, Value>>,
    /// What intervals resample; the first picture by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Position in the published order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// Every other key.
    #[serde(flatten)]
    pub meta: Map<String, Value>,
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Images {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Ok(match Images::deserialize(from)? {
        Images::One(image) => vec![image],
        Images::Many(images) => images,
    })
}

fn lettered<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Options {
        Texts(Vec<Value>),
        Lettered(Map<String, Value>),
    }
    let found: Option<Options> = Deserialize::deserialize(from)?;
    Ok(match found {
        Some(Options::Texts(texts)) if texts.is_empty() => None,
        Some(Options::Texts(texts)) => Some(('A'..='Z').map(String::from).zip(texts).collect()),
        Some(Options::Lettered(options)) => Some(options),
        None => None,
    })
}

impl Item {
    /// A question about pictures with its answer.
    ///
    /// ```
    /// let item = evaluation::tasks::Item::new("1", vec!["stew.png".into()], "What is it?", "A stew.");
    /// assert_eq!(item.answered(None).cluster.as_deref(), Some("stew.png"));
    /// ```
    pub fn new(
        id: impl Into<String>,
        images: Vec<PathBuf>,
        question: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            images,
            question: Some(question.into()),
            label: Label::Text(label.into()),
            answer_type: None,
            choices: None,
            cluster: None,
            index: None,
            meta: Map::new(),
        }
    }

    /// The options: `choices`, or the keys `A`, `B`, … of the item as the packaged data has them.
    pub fn options(&self) -> Option<Map<String, Value>> {
        if self.choices.is_some() {
            return self.choices.clone();
        }
        let letters = ('A'..='Z')
            .map(String::from)
            .map_while(|letter| self.meta.get(&letter).map(|text| (letter, text.clone())));
        Some(letters.collect::<Map<_, _>>()).filter(|options| options.len() > 1)
    }

    /// What the model is asked, without the pictures' marks.
    ///
    /// `{question}` is the item's question, `{choices}` a line `(A) text` for each option, `{names}` the task's names
    /// with commas. A mark `<image>` in the data is taken out: the pictures come first, and what was typed is text.
    pub fn prompt(&self, task: &Spec) -> Result<String, ItemError> {
        let mut prompt = task.prompt.clone();
        // Names first, the question last, so that nothing in the data is taken for a place to fill.
        if prompt.contains("{names}") {
            if task.names.is_empty() {
                return Err(ItemError::NoNames {
                    task: task.id.clone(),
                });
            }
            prompt = prompt.replace("{names}", &task.names.join(", "));
        }
        let mut parts = Vec::new();
        let mut rest = prompt.as_str();
        while let Some(at) = rest
            .find("{question}")
            .into_iter()
            .chain(rest.find("{choices}"))
            .min()
        {
            parts.push(rest[..at].to_owned());
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("{question}") {
                parts.push(self.question.clone().ok_or_else(|| ItemError::NoQuestion {
                    id: self.id.clone(),
                })?);
                rest = after;
            } else {
                parts.push(self.choice_lines()?);
                rest = &rest["{choices}".len()..];
            }
        }
        parts.push(rest.to_owned());
        Ok(parts.concat().replace(IMAGE_MARK, "").trim().to_owned())
    }

    fn choice_lines(&self) -> Result<String, ItemError> {
        let lines: Vec<String> = self
            .choices()?
            .iter()
            .map(|(letter, text)| format!("({letter}) {text}"))
            .collect();
        Ok(lines.join("\n"))
    }

    /// The turn with the pictures and the prompt.
    fn turn(&self, task: &Spec) -> Result<Turn, ItemError> {
        let marks = vec![IMAGE_MARK; self.images.len()].join("\n");
        let between = if self.images.is_empty() { "" } else { "\n" };
        Ok(Turn::new(
            Role::User,
            format!("{marks}{between}{}", self.prompt(task)?),
        )
        .with_marks())
    }

    /// The request for an answer.
    ///
    /// ```
    /// let task = evaluation::tasks::find("pmc-vqa").expect("built in");
    /// let line = r#"{"id":"7","image":"x.png","input":"Which?","label":"A","A":"CT","B":"MRI"}"#;
    /// let item: evaluation::tasks::Item = serde_json::from_str(line).expect("an item");
    /// let request = item.request(&task).expect("complete");
    /// assert!(request.turns[0].text.ends_with("(A) CT\n(B) MRI"));
    /// ```
    pub fn request(&self, task: &Spec) -> Result<Request, ItemError> {
        Ok(Request {
            id: self.id.clone(),
            images: self.images.clone(),
            turns: vec![self.turn(task)?],
            open: Open::Assistant,
            prompt: None,
            decoding: task.decoding.clone(),
        })
    }

    /// Letters and texts of the options.
    pub fn choices(&self) -> Result<Vec<(String, String)>, ItemError> {
        let options = self.options().ok_or_else(|| ItemError::NoChoices {
            id: self.id.clone(),
        })?;
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let choices = options.into_iter();
        Ok(choices
            .map(|(letter, value)| (letter, text(value)))
            .collect())
    }

    /// The record of what a generator wrote: an answer that failed is null, and `finish_reason` is kept beside it.
    pub fn completed(&self, completion: &Completion) -> Prediction {
        let failed = completion.error.is_some();
        let text = (!failed).then(|| completion.text.trim().to_owned());
        let mut prediction = self.answered(text);
        let reason = completion.finish_reason.as_str();
        let meta = &mut prediction.meta;
        meta.insert("finish_reason".to_owned(), reason.into());
        prediction
    }

    /// The record of an answer.
    pub fn answered(&self, prediction: Option<String>) -> Prediction {
        let image = self
            .images
            .first()
            .map(|path| path.to_string_lossy().into_owned());
        let mut meta = self.meta.clone();
        if let Some(question) = &self.question {
            meta.entry("question")
                .or_insert_with(|| question.clone().into());
        }
        if let Some(image) = &image {
            meta.entry("image").or_insert_with(|| image.clone().into());
        }
        Prediction {
            id: self.id.clone(),
            prediction,
            label: self.label.clone(),
            answer_type: self.answer_type.clone(),
            choices: self.options(),
            cluster: self.cluster.clone().or(image),
            index: self.index,
            score: None,
            unreadable: None,
            meta,
        }
    }
}

impl Spec {
    /// The request for an answer to each item; see [`Item::request`].
    pub fn requests(&self, items: &[Item]) -> Result<Vec<Request>, ItemError> {
        items.iter().map(|item| item.request(self)).collect()
    }
}

/// The option with the smallest loss a token, of those in nats in the order of the options. The first of equals; `None`
/// if none is a number.
///
/// A loss a token keeps long options from losing for their length alone.
pub fn most_likely(losses_per_token: impl IntoIterator<Item = f64>) -> Option<usize> {
    losses_per_token
        .into_iter()
        .enumerate()
        .filter(|(_, loss)| loss.is_finite())
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(option, _)| option)
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    fn item(line: &str) -> Item {
        serde_json::from_str(line).expect("an item")
    }

    #[test]
    fn asks_with_the_pictures_first() {
        let task = find("slake").expect("built in");
        let item = item(
            r#"{"id":"1","images":["a.png","b.png"],"question":"<image>\nWhat {names}?","label":"x"}"#,
        );
        let request = item.request(&task).expect("complete");
        assert_eq!(request.turns[0].text, "<image>\n<image>\nWhat {names}?");
        assert!(request.turns[0].marks);
        assert_eq!(request.decoding.max_new_tokens, 1024);
    }

    #[test]
    fn says_what_is_missing() {
        let message = |task: &str, line: &str| {
            item(line)
                .request(&find(task).expect("built in"))
                .expect_err("bad")
                .to_string()
        };
        let bare = r#"{"id":"1","image":"a.png","label":"x"}"#;
        assert!(message("slake", bare).contains("item `1` has no question"));
        assert!(message("foodseg103", bare).contains("task `foodseg103` lists its names"));
        let asked = r#"{"id":"1","image":"a.png","question":"q","label":"x"}"#;
        assert!(message("pmc-vqa", asked).contains("item `1` has no options"));
    }

    #[test]
    fn options_can_be_ranked_by_likelihood() {
        let item = item(
            r#"{"id":"1","image":"a.png","question":"q","label":"B","choices":{"A":"CT","B":12}}"#,
        );
        let choices = item.choices().expect("complete");
        let pair = |letter: &str, text: &str| (letter.to_owned(), text.to_owned());
        assert_eq!(choices, [pair("A", "CT"), pair("B", "12")]);
        assert_eq!(most_likely([3.0, f64::NAN, 2.0, 2.0]), Some(2));
        assert_eq!(most_likely([f64::NAN]), None);
    }

    #[test]
    fn a_completion_that_failed_is_no_answer() {
        let item = Item::new("1", vec!["a.png".into()], "What is it?", "A stew.");
        let completed = |reason: &str, error: Option<&str>| {
            let completion = serde_json::json!({
                "id": "1", "text": " A stew. ", "finish_reason": reason, "error": error,
                "prompt_tokens": 9, "completion_tokens": 3,
            });
            item.completed(&serde_json::from_value(completion).expect("a completion"))
        };
        let written = completed("length", None);
        assert_eq!(written.prediction.as_deref(), Some("A stew."));
        assert_eq!(written.meta["finish_reason"], "length");
        let failed = completed("error", Some("no such picture"));
        assert_eq!(failed.prediction, None);
        assert_eq!(failed.meta["finish_reason"], "error");
    }

    #[test]
    fn an_answer_is_resampled_with_its_picture() {
        let item = item(r#"{"id":"1","image":"a.png","question":"q","label":"B"}"#);
        assert_eq!(item.answered(None).cluster.as_deref(), Some("a.png"));
    }
}
