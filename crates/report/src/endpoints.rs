//! What was spent at endpoints, against what was forecast.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use maud::{Markup, html};
use serde::{Deserialize, Serialize};

/// What was spent at the endpoint of one place of a recipe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointRow {
    /// The model's name there.
    pub model: String,
    /// Requests that were answered.
    pub requests: u64,
    /// Answers that were there already and cost nothing.
    pub known: u64,
    /// Tokens that were read.
    pub prompt_tokens: u64,
    /// Tokens that were written.
    pub completion_tokens: u64,
    /// What that cost; none without prices.
    pub cost: Option<f64>,
    /// What requests whose answers never came may have cost beside that.
    pub uncertain_cost: Option<f64>,
    /// Tokens of those requests, at most.
    pub uncertain_tokens: u64,
    /// What was forecast before the start.
    pub forecast: Option<ForecastRow>,
}

/// What a place was forecast to take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ForecastRow {
    /// Requests.
    pub requests: u64,
    /// Tokens that are read.
    pub prompt_tokens: u64,
    /// Tokens that are written.
    pub completion_tokens: u64,
    /// What that costs; none without prices.
    pub cost: Option<f64>,
}

/// A table of all places, a row what was spent and a row what was forecast.
pub(crate) fn section(places: &BTreeMap<String, EndpointRow>) -> Markup {
    html! {
        div.scroll { table {
            tr {
                th { "place" } th.text { "model" } td {} th { "requests" } th { "taken from the cache" }
                th { "tokens read" } th { "tokens written" } th { "cost" } th { "uncertain" }
            }
            @for (place, row) in places {
                tr {
                    td { (place) } td.text { (row.model) } td.text { "spent" } td { (row.requests) } td { (row.known) }
                    td { (row.prompt_tokens) } td { (row.completion_tokens) } td { (money(row.cost)) } td { (uncertain(row)) }
                }
                @if let Some(forecast) = &row.forecast {
                    tr {
                        td {} td {} td.text { "forecast" } td { (forecast.requests) } td {}
                        td { (forecast.prompt_tokens) } td { (forecast.completion_tokens) } td { (money(forecast.cost)) } td {}
                    }
                }
            }
        } }
        p.soft {
            "Tokens as the endpoints counted them. Uncertain is what requests took at most whose answers never came, because a "
            "connection broke or a process ended: they may have been paid for and count towards the caps. What was taken from "
            "the cache was paid for before."
        }
    }
}

/// A line for each place, for the terminal.
pub(crate) fn lines(places: &BTreeMap<String, EndpointRow>) -> String {
    let mut out = String::new();
    for (place, row) in places {
        let _ = write!(
            out,
            "{place} at its endpoint: {} answers, {} tokens read, {} written",
            row.requests, row.prompt_tokens, row.completion_tokens
        );
        if row.known > 0 {
            let _ = write!(out, ", {} answers taken from the cache", row.known);
        }
        if row.cost.is_some() {
            let _ = write!(out, ", cost {}", money(row.cost));
        }
        if row.uncertain_tokens > 0 {
            let _ = write!(out, ", uncertain {}", uncertain(row));
        }
        if let Some(forecast) = &row.forecast {
            let _ = write!(
                out,
                "; forecast {} tokens read, {} written",
                forecast.prompt_tokens, forecast.completion_tokens
            );
            if forecast.cost.is_some() {
                let _ = write!(out, ", cost {}", money(forecast.cost));
            }
        }
        out.push('\n');
    }
    out
}

fn money(cost: Option<f64>) -> String {
    cost.map_or_else(|| "–".to_owned(), amount)
}

/// Cents; of less than a tenth more places, so that it does not read as nothing.
fn amount(money: f64) -> String {
    if money >= 0.1 || money <= 0.0 {
        format!("{money:.2}")
    } else {
        format!("{money:.6}")
    }
}

fn uncertain(row: &EndpointRow) -> String {
    match (row.uncertain_tokens, row.uncertain_cost) {
        (0, _) => "0".to_owned(),
        (tokens, Some(cost)) => format!("{} ({tokens} tokens)", amount(cost)),
        (tokens, None) => format!("{tokens} tokens"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> BTreeMap<String, EndpointRow> {
        let priced = EndpointRow {
            model: "tuned & served".to_owned(),
            requests: 100,
            known: 7,
            prompt_tokens: 4200,
            completion_tokens: 900,
            cost: Some(1.5),
            uncertain_cost: Some(0.02),
            uncertain_tokens: 60,
            forecast: Some(ForecastRow {
                requests: 107,
                prompt_tokens: 4000,
                completion_tokens: 1000,
                cost: Some(1.6),
            }),
        };
        let unpriced = EndpointRow {
            model: "judge".to_owned(),
            requests: 3,
            prompt_tokens: 30,
            completion_tokens: 3,
            ..EndpointRow::default()
        };
        BTreeMap::from([
            ("synthesizer".to_owned(), priced),
            ("filter".to_owned(), unpriced),
        ])
    }

    #[test]
    fn what_was_spent_stands_beside_what_was_forecast() {
        let section = section(&places()).into_string();
        for part in [
            "<td>synthesizer</td><td class=\"text\">tuned &amp; served</td><td class=\"text\">spent</td><td>100</td><td>7</td>\
             <td>4200</td><td>900</td><td>1.50</td><td>0.020000 (60 tokens)</td>",
            "<td class=\"text\">forecast</td><td>107</td><td></td><td>4000</td><td>1000</td><td>1.60</td>",
            "<td>filter</td><td class=\"text\">judge</td><td class=\"text\">spent</td><td>3</td><td>0</td><td>30</td><td>3</td>\
             <td>–</td><td>0</td>",
        ] {
            assert!(section.contains(part), "{part} in {section}");
        }
        assert_eq!(
            lines(&places()),
            "filter at its endpoint: 3 answers, 30 tokens read, 3 written\n\
             synthesizer at its endpoint: 100 answers, 4200 tokens read, 900 written, 7 answers taken from the cache, cost 1.50, \
             uncertain 0.020000 (60 tokens); forecast 4000 tokens read, 1000 written, cost 1.60\n"
        );
    }
}
