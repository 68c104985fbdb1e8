//! What a run would take of endpoints, and whether its caps leave room for that.

use std::fmt::Write as _;
use std::path::Path;

use corpus::sealed::write_json;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What a stage would ask at an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointCost {
    /// The section of the recipe that names the endpoint, such as `synthesizer`.
    pub place: String,
    /// Requests.
    pub requests: u64,
    /// Tokens that the endpoint reads, pictures' included.
    pub prompt_tokens: u64,
    /// Tokens that it writes.
    pub completion_tokens: u64,
    /// What that costs; none without prices.
    pub cost: Option<f64>,
    /// The most that it may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<f64>,
    /// The most tokens that it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
}

impl EndpointCost {
    /// Tokens, read and written.
    pub fn tokens(&self) -> u64 {
        self.prompt_tokens + self.completion_tokens
    }

    /// It in words.
    ///
    /// ```
    /// use run::plan::EndpointCost;
    /// let cost = EndpointCost { requests: 200, prompt_tokens: 34_000, completion_tokens: 51_200, ..Default::default() };
    /// assert_eq!(cost.text(), "200 requests, 34000 tokens read, 51200 written");
    /// assert_eq!(EndpointCost { cost: Some(0.6), ..cost }.text(), "200 requests, 34000 tokens read, 51200 written, cost 0.60");
    /// ```
    pub fn text(&self) -> String {
        let mut out = format!(
            "{} requests, {} tokens read, {} written",
            self.requests, self.prompt_tokens, self.completion_tokens
        );
        if let Some(cost) = self.cost {
            let _ = write!(out, ", cost {}", amount(cost));
        }
        out
    }

    /// Sentences of caps that are below it; `section` is where the caps stand in the recipe, and `of` what they are of.
    fn short(&self, section: &str, of: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut add = |name: &str, needed: f64, cap: f64, shown: &dyn Fn(f64) -> String| {
            if needed > cap {
                out.push(format!(
                    "{of} would take {} ({}), and `{section}.{name}` is {}, which is enough for about {:.0} % of its requests",
                    shown(needed),
                    self.text(),
                    shown(cap),
                    (100.0 * cap / needed).floor()
                ));
            }
        };
        if let (Some(cost), Some(cap)) = (self.cost, self.max_cost) {
            add("max_cost", cost, cap, &amount);
        }
        if let Some(cap) = self.max_tokens {
            let shown = |tokens: f64| format!("{tokens:.0} tokens");
            add("max_tokens", self.tokens() as f64, cap as f64, &shown);
        }
        out
    }
}

/// What a whole run would take of endpoints: `endpoint/forecast.json`, kept from its start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// By place.
    pub places: Vec<EndpointCost>,
    /// All of them; its caps are those of the run. Without a cost where one of them has no prices.
    pub total: EndpointCost,
    /// What it rests on, in a sentence.
    pub basis: String,
}

impl Forecast {
    /// Its file in a run folder.
    pub const FILE: &'static str = "endpoint/forecast.json";

    /// Of places; none without any. `max_cost` and `max_tokens` are of the whole run.
    pub fn of(
        places: Vec<EndpointCost>,
        max_cost: Option<f64>,
        max_tokens: Option<u64>,
        basis: String,
    ) -> Option<Self> {
        let sum = |of: fn(&EndpointCost) -> u64| places.iter().map(of).sum();
        let total = EndpointCost {
            place: "run".to_owned(),
            requests: sum(|one| one.requests),
            prompt_tokens: sum(|one| one.prompt_tokens),
            completion_tokens: sum(|one| one.completion_tokens),
            cost: places.iter().map(|one| one.cost).sum(),
            max_cost,
            max_tokens,
        };
        (!places.is_empty()).then_some(Self {
            places,
            total,
            basis,
        })
    }

    /// Sentences of caps, of places and of the run, that are below it.
    pub fn short(&self) -> Vec<String> {
        let mut out = Vec::new();
        for place in &self.places {
            let section = &place.place;
            out.extend(place.short(section, &format!("`{section}.endpoint`")));
        }
        out.extend(
            self.total
                .short("endpoints", "the run's endpoints together"),
        );
        out
    }

    /// The one that a run folder keeps; none where there is none that can be read.
    pub fn read(run: &Path) -> Option<Self> {
        let text = std::fs::read(run.join(Self::FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps it in a run folder. A place that was forecast for as many requests before keeps that forecast, which knew no
    /// answers yet: what is spent is held against it.
    pub fn keep(mut self, run: &Path) -> Result<(), Error> {
        let before = Self::read(run);
        for kept in before.into_iter().flat_map(|before| before.places) {
            match self.places.iter_mut().find(|one| one.place == kept.place) {
                Some(now) if now.requests == kept.requests => *now = kept,
                Some(_) => {}
                // Of a stage that is not asked for this time.
                None => self.places.push(kept),
            }
        }
        let (max_cost, max_tokens) = (self.total.max_cost, self.total.max_tokens);
        let whole = Self::of(self.places, max_cost, max_tokens, self.basis).unwrap_or_default();
        let path = run.join(Self::FILE);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
        }
        Ok(write_json(&path, &whole)?)
    }
}

/// Money in words: cents, and of less than one the first two digits that say something.
pub fn amount(money: f64) -> String {
    if money >= 0.095 || money <= 0.0 {
        return format!("{money:.2}");
    }
    let places = (1.0 - money.log10().floor()).clamp(2.0, 12.0) as usize;
    format!("{money:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(place: &str, requests: u64, cost: Option<f64>) -> EndpointCost {
        EndpointCost {
            place: place.to_owned(),
            requests,
            prompt_tokens: 100 * requests,
            completion_tokens: 50 * requests,
            cost,
            ..EndpointCost::default()
        }
    }

    /// By hand: 10 and 20 requests of 150 tokens each, 4 and 2.5 in money.
    #[test]
    fn places_add_up_and_caps_that_are_too_low_are_told() {
        let synthesizer = EndpointCost {
            max_cost: Some(1.0),
            max_tokens: Some(1500),
            ..cost("synthesizer", 10, Some(4.0))
        };
        let filter = cost("filter", 20, Some(2.5));
        let places = vec![synthesizer, filter];
        let forecast = Forecast::of(places.clone(), Some(6.5), Some(1499), "known".to_owned());
        let forecast = forecast.expect("places");
        assert_eq!(forecast.total.requests, 30);
        assert_eq!(forecast.total.tokens(), 4500);
        assert_eq!(forecast.total.cost, Some(6.5));
        assert_eq!(
            forecast.short(),
            [
                "`synthesizer.endpoint` would take 4.00 (10 requests, 1000 tokens read, 500 written, cost 4.00), and \
                 `synthesizer.max_cost` is 1.00, which is enough for about 25 % of its requests",
                "the run's endpoints together would take 4500 tokens (30 requests, 3000 tokens read, 1500 written, cost 6.50), \
                 and `endpoints.max_tokens` is 1499 tokens, which is enough for about 33 % of its requests",
            ]
        );
        // A place without prices leaves no sum of money.
        let mut unpriced = places;
        unpriced[1].cost = None;
        let forecast = Forecast::of(unpriced, Some(1.0), None, String::new()).expect("places");
        assert_eq!(forecast.total.cost, None);
        assert_eq!(forecast.short().len(), 1);
        assert_eq!(Forecast::of(Vec::new(), None, None, String::new()), None);
    }

    #[test]
    fn a_run_is_held_against_what_was_forecast_at_its_start() {
        let folder = tempfile::tempdir().expect("folder");
        let of = |places| Forecast::of(places, None, None, String::new()).expect("places");
        let first = of(vec![cost("synthesizer", 10, Some(4.0))]);
        first.clone().keep(folder.path()).expect("kept");
        assert_eq!(Forecast::read(folder.path()), Some(first));
        // Its answers were shorter than thought, and another place is asked too.
        let later = of(vec![
            cost("synthesizer", 10, Some(3.0)),
            cost("filter", 5, Some(1.0)),
        ]);
        later.keep(folder.path()).expect("kept");
        let kept = Forecast::read(folder.path()).expect("there");
        assert_eq!(kept.total.cost, Some(5.0));
        // More requests are another forecast; what is not asked for this time stays.
        let more = of(vec![cost("synthesizer", 11, Some(3.3))]);
        more.keep(folder.path()).expect("kept");
        let kept = Forecast::read(folder.path()).expect("there");
        assert_eq!(kept.places.len(), 2);
        assert_eq!(kept.total.cost, Some(4.3));
    }

    #[test]
    fn small_amounts_keep_two_digits() {
        for (money, text) in [
            (0.0, "0.00"),
            (12.345, "12.35"),
            (0.1, "0.10"),
            (0.0951, "0.10"),
            (0.012, "0.012"),
            (0.000_123, "0.00012"),
        ] {
            assert_eq!(amount(money), text);
        }
    }
}
