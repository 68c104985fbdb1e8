//! The quality of data: what models, people and known truth say of several sets, as a page, as Markdown and as JSON.
//!
//! [`QualityPage`] is all of it as plain data; [`html`], [`markdown`] and [`json`] write it.

mod charts;
mod html;
mod markdown;
mod sections;
mod trust;

use std::collections::BTreeMap;

use quality::assessment::Assessment;
use quality::{Aspect, Case};
use serde::Serialize;

pub use html::html;
pub use markdown::markdown;

/// Everything that the page shows.
#[derive(Debug)]
pub struct QualityPage<'a> {
    /// The heading.
    pub title: &'a str,
    /// What was sampled and what the numbers are about, in a few sentences.
    pub about: &'a [String],
    /// The numbers.
    pub assessment: &'a Assessment,
    /// What was measured without a judge.
    pub measures: &'a [PlainTable],
    /// What others have published, to stand beside.
    pub published: &'a [Published],
    /// Pairs with what every set makes of them.
    pub cases: &'a [Case],
}

/// A table of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlainTable {
    /// What stands above it.
    pub title: String,
    /// One text a column.
    pub header: Vec<String>,
    /// As long as the header each.
    pub rows: Vec<Vec<String>>,
}

/// Published numbers of a set, 0 to 100.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Published {
    /// What the numbers are of, such as `Recipe1M, rule`.
    pub name: String,
    /// Where they stand, and who judged.
    pub source: String,
    /// Means by aspect.
    pub values: BTreeMap<Aspect, f64>,
    /// Distinct task types in percent of the paper's 17.
    pub diversity: Option<f64>,
}

/// The page's data for programs: the assessment, measures, published numbers and cases.
pub fn json(page: &QualityPage<'_>) -> serde_json::Value {
    serde_json::json!({
        "title": page.title,
        "about": page.about,
        "assessment": page.assessment,
        "measures": page.measures,
        "published": page.published,
        "cases": page.cases,
    })
}

#[cfg(test)]
mod tests;
