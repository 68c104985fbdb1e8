//! What a benchmark is: all that is needed to ask, to score and to print it in a table.

use corpus::Decoding;
use serde::{Deserialize, Serialize};

/// How the answers of a task are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scoring {
    /// Open questions by recall and closed ones by accuracy, as `answer_type` says.
    Vqa,
    /// One of the options of the item.
    Choice,
    /// One class of the task's list.
    Class,
    /// Any number of names of the task's list.
    List,
    /// A free text against one or several labels.
    Text,
    /// Yes or no, a number or a phrase, as the label says.
    Short,
    /// The whole answer after normalisation.
    Exact,
}

/// The number that stands in a task's column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of the label that was found.
    Recall,
    /// Share of closed questions that were answered rightly.
    ClosedAccuracy,
    /// Share of items that were answered rightly.
    Accuracy,
    /// F-measure of the longest common subsequence.
    RougeL,
    /// Harmonic mean of precision and recall.
    F1,
}

impl Metric {
    /// The name in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::ClosedAccuracy => "closed accuracy",
            Self::Accuracy => "accuracy",
            Self::RougeL => "ROUGE-L",
            Self::F1 => "F1",
        }
    }

    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::ClosedAccuracy => "closed_accuracy",
            Self::Accuracy => "accuracy",
            Self::RougeL => "rouge_l",
            Self::F1 => "f1",
        }
    }
}

impl Scoring {
    /// The metrics that this way of scoring can put into the table.
    pub fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Vqa => &[Metric::Recall, Metric::ClosedAccuracy],
            Self::Choice | Self::Class | Self::Short | Self::Exact => &[Metric::Accuracy],
            Self::List => &[Metric::Recall, Metric::F1],
            Self::Text => &[Metric::RougeL],
        }
    }
}

/// How many items a published split has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Which items: `open`, `closed`, `test`.
    pub name: String,
    /// How many.
    pub items: usize,
    /// Another publication's split of the same data, counted apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spec {
    /// The name in commands and files.
    pub id: String,
    /// The name in tables.
    pub title: String,
    /// The domain whose average the task belongs to.
    pub domain: String,
    /// How answers are scored.
    pub scoring: Scoring,
    /// The columns of the table.
    pub metrics: Vec<Metric>,
    /// What is asked, with `{question}`, `{choices}` and `{names}` filled in.
    pub prompt: String,
    /// How the answer is generated.
    pub decoding: Decoding,
    /// Classes, ingredients or categories in their published order; empty where they come with the data.
    pub names: Vec<String>,
    /// Names of the published list that are no answers, such as `background`.
    pub ignored: Vec<String>,
    /// The published sizes.
    pub splits: Vec<Split>,
    /// Whether the method's authors published a scorer for it, which the `reference` scorer reproduces.
    pub reference: bool,
    /// Raised whenever prompt or scoring change, so that scores of different versions are not compared.
    pub version: u32,
    /// Where the data comes from and how it was split.
    pub source: String,
}

impl Spec {
    /// How many items the published test set has, without other variants.
    pub fn published(&self) -> usize {
        self.splits
            .iter()
            .filter(|split| split.variant.is_none())
            .map(|split| split.items)
            .sum()
    }

    /// A sentence if so many items are not a published test set.
    pub fn count_warning(&self, found: usize) -> Option<String> {
        let published = self.published();
        if published == 0 || published == found {
            return None;
        }
        let id = &self.id;
        Some(format!(
            "`{id}` has {found} items here and {published} in the published test set; scores are not comparable"
        ))
    }

    /// A sentence if so many open and closed questions are not the published test set; it tells another known split by
    /// name. Tasks without such questions are told by their number of items.
    pub fn split_warning(&self, open: usize, closed: usize) -> Option<String> {
        let counts = |variant: Option<&str>, name: &str| {
            let mut splits = self.splits.iter();
            let split =
                splits.find(|split| split.variant.as_deref() == variant && split.name == name);
            split.map(|split| split.items)
        };
        let found = (Some(open), Some(closed));
        let published = (counts(None, "open"), counts(None, "closed"));
        if published == found || published.0.is_none() {
            return self.count_warning(open + closed);
        }
        let id = &self.id;
        let variants = self
            .splits
            .iter()
            .filter_map(|split| split.variant.as_deref());
        for variant in variants {
            if (
                counts(Some(variant), "open"),
                counts(Some(variant), "closed"),
            ) == found
            {
                return Some(format!(
                    "`{id}` is in the split of {variant}, not in the one of the paper; scores are not comparable"
                ));
            }
        }
        Some(format!(
            "`{id}` has {open} open and {closed} closed questions here, {} and {} in the published test set; scores are \
             not comparable",
            published.0.unwrap_or_default(),
            published.1.unwrap_or_default()
        ))
    }

    /// The columns' table heads, such as `SLAKE open`.
    pub fn column_titles(&self) -> Vec<String> {
        let title = |metric: &Metric| match (self.scoring, metric) {
            (Scoring::Vqa, Metric::ClosedAccuracy) => format!("{} closed", self.title),
            (Scoring::Vqa, _) => format!("{} open", self.title),
            _ => self.title.clone(),
        };
        self.metrics.iter().map(title).collect()
    }
}

/// A built-in task before its strings are owned.
pub(super) struct BuiltIn<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub domain: &'a str,
    pub scoring: Scoring,
    pub metrics: &'a [Metric],
    pub prompt: &'a str,
    pub max_new_tokens: usize,
    pub names: &'a [&'a str],
    pub ignored: &'a [&'a str],
    pub splits: &'a [(&'a str, usize, Option<&'a str>)],
    pub reference: bool,
    pub version: u32,
    pub source: &'a str,
}

impl From<BuiltIn<'_>> for Spec {
    fn from(task: BuiltIn<'_>) -> Self {
        let split = |&(name, items, variant): &(&str, usize, Option<&str>)| Split {
            name: name.to_owned(),
            items,
            variant: variant.map(str::to_owned),
        };
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            id: task.id.to_owned(),
            title: task.title.to_owned(),
            domain: task.domain.to_owned(),
            scoring: task.scoring,
            metrics: task.metrics.to_vec(),
            prompt: task.prompt.to_owned(),
            decoding: Decoding {
                max_new_tokens: task.max_new_tokens,
                ..Decoding::default()
            },
            names: owned(task.names),
            ignored: owned(task.ignored),
            splits: task.splits.iter().map(split).collect(),
            reference: task.reference,
            version: task.version,
            source: task.source.to_owned(),
        }
    }
}
