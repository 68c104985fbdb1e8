//! Known truth as a rater.

use std::collections::BTreeMap;

use corpus::Triplet;
use serde_json::Value;
use synthesis::quality::{of_task, of_triplet};
use synthesis::truth::Truth;
use synthesis::{Answers, SyntheticTask};

use super::table::{Table, pairs};
use crate::aspect::Aspect;
use crate::item::Item;
use crate::rating::{Ground, Rater};
use crate::sample::Sample;
use crate::task_types::task_type;

/// What is known of the sample's items; none where nothing is.
pub(super) fn table<'a>(sample: &'a Sample, truth: &BTreeMap<String, Truth>) -> Option<Table<'a>> {
    let mut points: BTreeMap<Aspect, BTreeMap<&str, f64>> = BTreeMap::new();
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    for item in &sample.items {
        for (aspect, value) in known(item, truth.get(&item.pair)) {
            points.entry(aspect).or_default().insert(&item.key, value);
        }
        // The data's own name of the task may tell its kind.
        if let Some(kind) = item.task.as_deref().and_then(task_type) {
            types.insert(&item.key, kind.number());
        }
    }
    if points.is_empty() {
        return None;
    }
    let classes = if types.is_empty() {
        BTreeMap::new()
    } else {
        BTreeMap::from([(Aspect::TaskType, types)])
    };
    Some(Table {
        rater: Rater {
            ground: Ground::Truth,
            name: "known truth".to_owned(),
        },
        author: String::new(),
        points,
        classes,
        raw: BTreeMap::new(),
        reasons: BTreeMap::new(),
        foreign: 0,
        pairs: pairs(sample),
    })
}

fn known(item: &Item, truth: Option<&Truth>) -> Vec<(Aspect, f64)> {
    let Some(truth) = truth else {
        return Vec::new();
    };
    let (Some(informative), Some(precise)) = (&item.informative, &item.precise) else {
        let task = SyntheticTask {
            id: item.id.clone(),
            pair: item.pair.clone(),
            exchanges: item.exchanges.clone(),
            template: String::new(),
            origin: Value::Null,
        };
        let found = of_task(&task, "", Some(truth)).accuracy;
        return found
            .map(|value| (Aspect::Accuracy, value))
            .into_iter()
            .collect();
    };
    let (instruction, response) = item
        .exchanges
        .first()
        .map_or(("", ""), |[asked, said]| (asked.as_str(), said.as_str()));
    let question = item.question.as_deref().unwrap_or(instruction);
    let triplet = Triplet {
        id: item.id.clone(),
        pair: item.pair.clone(),
        instruction: question.to_owned(),
        informative: informative.clone(),
        precise: precise.clone(),
        origin: Value::Null,
    };
    let of = |answers| of_triplet(&triplet, answers, "", Some(truth));
    // What is trained is one of the answers, or both in some wording.
    let says = |answer: &str| response.contains(answer.trim());
    let is = |answer: &str| response.trim() == answer.trim();
    let trained = if is(precise) || says(precise) && !says(informative) {
        Answers::Precise
    } else if is(informative) || says(informative) && !says(precise) {
        Answers::Informative
    } else {
        Answers::Joined
    };
    let all = [
        (Aspect::Accuracy, of(trained).accuracy),
        (Aspect::PreciseAccuracy, of(Answers::Precise).accuracy),
        (
            Aspect::InformativeAccuracy,
            of(Answers::Informative).accuracy,
        ),
        (Aspect::Consistency, of(Answers::Precise).consistency),
    ];
    all.into_iter()
        .filter_map(|(aspect, value)| Some((aspect, value?)))
        .collect()
}
