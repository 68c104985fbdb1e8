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
    let node = site.graph.node(stage)?;
    let manifest = site.graph.stage_folder(site.run, node).manifest()?;
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
