//! What is wrong with a prediction.

use serde::{Deserialize, Serialize};

/// Why a row is listed: the fixed set of reading and scoring predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Not JSON, or keys are missing or have the wrong type; not scored.
    NotARecord,
    /// An earlier row has the same id; not scored.
    DuplicateId,
    /// The benchmark has no item with this id; not scored.
    UnknownId,
    /// The benchmark has this item and the file does not; not scored.
    MissingId,
    /// The label is missing or of the wrong kind for the task; not scored.
    Label,
    /// The options are missing, fewer than two or not texts; not scored.
    Options,
    /// There is no answer (null); scored 0.
    NoAnswer,
    /// A closed question's label is neither yes nor no: the reference can hardly ever score it; scored.
    ClosedLabel,
    /// The question has fewer than the four options that the published data has; scored.
    FewOptions,
    /// `answer_type` is missing and was taken from the label; scored.
    NoAnswerType,
    /// The picture is missing; the item can be scored if it was answered elsewhere.
    NoPicture,
}

corpus::words!(Reason {
    NotARecord = "not-a-record",
    DuplicateId = "duplicate-id",
    UnknownId = "unknown-id",
    MissingId = "missing-id",
    Label = "label",
    Options = "options",
    NoAnswer = "no-answer",
    ClosedLabel = "closed-label",
    FewOptions = "few-options",
    NoAnswerType = "no-answer-type",
    NoPicture = "no-picture",
});

impl Reason {
    /// Whether the row has a score nevertheless.
    pub fn is_scored(self) -> bool {
        matches!(
            self,
            Self::NoAnswer
                | Self::ClosedLabel
                | Self::FewOptions
                | Self::NoAnswerType
                | Self::NoPicture
        )
    }
}

/// A row that is left out or needs a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The row's id; empty where it has none.
    pub id: String,
    /// Where the row stands, counted from 1; 0 where that is not known.
    pub line: usize,
    /// Why.
    pub reason: Reason,
    /// What was found and what was expected, for a person.
    pub detail: String,
}

impl Problem {
    pub(crate) fn new(id: &str, reason: Reason, detail: &str) -> Self {
        Self {
            id: id.to_owned(),
            line: 0,
            reason,
            detail: detail.to_owned(),
        }
    }

    pub(crate) fn at_line(self, line: usize) -> Self {
        Self { line, ..self }
    }
}
