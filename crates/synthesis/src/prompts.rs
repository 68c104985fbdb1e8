//! Every text that a model is asked with, as versioned TOML files that a recipe may override key by key.
//!
//! The shipped files lie in `assets/prompts`. An override is one TOML text with a table for each file that it changes:
//!
//! ```
//! let prompts = synthesis::Prompts::with_overrides("[synthesizer]\nhint_precise = 'In few words.'")?;
//! assert_eq!(prompts.synthesizer.hint_precise, "In few words.");
//! assert!(prompts.synthesizer.version.starts_with("1+"));
//! # Ok::<(), synthesis::PromptError>(())
//! ```

mod check;
mod one_shot;
mod rubrics;
mod rules;
mod text_only;
mod with_picture;

use corpus::{Consistency, digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

pub use one_shot::OneShotPrompts;
pub use rubrics::{Classes, Rubric, RubricPrompts, YesNo};
pub use rules::{RuleFamily, RulePrompts};
pub use text_only::{Betraying, ReadingWords, TextOnlyExample, TextOnlyPrompts};
pub use with_picture::WithPicturePrompts;

const FILES: [(&str, &str); 10] = [
    (
        "synthesizer",
        include_str!("../../../assets/prompts/synthesizer.toml"),
    ),
    ("judge", include_str!("../../../assets/prompts/judge.toml")),
    (
        "extraction",
        include_str!("../../../assets/prompts/extraction.toml"),
    ),
    (
        "captioning",
        include_str!("../../../assets/prompts/captioning.toml"),
    ),
    (
        "joiners",
        include_str!("../../../assets/prompts/joiners.toml"),
    ),
    ("rules", include_str!("../../../assets/prompts/rules.toml")),
    (
        "text_only",
        include_str!("../../../assets/prompts/text_only.toml"),
    ),
    (
        "with_picture",
        include_str!("../../../assets/prompts/with_picture.toml"),
    ),
    (
        "rubrics",
        include_str!("../../../assets/prompts/rubrics.toml"),
    ),
    (
        "one_shot",
        include_str!("../../../assets/prompts/one_shot.toml"),
    ),
];

/// All prompts of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prompts {
    /// Tuning and asking the synthesizer.
    pub synthesizer: SynthesizerPrompts,
    /// The judge that writes a verdict.
    pub judge: JudgePrompts,
    /// The judge that answers from the informative answer.
    pub extraction: ExtractionPrompts,
    /// Requests of the caption task.
    pub captioning: CaptioningPrompts,
    /// How two answers become one.
    pub joiners: JoinerPrompts,
    /// The rule-made baseline.
    pub rules: RulePrompts,
    /// The baseline made by a language model.
    pub text_only: TextOnlyPrompts,
    /// The baseline made by a multimodal model.
    pub with_picture: WithPicturePrompts,
    /// Data quality.
    pub rubrics: RubricPrompts,
    /// The maker that asks a multimodal model once.
    pub one_shot: OneShotPrompts,
}

/// Texts of the synthesizer's conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynthesizerPrompts {
    /// Kept with every triplet.
    pub version: String,
    /// The system message; none if empty.
    pub system: String,
    /// What the caption answers.
    pub caption_request: String,
    /// Stands in the caption's place where the caption is not shown.
    pub without_caption: String,
    /// The line before an instruction that wants a short answer.
    pub hint_precise: String,
    /// The line before an instruction that wants a long answer.
    pub hint_informative: String,
}

/// Texts of the judge that writes yes, no or open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgePrompts {
    /// Kept with every verdict.
    pub version: String,
    /// The task.
    pub statement: String,
    /// What yes means.
    pub yes: String,
    /// What no means.
    pub no: String,
    /// What open means.
    pub open: String,
    /// What stands before each part of an item.
    pub labels: JudgeLabels,
    /// The request of a judge that is tuned for the task.
    pub tuned: TunedJudgePrompt,
    /// Worked examples.
    pub examples: Vec<JudgeExample>,
}

/// What stands before each part of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeLabels {
    /// Before the instruction.
    pub instruction: String,
    /// Before the informative answer.
    pub informative: String,
    /// Before the precise answer.
    pub precise: String,
    /// Before the verdict.
    pub verdict: String,
}

/// The request of a judge that is tuned for the task and needs no examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunedJudgePrompt {
    /// Places: `{instruction}`, `{informative}`, `{precise}`.
    pub request: String,
}

/// A worked example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeExample {
    /// The question.
    pub instruction: String,
    /// The long answer.
    pub informative: String,
    /// The short answer.
    pub precise: String,
    /// What the judge should say.
    pub verdict: Consistency,
}

/// Text of the judge that answers from the informative answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractionPrompts {
    /// Kept with every verdict.
    pub version: String,
    /// Places: `{text}` and `{instruction}`.
    pub request: String,
}

/// Requests of the caption task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptioningPrompts {
    /// Kept with every sample.
    pub version: String,
    /// The system message of post-training; none if empty.
    pub system: String,
    /// One is drawn for each pair without a request of its own.
    pub requests: Vec<String>,
}

/// How two answers become one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinerPrompts {
    /// Kept with every sample.
    pub version: String,
    /// Words that say that an answer already concludes.
    pub indicators: Vec<String>,
    /// The paper's form of the answer.
    pub paper: String,
    /// Templates around one `{response}`.
    pub plain: Vec<JoinTemplate>,
    /// Templates around `{informative}` and `{precise}`.
    pub reasoned: Vec<JoinTemplate>,
}

/// A turn of the user and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinTemplate {
    /// Place: `{instruction}`.
    pub user: String,
    /// Places: `{response}`, or `{informative}` and `{precise}`.
    pub assistant: String,
}

/// Why overrides cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Not TOML.
    #[error("the prompts are not valid TOML: {0}")]
    Syntax(String),
    /// A table that names no prompt file.
    #[error("unknown prompts `{found}`; expected one of {known}")]
    UnknownFile {
        /// What was given.
        found: String,
        /// What there is.
        known: String,
    },
    /// A key that is missing, unknown or of the wrong type.
    #[error("prompts `{file}`: {problem}")]
    Key {
        /// The table.
        file: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A text that cannot work.
    #[error("prompt `{key}` {problem}")]
    Text {
        /// Table and key.
        key: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

impl Default for Prompts {
    fn default() -> Self {
        Self::with_overrides("").expect("the shipped prompts are tested")
    }
}

impl Prompts {
    /// The shipped prompts with the keys of a TOML text in place of their own.
    ///
    /// A changed table without a `version` of its own gets the shipped version, `+` and a digest of the change.
    pub fn with_overrides(text: &str) -> Result<Self, PromptError> {
        let mut changes: Table = text
            .parse()
            .map_err(|e: toml::de::Error| PromptError::Syntax(e.to_string()))?;
        let prompts = Self {
            synthesizer: read(0, &mut changes)?,
            judge: read(1, &mut changes)?,
            extraction: read(2, &mut changes)?,
            captioning: read(3, &mut changes)?,
            joiners: read(4, &mut changes)?,
            rules: read(5, &mut changes)?,
            text_only: read(6, &mut changes)?,
            with_picture: read(7, &mut changes)?,
            rubrics: read(8, &mut changes)?,
            one_shot: read(9, &mut changes)?,
        };
        if let Some(found) = changes.keys().next() {
            let known = FILES.map(|(name, _)| format!("`{name}`")).join(", ");
            return Err(PromptError::UnknownFile {
                found: found.clone(),
                known,
            });
        }
        prompts.check()?;
        Ok(prompts)
    }

    /// Name and version of each file, for manifests.
    pub fn versions(&self) -> [(&'static str, &str); 10] {
        let versions = [
            &self.synthesizer.version,
            &self.judge.version,
            &self.extraction.version,
            &self.captioning.version,
            &self.joiners.version,
            &self.rules.version,
            &self.text_only.version,
            &self.with_picture.version,
            &self.rubrics.version,
            &self.one_shot.version,
        ];
        std::array::from_fn(|i| (FILES[i].0, versions[i].as_str()))
    }
}

/// A shipped file with the changes of its table, which is taken out of `changes`.
fn read<T: DeserializeOwned>(file: usize, changes: &mut Table) -> Result<T, PromptError> {
    let (name, shipped) = FILES[file];
    let mut table: Table = shipped
        .parse()
        .map_err(|e: toml::de::Error| PromptError::Syntax(e.to_string()))?;
    match changes.remove(name) {
        None => {}
        Some(Value::Table(change)) => {
            let shipped_version = table
                .get("version")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let digest = digest::bytes(change.to_string().as_bytes());
            let version = format!("{shipped_version}+{}", &digest[..8]);
            table.insert("version".to_owned(), Value::String(version));
            merge(&mut table, change);
        }
        Some(_) => {
            let problem = "is not a table; write `[name]` and keys under it".to_owned();
            return Err(PromptError::Key {
                file: name,
                problem,
            });
        }
    }
    table
        .try_into()
        .map_err(|e: toml::de::Error| PromptError::Key {
            file: name,
            problem: e.message().to_owned(),
        })
}

fn merge(table: &mut Table, change: Table) {
    for (key, value) in change {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(change)) => merge(inner, change),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
