//! What a user says of endpoints.

use std::path::PathBuf;
use std::time::Duration;

use crate::address::Address;
use crate::ledger::Caps;
use crate::prices::Prices;
use crate::secret::Secret;

/// Where requests go and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the answers are for, such as `synthesizer`: a line of the ledger bears it.
    pub place: String,
    /// Where the model is served; several share the work.
    pub addresses: Vec<Address>,
    /// The model's name there.
    pub model: String,
    /// The key, if there is one.
    pub key: Option<Secret>,
    /// The environment variable that the key is looked for in, as errors name it.
    pub key_variable: String,
    /// Texts that the served model's tokenizer reads as control tokens wherever they stand. A request that holds one as
    /// ordinary text is not sent: a caption could otherwise end its own turn.
    pub control_tokens: Vec<String>,
    /// Whether pictures may leave this machine.
    pub send_images: bool,
    /// How pictures are sent.
    pub pictures: Pictures,
    /// Whether answers come in pieces while they are written.
    pub stream: bool,
    /// Whether answers of a model with another name are taken.
    pub accept_other_model: bool,
    /// The run's seed; a request's own is made of it and the request's id.
    pub seed: u64,
    /// How long is waited.
    pub timeouts: Timeouts,
    /// How much is asked at once.
    pub limits: Limits,
    /// A proxy; without one those of the environment count.
    pub proxy: Option<String>,
    /// Certificates of own authorities (PEM), beside the system's.
    pub ca_file: Option<PathBuf>,
    /// What tokens cost.
    pub prices: Option<Prices>,
    /// What the answers of this place may cost together.
    pub caps: Caps,
}

impl Settings {
    /// Of a model at these addresses, with nothing else said: no key, no prices, no caps, and no picture leaves.
    pub fn new(addresses: Vec<Address>, model: &str) -> Self {
        Self {
            place: "endpoint".to_owned(),
            addresses,
            model: model.to_owned(),
            key: None,
            key_variable: "OPENAI_API_KEY".to_owned(),
            control_tokens: Vec::new(),
            send_images: false,
            pictures: Pictures::default(),
            stream: false,
            accept_other_model: false,
            seed: 0,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            proxy: None,
            ca_file: None,
            prices: None,
            caps: Caps::default(),
        }
    }
}

/// How pictures are sent: decoded and encoded anew, so that nothing but pixels leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pictures {
    /// Of which kind the sent file is.
    pub format: PictureFormat,
    /// A picture with a longer side is scaled down to it.
    pub max_side: Option<u32>,
    /// The tokens that a picture is taken to have before the first answer counted them.
    pub tokens: u64,
}

/// Kinds of files that pictures are sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// The pixels as they are.
    Png,
    /// Smaller, and not quite the same pixels.
    Jpeg,
}

corpus::words!(PictureFormat {
    Png = "png",
    Jpeg = "jpeg",
});

/// How long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the first byte of an answer.
    pub first_byte: Duration,
    /// For the next one.
    pub between_bytes: Duration,
}

/// How much is asked at once, and how often again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most requests at once at one endpoint; how many there are is found by trying.
    pub concurrency: usize,
    /// Most requests a minute at one endpoint.
    pub requests_per_minute: Option<u64>,
    /// Most tokens a minute at one endpoint.
    pub tokens_per_minute: Option<u64>,
    /// How often a request is tried; answers that ask for patience (429) do not count.
    pub attempts: u32,
    /// How long all endpoints may be silent before it ends.
    pub patience: Duration,
}

impl Default for Pictures {
    fn default() -> Self {
        Self {
            format: PictureFormat::Png,
            max_side: None,
            tokens: 1600,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_mins(10),
            between_bytes: Duration::from_mins(2),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 256,
            requests_per_minute: None,
            tokens_per_minute: None,
            attempts: 10,
            patience: Duration::from_mins(10),
        }
    }
}
