//! Flags of a model that is asked at an endpoint, where a model folder may stand.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use endpoint::Address;
use run::recipe::{EndpointPlace, EndpointPrices, is_variable};

use crate::secrets;

/// Who answers: a model folder or a model at an endpoint, and not both.
pub const ANSWERER: &str = "answerer";

/// Flags of a model at an endpoint. Beside `--model` the command line does without what a flag requires, so that each says itself
/// that it is against that.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "A model at an endpoint")]
pub struct EndpointFlags {
    /// The model's name at an endpoint with OpenAI's interface, instead of --model.
    #[arg(long, value_name = "NAME", group = ANSWERER)]
    pub endpoint_model: Option<String>,
    /// Where it is served, such as http://host:8000/v1; repeatable, several share the work. Default: OPENAI_BASE_URL.
    #[arg(
        long = "endpoint",
        value_name = "URL",
        requires = "endpoint_model",
        conflicts_with = "model"
    )]
    pub endpoints: Vec<String>,
    /// The environment variable that holds its key; default: OPENAI_API_KEY, if it is set.
    #[arg(
        long,
        value_name = "VARIABLE",
        requires = "endpoint_model",
        conflicts_with = "model"
    )]
    pub endpoint_key: Option<String>,
    /// Let pictures leave this machine, encoded anew and without what else their files hold.
    #[arg(long, requires = "endpoint_model", conflicts_with = "model")]
    pub send_images: bool,
    /// Scale pictures with a longer side down to it before they are sent.
    #[arg(
        long,
        value_name = "PIXELS",
        requires = "send_images",
        conflicts_with = "model"
    )]
    pub max_picture_side: Option<u32>,
    /// Price of a million tokens that are read.
    #[arg(long, value_name = "PRICE", requires_all = ["endpoint_model", "output_price"], conflicts_with = "model")]
    pub input_price: Option<f64>,
    /// Price of a million tokens that are written.
    #[arg(long, value_name = "PRICE", requires_all = ["endpoint_model", "input_price"], conflicts_with = "model")]
    pub output_price: Option<f64>,
    /// Most that the answers may cost; needs both prices.
    #[arg(long, value_name = "AMOUNT", requires_all = ["endpoint_model", "input_price"], conflicts_with = "model")]
    pub max_cost: Option<f64>,
    /// Most tokens of questions and answers together.
    #[arg(
        long,
        value_name = "N",
        requires = "endpoint_model",
        conflicts_with = "model"
    )]
    pub max_tokens: Option<u64>,
}

/// A model at an endpoint, as the flags name it.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedEndpoint {
    /// Where it is and what it may cost, as of a recipe.
    pub place: EndpointPlace,
    /// A picture with a longer side is scaled down to it.
    pub max_picture_side: Option<u32>,
}

impl EndpointFlags {
    /// The model that the flags name; none where they name none. Texts that may hold a key are not repeated in an error.
    pub fn asked(&self) -> Result<Option<AskedEndpoint>> {
        let Some(model) = &self.endpoint_model else {
            return Ok(None);
        };
        if model.trim().is_empty() {
            bail!("`--endpoint-model` is empty; name the model as its endpoint does");
        }
        let variable = self.endpoint_key.as_deref();
        if variable.is_some_and(|name| !is_variable(name)) {
            bail!(
                "`--endpoint-key` is no name of an environment variable (and is not repeated here, since it may be a key); \
                 expected capital letters, digits and `_`, such as OPENAI_API_KEY"
            );
        }
        let by_default = || -> Result<String> {
            let found = secrets::address()?;
            found.context(
                "`--endpoint-model` needs `--endpoint`, where the model is served, or OPENAI_BASE_URL in the environment",
            )
        };
        let (named, addresses) = if self.endpoints.is_empty() {
            ("OPENAI_BASE_URL", vec![by_default()?])
        } else {
            ("--endpoint", self.endpoints.clone())
        };
        for address in &addresses {
            Address::parse(address).with_context(|| format!("`{named}` cannot be used"))?;
        }
        let is_price = |price: f64| price >= 0.0 && price.is_finite();
        for (flag, price) in [
            ("--input-price", self.input_price),
            ("--output-price", self.output_price),
            ("--max-cost", self.max_cost),
        ] {
            if let Some(price) = price.filter(|price| !is_price(*price)) {
                bail!("`{flag}` is {price}, expected 0 or more");
            }
        }
        for (flag, number) in [
            ("--max-tokens", self.max_tokens),
            ("--max-picture-side", self.max_picture_side.map(u64::from)),
        ] {
            if number == Some(0) {
                bail!("`{flag}` is 0, expected 1 or more");
            }
        }
        let prices = self.input_price.zip(self.output_price);
        Ok(Some(AskedEndpoint {
            place: EndpointPlace {
                addresses,
                model: model.clone(),
                key_variable: self.endpoint_key.clone(),
                send_images: self.send_images,
                max_cost: self.max_cost,
                max_tokens: self.max_tokens,
                prices: prices.map(|(input, output)| EndpointPrices {
                    input,
                    output,
                    cached_input: None,
                    request: 0.0,
                }),
            },
            max_picture_side: self.max_picture_side,
        }))
    }
}

#[cfg(test)]
mod tests;
