//! The last stage: numbers as `summary.json`, and the page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use corpus::{Consistency, Pair, Prediction, Triplet, Verdict, jsonl};
use evaluation::{Paired, average, majority};
use synthesis::Funnel;

use super::Counts;
use super::evaluate::{Item, MetricName, tasks};
use crate::context::{Context, read_if_there, read_rejected};
use crate::demo::data::{Truth, truth_of};
use crate::demo::world;
use crate::report::{Card, Curve, FilterScore, Flip, Page, Summary, embedded_picture, render};
use crate::run_folder::{STAGES, write_json};

const CARDS: usize = 12;
const FLIPS: usize = 12;

/// Rows of tasks about things that training never named are shown, but not averaged.
const APART: [&str; 2] = ["unseen-", "general-"];

pub(super) fn run(context: &Context, folder: &Path) -> Result<Counts> {
    let mut paired = Vec::new();
    let mut flips = Vec::new();
    for (task, items) in tasks(context)? {
        let sheet = |name: &str| -> Result<Vec<Prediction>> {
            Ok(jsonl::read(
                &context
                    .run
                    .stage("evaluate")
                    .join(name)
                    .join(format!("{task}.jsonl")),
            )?)
        };
        let (base, adapted, blind) = (sheet("base")?, sheet("adapted")?, sheet("blind")?);
        let scores = |sheet: &[Prediction]| {
            sheet
                .iter()
                .map(|p| p.score.unwrap_or(0.0))
                .collect::<Vec<f64>>()
        };
        flips.extend(changed(&task, &items, &base, &adapted));
        paired.push(Paired {
            majority: majority_score(&items),
            blind: Some(mean(&scores(&blind))),
            metric: items.first().map_or("", |i| i.metric.as_str()).to_owned(),
            clusters: items.iter().map(|i| i.cluster.clone()).collect(),
            base: scores(&base),
            adapted: scores(&adapted),
            task,
        });
    }
    let seed = context.recipe.seed;
    let rows = paired
        .iter()
        .map(|p| p.score(seed))
        .collect::<Result<Vec<_>, _>>()?;
    let averaged: Vec<Paired> = paired
        .iter()
        .filter(|p| !APART.iter().any(|a| p.task.starts_with(a)))
        .cloned()
        .collect();
    let truth = truth_of(context.run)?;
    let summary = Summary {
        seed,
        seconds: seconds(context),
        peak_rss_bytes: peak_rss(context)?.max(train::peak_rss_bytes()),
        funnel: funnel(context)?,
        filter: filter_score(context, &truth)?,
        tasks: rows,
        average: average(&averaged, seed)?,
    };
    write_json(&folder.join("summary.json"), &summary)?;
    let cards = cards(context, &truth)?;
    let flips = balanced(flips);
    let recipe: Vec<(String, String, String)> = context
        .recipe
        .resolution
        .iter()
        .map(|(key, r)| {
            (
                key.clone(),
                r.value.to_string(),
                crate::recipe::origin_text(&r.origin),
            )
        })
        .collect();
    let about = about(context);
    let page = render(&Page {
        title: "A general multimodal model, before and after",
        about: &about,
        summary: &summary,
        cards: &cards,
        flips: &flips,
        curves: &all_curves(context)?,
        recipe: &recipe,
    });
    std::fs::write(folder.join("index.html"), page)?;
    Ok(Counts::from([(
        "tasks".to_owned(),
        summary.tasks.len() as u64,
    )]))
}

fn about(context: &Context) -> Vec<String> {
    let mut out = vec![
        "The model was adapted to a domain from image-caption pairs alone: a synthesizer tuned on seed data wrote tasks \
         for each pair, a judge left out the inconsistent ones, and captions and tasks were trained together in a \
         single stage."
            .to_owned(),
    ];
    if context.recipe.uses_demo_base() {
        out.push(
            "The base is the demo's own toy model of a few million parameters, trained from scratch on pictograms. Its \
             numbers say whether the road works, and nothing about any real model or benchmark."
                .to_owned(),
        );
    }
    if context.recipe.mix.general.is_some() && context.recipe.mix.general_ratio > 0.0 {
        out.push(format!(
            "General replay is on ({} samples for each domain sample), which the paper does not have. Tasks named \
             `unseen-` and `general-` are shown but not averaged.",
            context.recipe.mix.general_ratio
        ));
    }
    out
}

fn seconds(context: &Context) -> BTreeMap<String, f64> {
    STAGES
        .iter()
        .filter_map(|s| Some(((*s).to_owned(), context.run.manifest(s)?.seconds)))
        .collect()
}

/// The largest memory that any training of the run noted.
fn peak_rss(context: &Context) -> Result<u64> {
    let mut peak = 0;
    for stage in ["tune-synthesizer", "train"] {
        peak = metrics(context, stage)?
            .iter()
            .map(|m| m.peak_rss_bytes)
            .fold(peak, u64::max);
    }
    Ok(peak)
}

/// What a training stage noted of its steps; none if it did not train.
fn metrics(context: &Context, stage: &str) -> Result<Vec<train::Metrics>> {
    read_if_there(&context.run.stage(stage).join("metrics.jsonl"))
}

fn count(context: &Context, stage: &str, name: &str) -> usize {
    context
        .run
        .manifest(stage)
        .and_then(|m| m.counts.get(name).copied())
        .unwrap_or(0) as usize
}

fn funnel(context: &Context) -> Result<Funnel> {
    let triplets = |stage: &str| -> Result<Vec<Triplet>> {
        Ok(jsonl::read(
            &context.run.stage(stage).join("triplets.jsonl"),
        )?)
    };
    let mut funnel = Funnel {
        pairs: count(context, "synthesize", "pairs"),
        held_out: count(context, "synthesize", "held out"),
        parsed: triplets("synthesize")?.len(),
        consistent: triplets("filter")?.len(),
        kept: count(context, "mix", "with a task"),
        rejects: BTreeMap::new(),
    };
    for stage in STAGES {
        funnel.count(&read_rejected(&context.run.stage(stage))?);
    }
    Ok(funnel)
}

/// Whether the precise answer is right, for triplets that ask a question of the world.
fn is_right(triplet: &Triplet, truth: &BTreeMap<String, Truth>) -> Option<(bool, String)> {
    let thing = &truth.get(&triplet.pair)?.thing;
    let (_, answer) = world::answer(thing, &triplet.instruction)?;
    let right = synthesis::judge::extraction(&triplet.precise, &answer) == Consistency::Yes;
    Some((right, answer))
}

fn filter_score(context: &Context, truth: &BTreeMap<String, Truth>) -> Result<Option<FilterScore>> {
    if truth.is_empty() || !context.recipe.mix.synthetic {
        return Ok(None);
    }
    let parsed: Vec<Triplet> =
        jsonl::read(&context.run.stage("synthesize").join("triplets.jsonl"))?;
    let kept: Vec<Triplet> = jsonl::read(&context.run.stage("filter").join("triplets.jsonl"))?;
    let kept: BTreeSet<&str> = kept.iter().map(|t| t.id.as_str()).collect();
    let known: BTreeMap<String, bool> = parsed
        .iter()
        .filter_map(|t| Some((t.id.clone(), is_right(t, truth)?.0)))
        .collect();
    let counts = synthesis::measure::counts(&kept, &known);
    let share = |part: usize, whole: usize| {
        if whole == 0 {
            0.0
        } else {
            100.0 * part as f64 / whole as f64
        }
    };
    Ok((!known.is_empty()).then(|| FilterScore {
        precision: share(counts.kept_right, counts.kept_right + counts.kept_wrong),
        recall: share(counts.kept_right, counts.kept_right + counts.dropped_right),
        before: share(counts.kept_right + counts.dropped_right, known.len()),
        known: known.len(),
    }))
}

fn cards(context: &Context, truth: &BTreeMap<String, Truth>) -> Result<Vec<Card>> {
    let synthesized = context.run.stage("synthesize");
    let pairs: Vec<Pair> = jsonl::read(&synthesized.join("pairs.jsonl"))?;
    let pairs: BTreeMap<&str, &Pair> = pairs.iter().map(|p| (p.id.as_str(), p)).collect();
    let parsed: Vec<Triplet> = jsonl::read(&synthesized.join("triplets.jsonl"))?;
    let kept: Vec<Triplet> = jsonl::read(&context.run.stage("filter").join("triplets.jsonl"))?;
    let kept: BTreeSet<String> = kept.into_iter().map(|t| t.id).collect();
    let verdicts: Vec<Verdict> =
        read_if_there(&context.run.stage("filter").join("verdicts.jsonl"))?;
    let verdicts: BTreeMap<&str, &Verdict> = verdicts.iter().map(|v| (v.id.as_str(), v)).collect();
    let step = (parsed.len() / CARDS).max(1);
    let shown = parsed.iter().step_by(step).take(CARDS);
    Ok(shown
        .filter_map(|triplet| {
            let pair = pairs.get(triplet.pair.as_str())?;
            Some(Card {
                picture: pair.images.first().and_then(|p| embedded_picture(p)),
                caption: pair.caption.clone(),
                instruction: triplet.instruction.clone(),
                informative: triplet.informative.clone(),
                precise: triplet.precise.clone(),
                verdict: verdicts
                    .get(triplet.id.as_str())
                    .map_or_else(|| "not asked".to_owned(), |v| v.raw.clone()),
                kept: kept.contains(&triplet.id),
                truth: is_right(triplet, truth).map(|(_, answer)| answer),
            })
        })
        .collect())
}

fn changed(task: &str, items: &[Item], base: &[Prediction], adapted: &[Prediction]) -> Vec<Flip> {
    let text = |p: &Prediction| p.prediction.clone().unwrap_or_default();
    let right = |p: &Prediction| p.score.unwrap_or(0.0) >= 50.0;
    let rows = items.iter().zip(base.iter().zip(adapted));
    rows.filter(|(_, (b, a))| right(b) != right(a))
        .map(|(item, (b, a))| Flip {
            task: task.to_owned(),
            picture: item.images.first().and_then(|p| embedded_picture(p)),
            question: item.question.clone(),
            label: item.label.clone(),
            base: text(b),
            adapted: text(a),
            base_right: right(b),
            adapted_right: right(a),
        })
        .take(200)
        .collect()
}

/// A few of all flips, evenly drawn, so that losses are shown as gains are.
fn balanced(flips: Vec<Flip>) -> Vec<Flip> {
    let step = (flips.len() / FLIPS).max(1);
    flips.into_iter().step_by(step).take(FLIPS).collect()
}

fn all_curves(context: &Context) -> Result<Vec<Curve>> {
    let mut out = Vec::new();
    for (stage, name) in [
        ("tune-synthesizer", "synthesizer"),
        ("train", "adapted model"),
    ] {
        let metrics = metrics(context, stage)?;
        let points = |value: fn(&train::Metrics) -> f64| {
            metrics.iter().map(|m| (m.step as f64, value(m))).collect()
        };
        out.push(Curve {
            name: format!("{name}: loss in nats per learned token"),
            points: points(|m| m.loss),
        });
        out.push(Curve {
            name: format!("{name}: gradient norm before clipping"),
            points: points(|m| m.grad_norm),
        });
    }
    out.retain(|c| c.points.len() > 1);
    Ok(out)
}

/// The score of always giving the most frequent answer; none where answers are free text.
fn majority_score(items: &[Item]) -> Option<f64> {
    if items.iter().any(|i| i.metric == MetricName::RougeL) {
        return None;
    }
    let labels: Vec<&str> = items.iter().map(|i| i.label.as_str()).collect();
    majority(&labels).map(|(_, score)| score)
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        0.0
    } else {
        values.iter().sum::<f64>() / values.len() as f64
    }
}
