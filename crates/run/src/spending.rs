//! What a finished stage spent at its endpoint, from the counts in its manifest.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::amount;

/// So many units of the ledger are one of the currency that prices are in.
const UNITS: f64 = 1e12;

/// What a stage spent at its endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spending {
    /// Requests that left, each try counted.
    pub requests: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Answers that were there already and cost nothing.
    pub known: u64,
    /// Tokens that the endpoint read.
    pub prompt_tokens: u64,
    /// Of those, what it had in its own cache.
    pub cached_tokens: u64,
    /// Tokens that it wrote.
    pub completion_tokens: u64,
    /// What the answers cost; 0 without prices.
    pub cost: f64,
    /// What requests may have cost beside that whose answers never came.
    pub uncertain_cost: f64,
    /// Tokens of those requests, at most.
    pub uncertain_tokens: u64,
}

/// As the client of endpoints counts it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Spent {
    paid: Amount,
    uncertain: Amount,
    open: Amount,
    usage: Usage,
    requests: u64,
    answered: u64,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Amount {
    cost: u64,
    tokens: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "as endpoints name them")]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    cached_tokens: u64,
}

impl Spending {
    /// It in words.
    pub fn text(&self) -> String {
        let mut out = format!(
            "{} answers of its endpoint, {} tokens read, {} written",
            self.answered, self.prompt_tokens, self.completion_tokens
        );
        if self.known > 0 {
            let _ = write!(out, ", {} answers taken from the cache", self.known);
        }
        if self.cost > 0.0 {
            let _ = write!(out, ", cost {}", amount(self.cost));
        }
        if self.uncertain_tokens > 0 {
            let _ = write!(out, ", uncertain {} tokens", self.uncertain_tokens);
        }
        out
    }

    /// Of a stage's counts, where `spent` is what its client counted and `known` are the answers that it had already; none of a
    /// stage that asked at no endpoint.
    pub fn of(counts: &Value) -> Option<Self> {
        let spent: Spent = serde_json::from_value(counts.get("spent")?.clone()).ok()?;
        let money = |units: u64| units as f64 / UNITS;
        Some(Self {
            requests: spent.requests,
            answered: spent.answered,
            known: counts.get("known").and_then(Value::as_u64).unwrap_or(0),
            prompt_tokens: spent.usage.prompt_tokens,
            cached_tokens: spent.usage.cached_tokens,
            completion_tokens: spent.usage.completion_tokens,
            cost: money(spent.paid.cost),
            // What is open once a stage has finished was left by a process that ended.
            uncertain_cost: money(spent.uncertain.cost.saturating_add(spent.open.cost)),
            uncertain_tokens: spent.uncertain.tokens.saturating_add(spent.open.tokens),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A ledger's units are 10^-12.
    #[test]
    fn counts_of_a_stage_tell_what_it_spent() {
        let counts = json!({
            "requests": 3, "known": 2,
            "spent": {
                "paid": {"cost": 1_250_000_000_000_u64, "tokens": 30},
                "uncertain": {"cost": 500_000_000_000_u64, "tokens": 7},
                "open": {"cost": 0, "tokens": 1},
                "usage": {"prompt_tokens": 20, "completion_tokens": 10, "cached_tokens": 4},
                "requests": 5, "answered": 3, "free": 1, "paid_twice": 0,
            },
        });
        let spending = Spending {
            requests: 5,
            answered: 3,
            known: 2,
            prompt_tokens: 20,
            cached_tokens: 4,
            completion_tokens: 10,
            cost: 1.25,
            uncertain_cost: 0.5,
            uncertain_tokens: 8,
        };
        assert_eq!(Spending::of(&counts), Some(spending));
        assert_eq!(
            spending.text(),
            "3 answers of its endpoint, 20 tokens read, 10 written, 2 answers taken from the cache, cost 1.25, uncertain 8 tokens"
        );
        assert_eq!(Spending::of(&json!({"requests": 3})), None);
        assert_eq!(Spending::of(&json!({"requests": 3, "spent": null})), None);
    }
}
