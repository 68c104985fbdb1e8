//! How far raters agree.

use evaluation::statistics::{
    Bootstrap, Clusters, Level, Weights, alpha_interval, exact_agreement, kappa, pairs, rater_bias,
};
use serde::{Deserialize, Serialize};

use super::interval::{Difference, OfPair, difference};
use super::table::Table;
use crate::aspect::{Aspect, Scale};
use crate::rating::{Ground, Rater};
use crate::sample::Sample;

/// Agreement about an aspect. Known truth is one of the raters in pairs only: alpha and biases are of models and people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Of what.
    pub aspect: Aspect,
    /// Krippendorff's alpha: ordinal of levels, nominal of yes and no and of lists. None with fewer than two raters, or why it has no value
    /// stands in `undefined`.
    pub alpha: Option<f64>,
    /// 95 %, over pairs.
    pub interval: Option<[f64; 2]>,
    /// Items with two ratings or more.
    pub items: usize,
    /// Share of equal ratings, in percent.
    pub same: Option<f64>,
    /// Why alpha has no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
    /// Each two raters.
    pub pairs: Vec<PairAgreement>,
    /// How much more or less each gives than the others; none of lists.
    pub biases: Vec<Bias>,
}

/// Agreement of two raters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairAgreement {
    /// The first.
    pub one: Rater,
    /// The second.
    pub other: Rater,
    /// Items that both rated.
    pub items: usize,
    /// Cohen's kappa, of levels with squared weights.
    pub kappa: Option<f64>,
    /// Share of equal values, in percent.
    pub same: Option<f64>,
    /// The first less the second on the items that both rated; none of lists.
    pub difference: Option<Difference>,
}

/// How much more a rater gives than the mean of the others, on items that they share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bias {
    /// Who.
    pub rater: Rater,
    /// In points.
    pub bias: f64,
    /// 95 %; none with one pair.
    pub interval: Option<[f64; 2]>,
    /// Shared items.
    pub items: usize,
}

pub(super) fn agreement(tables: &[Table<'_>], sample: &Sample, seed: u64) -> Vec<Agreement> {
    let all = Aspect::ALL.into_iter();
    all.filter_map(|aspect| of_aspect(aspect, tables, sample, seed))
        .collect()
}

fn of_aspect(
    aspect: Aspect,
    tables: &[Table<'_>],
    sample: &Sample,
    seed: u64,
) -> Option<Agreement> {
    let value = |table: &Table<'_>, key: &str| {
        if aspect.scale() == Scale::Classes {
            let number = table.classes.get(&aspect)?.get(key)?;
            return Some(*number as f64);
        }
        table.of(aspect, key)
    };
    // Who said anything of it.
    let said = |table: &&Table<'_>| {
        table.points.contains_key(&aspect) || table.classes.contains_key(&aspect)
    };
    let tables: Vec<&Table<'_>> = tables.iter().filter(said).collect();
    if tables.len() < 2 {
        return None;
    }
    let units_of = |tables: &[&Table<'_>]| -> Vec<Vec<Option<f64>>> {
        let items = sample.items.iter();
        items
            .map(|item| {
                let of_item = tables.iter().map(|table| value(table, &item.key));
                of_item.collect()
            })
            .collect()
    };
    let pair_keys: Vec<&str> = sample.items.iter().map(|item| item.pair.as_str()).collect();
    let (clusters, bootstrap) = (Clusters::new(&pair_keys), Bootstrap::new(seed));
    let is_judge = |table: &&&Table<'_>| table.rater.ground != Ground::Truth;
    let judges: Vec<&Table<'_>> = tables.iter().filter(is_judge).copied().collect();
    let units = units_of(&judges);
    let level = match aspect.scale() {
        Scale::Levels => Level::Ordinal,
        Scale::YesNo | Scale::Classes => Level::Nominal,
    };
    let alpha = (judges.len() > 1).then(|| alpha_interval(&units, level, &clusters, &bootstrap));
    let (alpha, undefined) = match alpha {
        Some(Ok(found)) => (Some(found), None),
        Some(Err(why)) => (None, Some(why.to_string())),
        None => (None, None),
    };
    let is_graded = aspect.scale() != Scale::Classes;
    let biases = judges.iter().enumerate().filter_map(|(at, table)| {
        let found = rater_bias(&units, at, &clusters, &bootstrap).ok()?;
        Some(Bias {
            rater: table.rater.clone(),
            bias: found.mean,
            interval: found.interval,
            items: found.items,
        })
    });
    let biases = if is_graded {
        biases.collect()
    } else {
        Vec::new()
    };
    let all = units_of(&tables);
    let weights = match aspect.scale() {
        Scale::Levels => Weights::Quadratic,
        Scale::YesNo | Scale::Classes => Weights::Plain,
    };
    let mut of_pairs = Vec::new();
    for (at, one) in tables.iter().enumerate() {
        for (further, other) in tables[at + 1..].iter().enumerate() {
            let both = pairs(&all, at, at + 1 + further);
            if both.is_empty() {
                continue;
            }
            let two: Vec<Vec<Option<f64>>> =
                both.iter().map(|(a, b)| vec![Some(*a), Some(*b)]).collect();
            let sides: Vec<(OfPair<'_>, OfPair<'_>)> = sample
                .items
                .iter()
                .filter_map(|item| {
                    let (a, b) = (value(one, &item.key)?, value(other, &item.key)?);
                    Some(((item.pair.as_str(), a), (item.pair.as_str(), b)))
                })
                .collect();
            let (ones, others): (Vec<OfPair<'_>>, Vec<OfPair<'_>>) = sides.into_iter().unzip();
            of_pairs.push(PairAgreement {
                one: one.rater.clone(),
                other: other.rater.clone(),
                items: both.len(),
                kappa: kappa(&both, weights),
                same: exact_agreement(&two).map(|share| 100.0 * share),
                difference: is_graded
                    .then(|| difference(&ones, &others, seed))
                    .flatten(),
            });
        }
    }
    Some(Agreement {
        aspect,
        alpha: alpha.map(|found| found.alpha),
        interval: alpha.and_then(|found| found.interval),
        items: alpha.map_or(0, |found| found.units),
        same: exact_agreement(&units).map(|share| 100.0 * share),
        undefined,
        pairs: of_pairs,
        biases,
    })
}
