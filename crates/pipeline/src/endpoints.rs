//! Models at endpoints, as a run asks them: settings of a recipe as those of the client, keys, and the books in the run folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use corpus::{Completion, FinishReason};
use endpoint::{
    Address, Books, Cache, Caps, Client, Ledger, Limits, Money, Need, Notice, Pictures, Prices,
    Secret, Settings, Spent, Timeouts,
};
use run::events::Reporter;
use run::recipe::{EndpointPlace, EndpointPrices, EndpointSettings, PictureFormat};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The folder of a run with what was asked of endpoints and what it cost.
pub const FOLDER: &str = "endpoint";
/// The ledger in it.
pub const LEDGER: &str = "ledger.jsonl";
/// The folder of answers in it.
pub const ANSWERS: &str = "answers";

/// The variable of a key where nobody names one.
pub const KEY: &str = "OPENAI_API_KEY";

/// Keys by the environment variable that each is in. Whoever reads the environment fills it.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<String, Secret>);

impl Keys {
    /// Of variables and what they hold; those that hold nothing are left out.
    pub fn of(all: impl IntoIterator<Item = (String, Secret)>) -> Self {
        Self(all.into_iter().collect())
    }
}

/// What all models at endpoints of a run have in common.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// `[endpoints]`.
    pub settings: EndpointSettings,
    /// The keys.
    pub keys: Keys,
}

/// What was asked of a model at an endpoint, as a stage counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedThere {
    /// What it cost, in this attempt and in those before it.
    pub spent: Spent,
    /// Answers that were kept from before, which cost nothing.
    pub known: u64,
    /// Requests that the model refused or a filter of contents stopped.
    pub refused: u64,
    /// Answers that were cut at the most tokens.
    pub cut: u64,
    /// Requests that got no answer.
    pub failed: u64,
}

impl AskedThere {
    /// Counts what a client spent and how answers ended.
    pub fn count(client: &Client, completions: &[Completion]) -> Self {
        let ended = |reasons: &[FinishReason]| {
            let some = completions.iter();
            some.filter(|one| reasons.contains(&one.finish_reason))
                .count() as u64
        };
        Self {
            spent: client.spent(),
            known: client.known(),
            refused: ended(&[FinishReason::Refusal, FinishReason::ContentFilter]),
            cut: ended(&[FinishReason::Length]),
            failed: ended(&[FinishReason::Error]),
        }
    }
}

/// A model at an endpoint and what it answers for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its section of the recipe: the name in the ledger and in errors.
    pub section: &'a str,
    /// The model.
    pub place: &'a EndpointPlace,
    /// The run's seed.
    pub seed: u64,
    /// What the served model's tokenizer reads as control tokens, where that is known.
    pub control_tokens: &'a [String],
}

/// A model at an endpoint that a stage will ask.
#[derive(Clone, Copy, Debug)]
pub struct AskedPlace<'a> {
    /// Its section of the recipe.
    pub section: &'static str,
    /// The model.
    pub place: &'a EndpointPlace,
    /// What it has to be able to.
    pub need: Need,
}

impl Endpoints {
    /// A client with its books in a folder: a run's [`FOLDER`], or one beside what is written.
    ///
    /// Gives [`Error::EndpointSetting`] and [`Error::Endpoint`].
    pub fn client(&self, place: Place<'_>, folder: &Path) -> Result<Client> {
        let settings = self.settings(place)?;
        let failed = |source: endpoint::Error| Error::Endpoint {
            section: place.section.to_owned(),
            source,
        };
        let cache = Cache::open(&folder.join(ANSWERS), self.settings.cache.as_deref());
        let cache = Arc::new(cache.map_err(|error| failed(error.into()))?);
        let caps = caps(
            "endpoints",
            self.settings.max_cost,
            self.settings.max_tokens,
        )?;
        let ledger = Ledger::open(&folder.join(LEDGER), caps, Some(Arc::clone(&cache)));
        let ledger = ledger.map_err(|error| failed(error.into()))?;
        let books = Books {
            ledger: Some(Arc::new(ledger)),
            cache: Some(cache),
        };
        Client::open(settings, books).map_err(failed)
    }

    /// A client that keeps nothing and counts nothing, for a single question.
    ///
    /// Gives [`Error::EndpointSetting`] and [`Error::Endpoint`].
    pub fn client_without_books(&self, place: Place<'_>) -> Result<Client> {
        let client = Client::open(self.settings(place)?, Books::default());
        client.map_err(|source| Error::Endpoint {
            section: place.section.to_owned(),
            source,
        })
    }

    /// Looks whether a model can be asked, before anything is.
    ///
    /// Gives [`Error::EndpointSetting`] and [`Error::Endpoint`].
    pub fn probe(&self, place: Place<'_>, needs: &[Need], report: Reporter<'_>) -> Result<()> {
        if place.place.addresses.is_empty() {
            // The recipe has told what is wrong with them.
            return Ok(());
        }
        let failed = |source: endpoint::Error| Error::Endpoint {
            section: place.section.to_owned(),
            source,
        };
        let mut client = Client::open(self.settings(place)?, Books::default()).map_err(failed)?;
        let mut tell = |notice| tell(report, &notice);
        client.probe(needs, &mut tell).map_err(failed)
    }

    /// The client's settings for a model.
    fn settings(&self, of: Place<'_>) -> Result<Settings> {
        let (place, section, common) = (of.place, of.section, &self.settings);
        let addresses = place.addresses.iter().map(|address| {
            Address::parse(address).map_err(|error| wrong(format!("{section}.endpoint"), &error))
        });
        let variable = place.key_variable.as_deref().unwrap_or(KEY);
        Ok(Settings {
            place: section.to_owned(),
            addresses: addresses.collect::<Result<_>>()?,
            model: place.model.clone(),
            key: self.keys.0.get(variable).cloned(),
            key_variable: variable.to_owned(),
            control_tokens: of.control_tokens.to_vec(),
            send_images: place.send_images,
            pictures: Pictures {
                format: match common.picture_format {
                    PictureFormat::Png => endpoint::PictureFormat::Png,
                    PictureFormat::Jpeg => endpoint::PictureFormat::Jpeg,
                },
                max_side: common.max_picture_side,
                tokens: common.picture_tokens,
            },
            stream: common.stream,
            accept_other_model: common.accept_other_model,
            seed: of.seed,
            timeouts: Timeouts {
                connect: common.connect_timeout,
                first_byte: common.first_byte_timeout,
                between_bytes: common.between_bytes_timeout,
            },
            limits: Limits {
                concurrency: common.concurrency,
                requests_per_minute: common.requests_per_minute,
                tokens_per_minute: common.tokens_per_minute,
                attempts: common.attempts,
                patience: common.patience,
            },
            proxy: common.proxy.clone(),
            ca_file: common.ca_file.clone(),
            prices: place.prices.map(|it| prices(section, it)).transpose()?,
            caps: caps(section, place.max_cost, place.max_tokens)?,
        })
    }
}

fn wrong(key: String, problem: &dyn std::fmt::Display) -> Error {
    Error::EndpointSetting {
        key,
        problem: problem.to_string(),
    }
}

fn prices(section: &str, prices: EndpointPrices) -> Result<Prices> {
    let prices = Prices {
        input: prices.input,
        output: prices.output,
        cached_input: prices.cached_input,
        request: prices.request,
    };
    let checked = prices.check();
    checked.map_err(|error| wrong(format!("{section}.prices"), &error))?;
    Ok(prices)
}

fn caps(section: &str, cost: Option<f64>, tokens: Option<u64>) -> Result<Caps> {
    let cost = cost.map(Money::new).transpose();
    Ok(Caps {
        cost: cost.map_err(|error| wrong(format!("{section}.max_cost"), &error))?,
        tokens,
    })
}

/// Tells what happens at endpoints.
pub(crate) fn tell(report: Reporter<'_>, notice: &Notice) {
    match notice {
        Notice::Down { address, problem } => report.warn(format!(
            "the endpoint `{address}` does not answer ({problem}); it is left out until it does"
        )),
        Notice::Back { address } => report.note(format!("the endpoint `{address}` answers again")),
        Notice::Paused { address, pause } => report.note(format!(
            "the endpoint `{address}` asks for patience: a pause of {:.0} s",
            pause.as_secs_f64()
        )),
        Notice::ScaledDown { pictures, side } => report.note(format!(
            "{pictures} pictures were scaled down to {side} pixels before they were sent (`endpoints.max_picture_side`)"
        )),
        Notice::WrongCount { problem } => report.warn(format!(
            "an endpoint does not count tokens soundly ({problem}); what was reserved is taken as spent"
        )),
    }
}
