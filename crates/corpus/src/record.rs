//! The records that flow between stages, one JSON object a line.
//!
//! Every file of a run folder is JSONL of one of these types. Image paths are relative to the folder of the file
//! that names them (or to the image root of the recipe), or absolute. `<image>` in a turn marks where an image goes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An image-caption pair: the only thing that a domain has to bring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Unique within the data set.
    pub id: String,
    /// Usually one picture.
    pub images: Vec<PathBuf>,
    /// What the picture shows, in the words of the domain.
    pub caption: String,
    /// The request that the caption answers; drawn from a pool when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Patient, study, recipe: splits never cut a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where the pair comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Every other key of the record.
    #[serde(flatten)]
    pub meta: Map<String, Value>,
}

/// Seed data of the synthesizer: a pair with human-checked tasks (paper, appendix B).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    /// Unique within the data set.
    pub id: String,
    /// Usually one picture.
    pub images: Vec<PathBuf>,
    /// What the picture shows.
    pub caption: String,
    /// Name of the source task, for splits per task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The instructions with both answers.
    pub tasks: Vec<SeedTask>,
}

/// One instruction with its informative and its precise response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedTask {
    /// The question or request.
    pub instruction: String,
    /// A long answer that explains.
    pub informative: String,
    /// A short answer.
    pub precise: String,
}

/// Who speaks in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The system message.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

crate::words!(Role {
    System = "system",
    User = "user",
    Assistant = "assistant",
});

/// The place of a picture in the text of a turn.
pub const IMAGE_MARK: &str = "<image>";

/// So many image marks, each on a line of its own: what stands before a request about as many pictures.
///
/// ```
/// assert_eq!(corpus::image_marks(2) + "Compare.", "<image>\n<image>\nCompare.");
/// ```
pub fn image_marks(count: usize) -> String {
    format!("{IMAGE_MARK}\n").repeat(count)
}

/// The control tokens that a chat template writes around turns, as text: what a generation with its special tokens
/// kept is split at. White space around each does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnMarkers {
    /// Ends every turn, such as `<|eot_id|>`.
    pub end_of_turn: String,
    /// Opens a user turn, such as `<|start_header_id|>user<|end_header_id|>\n\n`.
    pub user_header: String,
    /// Opens an assistant turn.
    pub assistant_header: String,
    /// Ends a synthesizer sample, such as `<|end_of_text|>`.
    pub end_of_text: String,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said. Image marks count only when `marks` is true.
    pub text: String,
    /// Whether the text and its end-of-turn token carry loss.
    #[serde(default)]
    pub learn: bool,
    /// Whether `<image>` in `text` is a place for an image (a request that we or the user's data wrote) or ordinary
    /// text (a caption, a generation, anything that a third party typed).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub marks: bool,
}

impl Turn {
    /// A turn without loss whose text is ordinary text.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self {
            role,
            text: text.into(),
            learn: false,
            marks: false,
        }
    }

    /// The same turn with loss on its text and end-of-turn token.
    #[must_use]
    pub fn learned(self) -> Self {
        Self {
            learn: true,
            ..self
        }
    }

    /// The same turn with its `<image>` marks taken as places for images.
    #[must_use]
    pub fn with_marks(self) -> Self {
        Self {
            marks: true,
            ..self
        }
    }
}

/// The turn that asks for something about so many pictures, which come first. A mark in the text is taken out.
fn asking(images: &[PathBuf], text: &str) -> Turn {
    let text = text.replace(IMAGE_MARK, "");
    let marks = image_marks(images.len());
    Turn::new(Role::User, marks + text.trim()).with_marks()
}

/// A training sample: a conversation that says itself which turns are learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Unique within the file.
    pub id: String,
    /// One for each image mark of the turns, in order.
    #[serde(default)]
    pub images: Vec<PathBuf>,
    /// The conversation.
    pub turns: Vec<Turn>,
    /// Whether one learned end-of-text token is appended.
    #[serde(default)]
    pub end: bool,
    /// Where the sample comes from (`pair`, `triplet`, source data set ...).
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub origin: Value,
}

impl Sample {
    /// A request about pictures, and the answer that is learned.
    ///
    /// ```
    /// let sample = corpus::Sample::exchange("1", vec!["stew.png".into()], "What is it?", "A stew.");
    /// assert_eq!(sample.turns[0].text, "<image>\nWhat is it?");
    /// assert!(!sample.turns[0].learn && sample.turns[1].learn);
    /// ```
    pub fn exchange(
        id: impl Into<String>,
        images: Vec<PathBuf>,
        request: &str,
        answer: &str,
    ) -> Self {
        Self {
            id: id.into(),
            turns: vec![
                asking(&images, request),
                Turn::new(Role::Assistant, answer).learned(),
            ],
            images,
            end: false,
            origin: Value::Null,
        }
    }
}

/// A synthesized instruction with both answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Triplet {
    /// Unique within the file.
    pub id: String,
    /// Id of the image-caption pair.
    pub pair: String,
    /// The question or request.
    pub instruction: String,
    /// The long answer.
    pub informative: String,
    /// The short answer.
    pub precise: String,
    /// Synthesizer, prompt version and raw generation.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub origin: Value,
}

/// What the judge said of a triplet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// The precise answer follows from the informative one.
    Yes,
    /// It does not.
    No,
    /// Several readings are possible.
    Open,
    /// Anything else.
    Other,
}

/// A judge's verdict on one triplet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Id of the triplet.
    pub id: String,
    /// The parsed verdict.
    pub verdict: Consistency,
    /// Probability of keeping, where the judge gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_yes: Option<f64>,
    /// What the judge wrote.
    pub raw: String,
}

/// A record that a stage left out, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Id of the record.
    pub id: String,
    /// The stage that left it out; empty until whoever runs the stage says so.
    pub stage: String,
    /// One of a fixed set a stage, in kebab case.
    pub reason: String,
    /// What was found, for a person.
    #[serde(default)]
    pub detail: String,
}

impl Rejected {
    /// The same, left out by this stage; a stage that is there already stays.
    ///
    /// ```
    /// let bare = corpus::Rejected { id: "a".into(), stage: String::new(), reason: "no-turns".into(), detail: String::new() };
    /// let named = bare.of_stage("synthesize");
    /// assert_eq!(named.stage, "synthesize");
    /// assert_eq!(named.of_stage("mix").stage, "synthesize");
    /// ```
    #[must_use]
    pub fn of_stage(mut self, name: &str) -> Self {
        if self.stage.is_empty() {
            name.clone_into(&mut self.stage);
        }
        self
    }
}

/// Whose header the model continues after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Open {
    /// After a bare assistant header: an answer.
    #[default]
    Assistant,
    /// After a bare user header: the synthesizer writes the instruction itself.
    User,
    /// After the last turn as it stands.
    None,
}

/// How a completion is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decoding {
    /// The most tokens to write.
    pub max_new_tokens: usize,
    /// 0 is greedy.
    pub temperature: f64,
    /// Nucleus sampling; 1 is off.
    pub top_p: f64,
    /// 0 is off.
    pub top_k: usize,
    /// Tokens with less than this share of the likeliest one's probability are left out; 0 is off.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_p: f64,
    /// Logits of tokens of the prompt and of what is written so far are divided by it where they are positive and multiplied
    /// where they are negative; 1 is off.
    #[serde(skip_serializing_if = "is_one")]
    pub repetition_penalty: f64,
    /// Overrides the seed derived from the run's seed and the request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Strings that end the text; they are not part of it.
    pub stop: Vec<String>,
    /// Tokens that end the text in place of the model's own; empty means the model's own.
    pub stop_ids: Vec<i64>,
    /// Whether special tokens are left out of the text.
    pub skip_special_tokens: bool,
    /// Whether log-probabilities of the chosen tokens are returned.
    pub logprobs: bool,
    /// How many of the likeliest tokens are returned for each written one.
    #[serde(skip_serializing_if = "is_nothing")]
    pub top_logprobs: usize,
    /// What may be answered; empty is anything. The likeliest whole answer is given, the first of equally likely ones; above
    /// temperature 0 one is drawn as a token would be. `logprobs` are then the choices', in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

#[expect(
    clippy::float_cmp,
    clippy::trivially_copy_pass_by_ref,
    reason = "exactly what stands for off, as serde calls it"
)]
fn is_one(number: &f64) -> bool {
    *number == 1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_nothing(count: &usize) -> bool {
    *count == 0
}

impl Default for Decoding {
    fn default() -> Self {
        Self {
            max_new_tokens: 256,
            temperature: 0.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: None,
            stop: Vec::new(),
            stop_ids: Vec::new(),
            skip_special_tokens: true,
            logprobs: false,
            top_logprobs: 0,
            choices: Vec::new(),
        }
    }
}

/// Something for a generator to complete: either turns or a raw prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Unique within the file.
    pub id: String,
    /// One for each image mark, in order.
    #[serde(default)]
    pub images: Vec<PathBuf>,
    /// The conversation so far; empty when `prompt` is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// Whose header follows the turns.
    #[serde(default)]
    pub open: Open,
    /// Raw text without a chat template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// How the completion is drawn.
    #[serde(default)]
    pub decoding: Decoding,
}

impl Request {
    /// Asks something about pictures, to be answered greedily.
    ///
    /// ```
    /// let request = corpus::Request::question("1", vec!["stew.png".into()], "What is it?");
    /// assert_eq!((request.turns[0].text.as_str(), request.decoding.temperature), ("<image>\nWhat is it?", 0.0));
    /// ```
    pub fn question(id: impl Into<String>, images: Vec<PathBuf>, text: &str) -> Self {
        Self {
            id: id.into(),
            turns: vec![asking(&images, text)],
            images,
            open: Open::Assistant,
            prompt: None,
            decoding: Decoding::default(),
        }
    }
}

/// The label of a prediction: one text or a list of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Label {
    /// One answer.
    Text(String),
    /// Several names.
    List(Vec<String>),
}

/// An answer beside its label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Unique within the file.
    pub id: String,
    /// What the model wrote; null when there is no answer.
    pub prediction: Option<String>,
    /// The truth.
    pub label: Label,
    /// `OPEN` or `CLOSED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_type: Option<String>,
    /// Option letter to option text, in the order of the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<Map<String, Value>>,
    /// What intervals resample; the image by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Position in the published order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// 0 to 100, after scoring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Whether no answer could be read, after scoring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<bool>,
    /// Every other key of the record.
    #[serde(flatten)]
    pub meta: Map<String, Value>,
}
