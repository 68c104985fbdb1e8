//! What models, people and known truth say of a sample, put together as numbers with their intervals.
//!
//! **Scale.** All numbers are 0 to 100. A level from 1 to 5 is 25 · (level − 1), so that 1 is 0 and 5 is 100; the paper rescales
//! without giving its formula. Yes is 100 and no is 0. By known truth an answer is 100 or 0, and a conversation has the share of its
//! known questions that are answered right. Where a judge was asked twice, an item has the mean of both answers before anything
//! else is computed.
//!
//! **Intervals** hold the truth 95 % of the time and draw pairs, not items: tasks about one picture are right or wrong together.
//!
//! **A set that measures its filter** is drawn by whether the filter kept an item, not by how frequent that is. Its kept and its
//! dropped items are therefore two rows everywhere, and never one mean.

mod agreement;
mod behaviour;
mod classes;
mod filter;
mod interval;
mod means;
mod own;
mod parts;
mod raters;
mod scores;
mod table;
mod truth;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synthesis::prompts::RubricPrompts;
use synthesis::truth::Truth;

use crate::rating::{Ground, Rater};
use crate::sample::Sample;

pub use agreement::{Agreement, Bias, PairAgreement};
pub use behaviour::{AspectRatings, PassEffect, Turned};
pub use classes::ClassCounts;
pub use filter::{FilterQuality, StratumCounts};
pub use interval::{Difference, Mean};
pub use means::{MeanOf, SetDifference};
pub use own::OwnRating;
pub use parts::Part;
pub use raters::RaterRatings;
pub use scores::{ItemScore, scores};

/// How ratings are put together.
#[derive(Clone, Copy, Debug)]
pub struct AssessmentOptions<'a> {
    /// What is known of pairs, by their ids; it becomes one more rater.
    pub truth: Option<&'a BTreeMap<String, Truth>>,
    /// An item of a set that measures its filter is right from this level of accuracy on: 5 in the paper's scale.
    pub right_level: usize,
    /// The names of task types and picture domains.
    pub prompts: &'a RubricPrompts,
    /// The same seed gives the same intervals.
    pub seed: u64,
}

/// All that is known of the quality of the sampled sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// [`Sample::id`].
    pub sample: String,
    /// The sample's seed.
    pub seed: u64,
    /// What is compared, in the order of the sets.
    pub parts: Vec<Part>,
    /// Who rated, in the order that was given, and known truth last.
    pub raters: Vec<Rater>,
    /// What each said of each aspect, before anything is averaged.
    pub ratings: Vec<AspectRatings>,
    /// The means.
    pub means: Vec<MeanOf>,
    /// Each part against each later one.
    pub differences: Vec<SetDifference>,
    /// Task types and picture domains.
    pub classes: Vec<ClassCounts>,
    /// What the numbers of task types stand for, from 1.
    pub task_types: Vec<String>,
    /// What the numbers of picture domains stand for, from 1.
    pub image_domains: Vec<String>,
    /// What the order does to a judge.
    pub passes: Vec<PassEffect>,
    /// Agreement of models and people, aspect by aspect.
    pub agreement: Vec<Agreement>,
    /// Judges that rated what they had written.
    pub own: Vec<OwnRating>,
    /// The filters that were measured.
    pub filters: Vec<FilterQuality>,
    /// What a reader has to know, a sentence each.
    pub warnings: Vec<String>,
}

/// Puts together what all raters said of a sample. Ratings of items that the sample lacks are counted and otherwise left out.
pub fn assess(
    sample: &Sample,
    raters: &[RaterRatings],
    options: &AssessmentOptions<'_>,
) -> Assessment {
    let parts = parts::parts(sample);
    let mut tables: Vec<table::Table<'_>> = raters
        .iter()
        .map(|of| table::Table::new(sample, of))
        .collect();
    if let Some(known) = options.truth {
        tables.extend(truth::table(sample, known));
    }
    let seed = options.seed;
    let ratings = behaviour::ratings(&tables);
    let passes = behaviour::passes(&tables, seed);
    let own = own::own(&tables, sample, seed);
    let task_types = options.prompts.task_type.options.clone();
    let mut out = Assessment {
        sample: sample.id.clone(),
        seed: sample.seed,
        raters: tables.iter().map(|table| table.rater.clone()).collect(),
        means: means::means(&tables, &parts, seed),
        differences: means::differences(&tables, &parts, seed),
        classes: classes::counts(&tables, &parts, options.prompts),
        image_domains: options.prompts.image_domain.options.clone(),
        agreement: agreement::agreement(&tables, sample, seed),
        filters: filter::filters(&tables, sample, options.right_level),
        parts: parts.into_iter().map(|part| part.about).collect(),
        task_types,
        ratings,
        passes,
        own,
        warnings: Vec::new(),
    };
    out.warnings = warnings(&out, &tables, sample);
    out
}

fn warnings(found: &Assessment, tables: &[table::Table<'_>], sample: &Sample) -> Vec<String> {
    let mut out = Vec::new();
    for set in &sample.sets {
        let drawn = sample.items.iter().filter(|i| i.set == set.name).count();
        if drawn < 200 && !set.is_of_filter {
            out.push(format!(
                "set `{}` has {drawn} items in the sample, fewer than the paper's 200",
                set.name
            ));
        }
    }
    for table in tables {
        if table.foreign > 0 {
            out.push(format!(
                "{} ratings of `{}` are of items that the sample lacks, and are left out",
                table.foreign, table.rater.name
            ));
        }
    }
    for of in &found.ratings {
        let (name, aspect) = (&of.rater.name, of.aspect.as_str());
        if of.says_nothing {
            let [value, share] = of.most_frequent.map_or([0.0; 2], |(v, s)| [v as f64, s]);
            out.push(format!(
                "`{name}` says nothing about {aspect}: {:.0} % of the ratings are {value}",
                100.0 * share
            ));
        }
        if of.unread > 0 && of.asked > 0 {
            let reasons: Vec<String> = of
                .reasons
                .iter()
                .map(|(reason, count)| format!("{} {count}", reason.as_str()))
                .collect();
            let reasons = if reasons.is_empty() {
                String::new()
            } else {
                format!(" ({})", reasons.join(", "))
            };
            out.push(format!(
                "`{name}`, {aspect}: {} of {} answers could not be read{reasons}",
                of.unread, of.asked
            ));
        }
    }
    for pass in &found.passes {
        if pass.effect.excludes_zero() {
            out.push(format!(
                "`{}` is swayed by order, {}: {}",
                pass.rater.name,
                pass.aspect.as_str(),
                pass.sentence()
            ));
        }
    }
    for own in &found.own {
        match &own.excess {
            None => out.push(format!(
                "`{}` rated what it had written ({}); whether it prefers it cannot be told without another rater of the same items",
                own.rater.name,
                own.aspect.as_str()
            )),
            Some(excess) if excess.interval[0] > 0.0 => out.push(format!(
                "`{}` prefers what it has written: {:+.1} ({:+.1} to {:+.1}) in {} beyond what other raters find",
                own.rater.name,
                excess.difference,
                excess.interval[0],
                excess.interval[1],
                own.aspect.as_str()
            )),
            Some(_) => {}
        }
    }
    if !found.raters.is_empty() && found.raters.iter().all(|r| r.ground == Ground::Model) {
        out.push(
            "all numbers are a model's opinion; no person and no known truth checks them"
                .to_owned(),
        );
    }
    out
}

#[cfg(test)]
mod tests;
