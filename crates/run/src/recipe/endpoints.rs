//! What a recipe says of models that are asked at an endpoint, in plain types: the client has its own.

use std::path::PathBuf;
use std::time::Duration;

use synthesis::Input;
use toml::Value;

use super::picture_format::PictureFormat;
use super::resolution::Resolution;
use super::shape::{as_number, listed};
use super::values::Values;

/// A model at an endpoint, where a checkpoint may stand.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointPlace {
    /// `endpoint`: one address, or several that share the work; none where what the recipe says cannot be used, which is told by
    /// itself.
    pub addresses: Vec<String>,
    /// `endpoint_model`: the model's name there.
    pub model: String,
    /// `endpoint_key`: the environment variable that holds the key; none for the usual one.
    pub key_variable: Option<String>,
    /// `send_images`: whether pictures may leave this machine.
    pub send_images: bool,
    /// `max_cost`, in the currency of the prices.
    pub max_cost: Option<f64>,
    /// `max_tokens`, read and written.
    pub max_tokens: Option<u64>,
    /// `prices`.
    pub prices: Option<EndpointPrices>,
}

/// What tokens cost at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EndpointPrices {
    /// Of a million tokens that are read.
    pub input: f64,
    /// Of a million tokens that are written.
    pub output: f64,
    /// Of a million read tokens that the endpoint had in its own cache; as `input` where it is not given.
    pub cached_input: Option<f64>,
    /// Of a request, whatever it holds.
    pub request: f64,
}

impl EndpointPrices {
    /// What so many requests cost, if the endpoint has nothing in its cache.
    ///
    /// ```
    /// let prices = run::recipe::EndpointPrices { input: 3.0, output: 15.0, cached_input: None, request: 0.01 };
    /// assert_eq!(prices.cost(2, 1_000_000, 100_000), 3.0 + 1.5 + 0.02);
    /// ```
    pub fn cost(&self, requests: u64, prompt_tokens: u64, completion_tokens: u64) -> f64 {
        let tokens = self.input * prompt_tokens as f64 + self.output * completion_tokens as f64;
        tokens / 1e6 + self.request * requests as f64
    }
}

/// `[endpoints]`: what all endpoints of a run share.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointSettings {
    /// Most that the run may cost at endpoints.
    pub max_cost: Option<f64>,
    /// Most tokens of the run at endpoints.
    pub max_tokens: Option<u64>,
    /// Most requests at once at one endpoint.
    pub concurrency: usize,
    /// Most requests a minute at one endpoint.
    pub requests_per_minute: Option<u64>,
    /// Most tokens a minute at one endpoint.
    pub tokens_per_minute: Option<u64>,
    /// How often a request is tried.
    pub attempts: u32,
    /// How long all endpoints may give no answer.
    pub patience: Duration,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long it may take until an answer begins.
    pub first_byte_timeout: Duration,
    /// How long it may take from one part of an answer to the next.
    pub between_bytes_timeout: Duration,
    /// Whether answers come in pieces.
    pub stream: bool,
    /// Whether answers of a model with another name are taken.
    pub accept_other_model: bool,
    /// A proxy; none for those of the environment.
    pub proxy: Option<String>,
    /// Certificates of own authorities.
    pub ca_file: Option<PathBuf>,
    /// A folder of answers that runs share; none for the run's own.
    pub cache: Option<PathBuf>,
    /// How pictures are sent.
    pub picture_format: PictureFormat,
    /// A picture with a longer side is scaled down to it.
    pub max_picture_side: Option<u32>,
    /// The tokens that a picture is taken to have before an answer has counted them.
    pub picture_tokens: u64,
}

impl Default for EndpointSettings {
    /// As where a recipe says nothing.
    fn default() -> Self {
        Self {
            max_cost: None,
            max_tokens: None,
            concurrency: 256,
            requests_per_minute: None,
            tokens_per_minute: None,
            attempts: 10,
            patience: Duration::from_mins(10),
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_mins(10),
            between_bytes_timeout: Duration::from_mins(2),
            stream: false,
            accept_other_model: false,
            proxy: None,
            ca_file: None,
            cache: None,
            picture_format: PictureFormat::Png,
            max_picture_side: None,
            picture_tokens: 1600,
        }
    }
}

impl Values<'_> {
    /// The model that a section asks at an endpoint; none where it names no address.
    pub fn endpoint(&self, section: &str) -> Option<EndpointPlace> {
        let key = |name: &str| format!("{section}.{name}");
        let addresses = match self.value(&key("endpoint"))? {
            Value::String(one) => vec![one.clone()],
            _ => self.texts(&key("endpoint")),
        };
        let max_tokens = self.optional_count(&key("max_tokens"));
        Some(EndpointPlace {
            addresses,
            model: self.text(&key("endpoint_model")),
            key_variable: self.optional_text(&key("endpoint_key")),
            send_images: self.flag(&key("send_images")),
            max_cost: self.optional_number(&key("max_cost")),
            max_tokens: max_tokens.map(|n| n as u64),
            prices: self.prices(&key("prices")),
        })
    }

    fn prices(&self, key: &str) -> Option<EndpointPrices> {
        let table = self.value(key)?.as_table()?;
        let price = |name: &str| table.get(name).and_then(as_number);
        Some(EndpointPrices {
            input: price("input").unwrap_or_default(),
            output: price("output").unwrap_or_default(),
            cached_input: price("cached_input"),
            request: price("request").unwrap_or_default(),
        })
    }

    /// `[endpoints]`.
    pub fn endpoint_settings(&mut self) -> EndpointSettings {
        let key = |name: &str| format!("endpoints.{name}");
        let count = |name: &str| self.optional_count(&key(name)).map(|n| n as u64);
        let seconds = |name: &str| Duration::from_secs_f64(self.number(&key(name)));
        let side = self.integer(&key("max_picture_side"));
        EndpointSettings {
            max_cost: self.optional_number(&key("max_cost")),
            max_tokens: count("max_tokens"),
            concurrency: self.integer(&key("concurrency")) as usize,
            requests_per_minute: count("requests_per_minute"),
            tokens_per_minute: count("tokens_per_minute"),
            attempts: self.integer(&key("attempts")) as u32,
            patience: seconds("patience"),
            connect_timeout: seconds("connect_timeout"),
            first_byte_timeout: seconds("first_byte_timeout"),
            between_bytes_timeout: seconds("between_bytes_timeout"),
            stream: self.flag(&key("stream")),
            accept_other_model: self.flag(&key("accept_other_model")),
            proxy: self.optional_text(&key("proxy")),
            cache: self.future_path(&key("cache")),
            max_picture_side: u32::try_from(side).ok().filter(|&side| side > 0),
            picture_tokens: self.integer(&key("picture_tokens")) as u64,
            picture_format: self.word(&key("picture_format")),
            ca_file: self.path(&key("ca_file")),
        }
    }
}

/// What is wrong with the endpoints of a recipe, beside what is wrong with a value by itself: with its models at endpoints, each
/// with its section, and with what they share. `input` is what the synthesizer sees.
pub(super) fn problems(
    places: &[(&str, &EndpointPlace)],
    shared: &EndpointSettings,
    input: Input,
) -> Vec<String> {
    let mut out = Vec::new();
    let mut unpriced = Vec::new();
    for (section, place) in places {
        if place.model.is_empty() {
            out.push(format!(
                "`{section}.endpoint_model` is missing: the name that the model has at `{section}.endpoint`"
            ));
        }
        if place.prices.is_some() {
            continue;
        }
        unpriced.push(format!("`{section}.prices`"));
        if place.max_cost.is_some() {
            out.push(format!(
                "`{section}.max_cost` needs `{section}.prices`, such as {{ input = 2.5, output = 10.0 }} for a million tokens \
                 each"
            ));
        }
    }
    if shared.max_cost.is_some() && !unpriced.is_empty() {
        out.push(format!(
            "`endpoints.max_cost` needs {}; what costs nothing has prices of 0",
            listed(&unpriced, "and")
        ));
    }
    let synthesizer = places.iter().find(|(section, _)| *section == "synthesizer");
    let is_kept = synthesizer.is_some_and(|(_, place)| !place.send_images);
    if is_kept && input.has_image() {
        let what = if input.has_caption() {
            "pictures and captions"
        } else {
            "pictures"
        };
        out.push(format!(
            "with `synthesizer.input = \"{}\"` the {what} of `data.pairs` would leave this machine for `synthesizer.endpoint`; \
             allow it with `synthesizer.send_images = true`, or send captions alone with `synthesizer.input = \"caption\"`",
            input.as_str()
        ));
    }
    out
}

/// What is wrong where a model is both loaded and asked at an endpoint.
pub(super) fn both_given(resolution: &Resolution) -> Vec<String> {
    let sections = ["synthesizer", "maker", "filter", "quality"].into_iter();
    let has = |section: &str, name: &str| resolution.contains_key(&format!("{section}.{name}"));
    let both = sections.filter(|section| has(section, "checkpoint") && has(section, "endpoint"));
    both.map(|section| {
        format!(
            "`{section}.checkpoint` and `{section}.endpoint` are both given; a model is either loaded or asked at an endpoint, so \
             leave one out"
        )
    })
    .collect()
}
