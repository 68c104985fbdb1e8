//! How a server behaves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::answer::Answer;
use crate::fault::Fault;
use crate::request::Request;
use crate::schedule::Faults;
use crate::tokens::Likely;

/// What answers requests.
pub type Responder = dyn Fn(&Request) -> Answer + Send + Sync;

/// Whose words errors have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wording {
    /// OpenAI's.
    #[default]
    OpenAi,
    /// vLLM's.
    Vllm,
}

/// How a server behaves. The default answers everything rightly and at once, as a model called `model`.
#[derive(Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that a server has or lacks"
)]
pub struct Setup {
    /// What faults and times are drawn from.
    pub seed: u64,
    /// The port; 0 for one of the system's choice.
    pub port: u16,
    /// The models that there are. A request for another is answered with 404; without any, all are there.
    pub models: Vec<String>,
    /// The one right key; without it none is asked for.
    pub key: Option<String>,
    /// How long an answer takes.
    pub latency: Duration,
    /// How much longer or shorter it takes, evenly drawn.
    pub jitter: Duration,
    /// How many requests are worked on at once; those above it get 429 at once.
    pub at_once: Option<usize>,
    /// Which arrival meets which fault.
    pub faults: Faults,
    /// What meets whoever asks for the list of models.
    pub models_fault: Option<Fault>,
    /// Most tokens of a prompt and what is written after it together; longer ones get 400.
    pub context: Option<u64>,
    /// Most bytes of a body; larger ones get 413.
    pub max_body: Option<usize>,
    /// Whether fields that OpenAI's own service does not know get 400.
    pub is_strict: bool,
    /// Whether the chat template knows the variable `open` and refuses all but `user`, `assistant` and `none`, as that of a tuned
    /// synthesizer of AdaMLLM does. One that does not passes over it.
    pub knows_open: bool,
    /// Whose words errors have.
    pub wording: Wording,
    /// Whether there is `/v1/completions`.
    pub has_completions: bool,
    /// Whether it speaks TLS, with a certificate of an authority of its own.
    pub tls: bool,
    /// Where the log is written, a line of JSON for each arrival.
    pub log: Option<PathBuf>,
    /// What answers; a responder that waits holds up everything else.
    pub respond: Arc<Responder>,
    /// The log-probability of a piece of text after another text; without it they come from a hash.
    pub likely: Option<Arc<Likely>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seed: 0,
            port: 0,
            models: vec!["model".to_owned()],
            key: None,
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            at_once: None,
            faults: Faults::default(),
            models_fault: None,
            context: None,
            max_body: None,
            is_strict: false,
            knows_open: true,
            wording: Wording::OpenAi,
            has_completions: true,
            tls: false,
            log: None,
            respond: Arc::new(Answer::of),
            likely: None,
        }
    }
}

impl Setup {
    /// The same with answers of one's own.
    #[must_use]
    pub fn answering(
        mut self,
        respond: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.respond = Arc::new(respond);
        self
    }

    /// The same with log-probabilities of one's own: of a piece of text (the second) after another text (the first).
    #[must_use]
    pub fn scoring(mut self, likely: impl Fn(&str, &str) -> f64 + Send + Sync + 'static) -> Self {
        self.likely = Some(Arc::new(likely));
        self
    }

    /// The same with these faults.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }
}
