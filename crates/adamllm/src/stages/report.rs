//! The last stage: numbers as `summary.json`, and the page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use corpus::{Consistency, Pair, Prediction, Triplet, Verdict, jsonl};
use evaluation::{Paired, average, majority};
use synthesis::{Funnel, measure};

use super::Counts;
use super::evaluate::tasks;
use crate::context::{Context, read_if_there, read_rejected};
use crate::demo::data::{Truth, truth_of};
use crate::demo::world;
use crate::report::{
    Against, Card, Curve, FilterScore, Flip, Page, Summary, embedded_picture, render,
};
use crate::run_folder::STAGES;
use corpus::sealed::write_json;
use evaluation::questions::{Item, MetricName};

const CARDS: usize = 12;
const FLIPS: usize = 12;

/// Tasks about things that training never named are shown, and averaged apart.
const UNSEEN: &str = "unseen-";
/// So are general tasks.
const GENERAL: &str = "general-";

pub(super) fn run(context: &Context, folder: &Path) -> Result<Counts> {
    let mut paired = Vec::new();
    let mut flips = Vec::new();
    let mut majorities: BTreeMap<String, Option<Vec<f64>>> = BTreeMap::new();
    let mut rivals: BTreeMap<&str, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
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
        for control in &context.recipe.controls {
            let scores = scores(&sheet(control.as_str())?);
            rivals
                .entry(control.as_str())
                .or_default()
                .insert(task.clone(), scores);
        }
        let always = majority_scores(&items);
        paired.push(Paired {
            majority: always.as_deref().map(mean),
            blind: Some(mean(&scores(&blind))),
            metric: items.first().map_or("", |i| i.metric.as_str()).to_owned(),
            clusters: items.iter().map(|i| i.cluster.clone()).collect(),
            base: scores(&base),
            adapted: scores(&adapted),
            task: task.clone(),
        });
        majorities.insert(task, always);
    }
    // What is averaged comes first.
    paired.sort_by_key(|p| [GENERAL, UNSEEN].map(|start| p.task.starts_with(start)));
    let seed = context.recipe.seed;
    let rows = paired
        .iter()
        .map(|p| p.score(seed))
        .collect::<Result<Vec<_>, _>>()?;
    let named = |start: &str| -> Vec<Paired> {
        let of = paired.iter().filter(|p| p.task.starts_with(start));
        of.cloned().collect()
    };
    let mut averaged = paired.clone();
    averaged.retain(|p| ![UNSEEN, GENERAL].iter().any(|a| p.task.starts_with(a)));
    let against = against(context, &averaged, &majorities, &rivals)?;
    let truth = truth_of(context.run)?;
    let summary = Summary {
        seed,
        seconds: seconds(context),
        peak_rss_bytes: peak_rss(context)?.max(train::peak_rss_bytes()),
        funnel: funnel(context)?,
        filter: filter_score(context, &truth)?,
        tasks: rows,
        average: average(&averaged, seed)?,
        unseen: average(&named(UNSEEN), seed)?,
        general: average(&named(GENERAL), seed)?,
        against,
    };
    write_json(&folder.join("summary.json"), &summary)?;
    let cards = cards(context, &truth)?;
    let flips = balanced(flips);
    let recipe: Vec<(String, String, String)> = context
        .recipe
        .resolution
        .iter()
        .map(|(key, r)| (key.clone(), r.value.to_string(), r.origin.to_string()))
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

/// The adapted model against the better of base and majority answer, task by task, and against each control.
fn against(
    context: &Context,
    averaged: &[Paired],
    majorities: &BTreeMap<String, Option<Vec<f64>>>,
    rivals: &BTreeMap<&str, BTreeMap<String, Vec<f64>>>,
) -> Result<Vec<Against>> {
    let row = |name: &str, about: &str, scores: &dyn Fn(&Paired) -> Vec<f64>| -> Result<_> {
        let paired: Vec<Paired> = averaged
            .iter()
            .map(|task| Paired {
                base: scores(task),
                ..task.clone()
            })
            .collect();
        let seed = context.recipe.seed;
        let tasks = paired
            .iter()
            .map(|p| p.score(seed))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(average(&paired, seed)?.map(|average| Against {
            name: name.to_owned(),
            about: about.to_owned(),
            tasks,
            average,
        }))
    };
    let mut out = Vec::new();
    out.extend(row(
        "base or majority",
        "the better of the base and the most frequent answer, chosen for each task by its score here",
        &|task| match majorities.get(&task.task) {
            Some(Some(always)) if mean(always) > mean(&task.base) => always.clone(),
            _ => task.base.clone(),
        },
    )?);
    for control in &context.recipe.controls {
        let name = control.as_str();
        out.extend(row(name, control.about(), &|task| {
            rivals[name][&task.task].clone()
        })?);
    }
    Ok(out)
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
            "General replay is on ({} samples for each domain sample), which the paper does not have.",
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
        read: count(context, "synthesize", "read"),
        pairs: count(context, "synthesize", "pairs"),
        held_out: count(context, "synthesize", "held out"),
        parsed: triplets("synthesize")?.len(),
        consistent: triplets("filter")?.len(),
        kept: count(context, "mix", "with a task"),
        trained_on: count(context, "train", "trained on"),
        rejects: BTreeMap::new(),
    };
    for stage in STAGES {
        funnel.count(&read_rejected(&context.run.stage(stage))?);
    }
    Ok(funnel)
}

/// A triplet of the demo's world beside its truth.
struct Checked {
    task: &'static str,
    answer: String,
    precise: bool,
    /// Both answers are true: the long one holds the short one.
    both: bool,
}

/// What is known of a triplet, if it asks a question of the world.
fn check(triplet: &Triplet, truth: &BTreeMap<String, Truth>) -> Option<Checked> {
    let thing = &truth.get(&triplet.pair)?.thing;
    let (asks, answer) = world::answer(thing, &triplet.instruction)?;
    let precise = synthesis::judge::extraction(&triplet.precise, &answer) == Consistency::Yes;
    Some(Checked {
        task: asks.task(),
        precise,
        both: precise && synthesis::text::holds(&triplet.informative, &answer),
        answer,
    })
}

fn filter_score(context: &Context, truth: &BTreeMap<String, Truth>) -> Result<Option<FilterScore>> {
    if truth.is_empty() || !context.recipe.mix.synthetic {
        return Ok(None);
    }
    let parsed: Vec<Triplet> =
        jsonl::read(&context.run.stage("synthesize").join("triplets.jsonl"))?;
    let kept: Vec<Triplet> = jsonl::read(&context.run.stage("filter").join("triplets.jsonl"))?;
    let kept: BTreeSet<&str> = kept.iter().map(|t| t.id.as_str()).collect();
    let verdicts: Vec<Verdict> =
        read_if_there(&context.run.stage("filter").join("verdicts.jsonl"))?;
    let checked: BTreeMap<String, Checked> = parsed
        .iter()
        .filter_map(|t| Some((t.id.clone(), check(t, truth)?)))
        .collect();
    let truth = |value: fn(&Checked) -> bool| -> BTreeMap<String, bool> {
        let known = checked.iter();
        known.map(|(id, c)| (id.clone(), value(c))).collect()
    };
    let known = truth(|c| c.both);
    let kind = |id: &str| checked.get(id).map_or(String::new(), |c| c.task.to_owned());
    let counts = measure::counts(&kept, &known);
    Ok((!known.is_empty()).then(|| FilterScore {
        precision: counts.precision().unwrap_or(0.0),
        recall: counts.recall().unwrap_or(0.0),
        before: counts.before().unwrap_or(0.0),
        known: known.len(),
        precise: measure::counts(&kept, &truth(|c| c.precise)),
        kinds: measure::counts_by_kind(&kept, &known, kind),
        curve: measure::threshold_curve(&verdicts, &known),
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
                truth: check(triplet, truth).map(|c| (c.answer, c.both)),
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
            across: "step",
            smooth: true,
            points: points(|m| m.loss),
        });
        out.push(Curve {
            name: format!("{name}: gradient norm before clipping"),
            across: "step",
            smooth: true,
            points: points(|m| m.grad_norm),
        });
    }
    out.retain(|c| c.points.len() > 1);
    Ok(out)
}

/// The scores of always giving the most frequent answer, and of guessing where each item has options of its own; none
/// where answers are free text.
fn majority_scores(items: &[Item]) -> Option<Vec<f64>> {
    if items.iter().any(|i| !i.choices.is_empty()) {
        let guess = |item: &Item| 100.0 / item.choices.len().max(1) as f64;
        return Some(items.iter().map(guess).collect());
    }
    if items.iter().any(|i| i.metric == MetricName::RougeL) {
        return None;
    }
    let labels: Vec<&str> = items.iter().map(|i| i.label.as_str()).collect();
    let (answer, _) = majority(&labels)?;
    let score = |label: &&str| if *label == answer { 100.0 } else { 0.0 };
    Some(labels.iter().map(score).collect())
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        0.0
    } else {
        values.iter().sum::<f64>() / values.len() as f64
    }
}
