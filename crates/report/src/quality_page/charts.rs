//! How often each class of a list occurs, as numbers and as SVG.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quality::Aspect;
use quality::assessment::{Assessment, ClassCounts};

use super::sections::{title, who};
use crate::svg::{COLOURS, escape, mark};

const WIDTH: f64 = 660.0;
/// Where bars begin.
const LEFT: f64 = 250.0;
/// Height of a bar.
const BAR: f64 = 12.0;
/// Letters of a class that fit before its bars.
const NAME: usize = 38;
/// Letters of a part in the legend.
const PART: usize = 70;

/// The classes of a list that occur, with percents of each part: a rater's chart.
pub(super) struct Distribution<'a> {
    pub title: String,
    /// Parts with the numbers of their items.
    pub parts: Vec<(&'a str, usize)>,
    /// Names with percents, the most frequent first.
    pub rows: Vec<(&'a str, Vec<f64>)>,
}

/// Task types and picture domains by each rater.
pub(super) fn distributions(found: &Assessment) -> Vec<Distribution<'_>> {
    let mut by_rater: BTreeMap<(Aspect, usize), Vec<&ClassCounts>> = BTreeMap::new();
    for of in &found.classes {
        let at = found.raters.iter().position(|rater| *rater == of.rater);
        let place = (of.aspect, at.unwrap_or(usize::MAX));
        by_rater.entry(place).or_default().push(of);
    }
    by_rater
        .into_iter()
        .map(|((aspect, _), parts)| distribution(found, aspect, &parts))
        .collect()
}

fn distribution<'a>(
    found: &'a Assessment,
    aspect: Aspect,
    parts: &[&'a ClassCounts],
) -> Distribution<'a> {
    let names = match aspect {
        Aspect::ImageDomain => &found.image_domains,
        _ => &found.task_types,
    };
    let mut rows: Vec<(&str, Vec<f64>)> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let percent = |part: &&ClassCounts| {
            let count = part.counts.get(at).copied().unwrap_or(0);
            100.0 * count as f64 / part.items.max(1) as f64
        };
        let percents: Vec<f64> = parts.iter().map(percent).collect();
        if percents.iter().any(|percent| *percent > 0.0) {
            rows.push((name, percents));
        }
    }
    let sum = |row: &(&str, Vec<f64>)| row.1.iter().sum::<f64>();
    rows.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
    Distribution {
        title: parts.first().map_or_else(String::new, |part| {
            format!("{}s by {}", title(aspect), who(&part.rater))
        }),
        parts: parts
            .iter()
            .map(|part| (part.part.as_str(), part.items))
            .collect(),
        rows,
    }
}

/// A group of bars a class, one for each part, with its percent; the most frequent class first. Each part has a mark as well as a
/// colour. Empty without classes.
pub(super) fn bars(of: &Distribution<'_>) -> String {
    let most = of.rows.iter().flat_map(|(_, percents)| percents);
    let most = most.copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return String::new();
    }
    let legend = 20.0 * of.parts.len() as f64 + 6.0;
    let group = BAR * of.parts.len() as f64 + 8.0;
    let height = legend + group * of.rows.len() as f64;
    let mut svg = format!(
        "<svg class=\"classes\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
        escape(&of.title)
    );
    for (at, (name, items)) in of.parts.iter().enumerate() {
        let y = 20.0 * at as f64 + 10.0;
        let _ = write!(
            svg,
            "<g class=\"system c{}\">{}</g><text x=\"24\" y=\"{}\">{}, n {items}</text>",
            at % COLOURS,
            mark(at, 12.0, y),
            y + 4.0,
            escape(&cut(name, PART))
        );
    }
    for (row, (name, percents)) in of.rows.iter().enumerate() {
        let top = legend + group * row as f64;
        let middle = top + BAR * percents.len() as f64 / 2.0 + 4.0;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            escape(&cut(name, NAME))
        );
        for (at, percent) in percents.iter().enumerate() {
            let y = top + BAR * at as f64;
            // Room for the number behind the longest bar.
            let width = percent / most * (WIDTH - LEFT - 70.0);
            let _ = write!(
                svg,
                "<g class=\"system c{}\"><rect x=\"{LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\"/>{}</g>\
                 <text class=\"percent\" x=\"{:.1}\" y=\"{}\">{percent:.1}</text>",
                at % COLOURS,
                y + 1.0,
                BAR - 2.0,
                mark(at, LEFT + width + 7.0, y + BAR / 2.0),
                LEFT + width + 15.0,
                y + BAR - 2.0,
            );
        }
    }
    svg + "</svg>"
}

fn cut(name: &str, letters: usize) -> String {
    if name.chars().count() <= letters {
        return name.to_owned();
    }
    name.chars().take(letters - 1).chain(['…']).collect()
}
