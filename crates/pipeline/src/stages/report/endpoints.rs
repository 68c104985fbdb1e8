//! What a stage spent at its endpoint, against what the run forecast when it began.

use report::{EndpointRow, ForecastRow};
use run::plan::{EndpointCost, Forecast};
use run::spending::Spending;

use crate::stage::Site;

/// Of a finished stage; none where it asked nothing.
pub(super) fn spent(
    site: &Site<'_>,
    stage: &str,
    section: &str,
    model: &str,
) -> Option<EndpointRow> {
    let manifest = site.manifest(stage)?;
    let spending = Spending::of(&manifest.counts)?;
    let forecast = Forecast::read(site.run).map(|forecast| forecast.places);
    let mut forecast = forecast.into_iter().flatten();
    Some(row(
        spending,
        forecast.find(|one| one.place == section),
        model,
    ))
}

fn row(spending: Spending, forecast: Option<EndpointCost>, model: &str) -> EndpointRow {
    // Nothing was counted in money where there are no prices.
    let is_priced = spending.cost > 0.0 || forecast.as_ref().is_some_and(|one| one.cost.is_some());
    let money = |cost: f64| is_priced.then_some(cost);
    EndpointRow {
        model: model.to_owned(),
        requests: spending.answered,
        known: spending.known,
        prompt_tokens: spending.prompt_tokens,
        completion_tokens: spending.completion_tokens,
        cost: money(spending.cost),
        uncertain_cost: money(spending.uncertain_cost),
        uncertain_tokens: spending.uncertain_tokens,
        forecast: forecast.map(|one| ForecastRow {
            requests: one.requests,
            prompt_tokens: one.prompt_tokens,
            completion_tokens: one.completion_tokens,
            cost: one.cost,
        }),
    }
}

#[cfg(test)]
mod tests {
    use endpoint::{Amount, Money, Spent, Usage};

    use super::*;
    use crate::endpoints::AskedThere;
    use crate::stages::synthesize::Counts;

    /// What a stage counts is what the report reads, through the manifest's JSON.
    #[test]
    fn counts_of_a_client_become_a_row() {
        let money = |amount: f64| Money::new(amount).expect("an amount");
        let spent = Spent {
            paid: Amount {
                cost: money(1.25),
                tokens: 30,
            },
            uncertain: Amount {
                cost: money(0.5),
                tokens: 7,
            },
            usage: Usage {
                prompt_tokens: 20,
                completion_tokens: 10,
                cached_tokens: 4,
            },
            requests: 5,
            answered: 3,
            ..Spent::default()
        };
        let counts = Counts {
            requests: 4,
            triplets: 3,
            again: 0,
            endpoint: Some(AskedThere {
                spent,
                known: 1,
                ..AskedThere::default()
            }),
        };
        let written = serde_json::to_value(counts).expect("JSON");
        let spending = Spending::of(&written).expect("asked at an endpoint");
        let forecast = EndpointCost {
            place: "synthesizer".to_owned(),
            requests: 4,
            prompt_tokens: 25,
            completion_tokens: 12,
            cost: Some(1.5),
            ..EndpointCost::default()
        };
        let expected = EndpointRow {
            model: "tuned".to_owned(),
            requests: 3,
            known: 1,
            prompt_tokens: 20,
            completion_tokens: 10,
            cost: Some(1.25),
            uncertain_cost: Some(0.5),
            uncertain_tokens: 7,
            forecast: Some(ForecastRow {
                requests: 4,
                prompt_tokens: 25,
                completion_tokens: 12,
                cost: Some(1.5),
            }),
        };
        assert_eq!(row(spending, Some(forecast), "tuned"), expected);
        // A model that is loaded spends nothing, and nobody tells of it.
        let loaded = serde_json::to_value(Counts::default()).expect("JSON");
        assert_eq!(Spending::of(&loaded), None);
    }
}
