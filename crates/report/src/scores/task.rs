//! One task's page: every answer in a list that draws only what is seen, and the confusion matrix.

use std::collections::{BTreeMap, HashMap};

use corpus::Label;
use evaluation::ScoredTask;
use evaluation::scoring::{ClassRow, ScoredRow};
use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};

use super::flips::{Agreement, RIGHT, agreement};
use super::names::{self, INDEX};
use super::style::STYLE;
use crate::html::frame;
use crate::pictures::{MOST_THUMBNAILS, Pictures};
use crate::svg::confusion;

const SCRIPT: &str = include_str!("list.js");

/// A task's page and the script of its embedded thumbnails.
#[derive(Debug)]
pub struct TaskPage {
    /// The page.
    pub page: String,
    /// The thumbnails.
    pub thumbnails: Option<String>,
}

/// Renders a task of one system, or of several that are compared: of these the items on which they disagree come first.
pub fn render(systems: &[(&str, &ScoredTask)], pictures: &mut Pictures) -> TaskPage {
    let Some((_, first)) = systems.first() else {
        return TaskPage {
            page: String::new(),
            thumbnails: None,
        };
    };
    let Items {
        rows,
        thumbnails,
        flips,
    } = rows(systems, pictures);
    let names: Vec<&str> = systems.iter().map(|(name, _)| *name).collect();
    let is_pair = names.len() == 2;
    let data = json!({"systems": names, "rows": rows})
        .to_string()
        .replace('<', "\\u003c");
    let title = &first.spec.title;
    let id = &first.spec.id;
    let reference = systems.iter().any(|(_, done)| done.reference.is_some());
    let body = html! {
        p { a href=(INDEX) { "All scores" } }
        h1 { (title) }
        @if names.len() > 1 {
            p {
                "On " b { (flips) } " of " (rows.len()) " items one system is right (" (RIGHT) " points or more, strict scorer) and "
                "another one wrong. These come first, then items whose scores differ less."
            }
        }
        div.bar {
            select #filter aria-label="Which answers" {
                option value="all" { "all answers" }
                option value="wrong" { "wrong (below 50)" }
                option value="unreadable" { "unreadable" }
                @if systems.len() > 1 {
                    option value="flips" { "one right, one wrong" }
                    option value="changed" { @if is_pair { "changed" } @else { "scores differ" } }
                    @for (at, name) in names.iter().enumerate() {
                        option value=(format!("right {at}")) { "only " (name) " right" }
                    }
                    @if !is_pair {
                        @for (at, name) in names.iter().enumerate() {
                            option value=(format!("wrong_alone {at}")) { "only " (name) " wrong" }
                        }
                    }
                }
                @if reference { option value="scorers" { "scorers differ" } }
            }
            input #find type="search" placeholder="find in question, label and answer" aria-label="Find";
            span #count.soft {}
        }
        div #list tabindex="0" { div #space {} }
        dialog #item {}
        p.soft {
            "Scores are by the " (first.strict.result.scorer.name()) " scorer" @if reference { ", the reference's in brackets" @if names.len() > 1 { " where it differs" } } "; a row opens with a click."
            @if pictures.are_full() { " Pictures beyond the first " (MOST_THUMBNAILS) " are left out." }
        }
        @for (name, done) in systems {
            @if !done.strict.result.classes.is_empty() {
                h2 { "Confusion" @if systems.len() > 1 { ", " (name) } }
                (matrix(&done.strict.result.classes))
            }
        }
        @if thumbnails.is_some() { script src=(names::thumbnails(id)) {} }
        script #data type="application/json" { (PreEscaped(data)) }
        script { (PreEscaped(SCRIPT)) }
    };
    TaskPage {
        page: frame(title, STYLE, &body),
        thumbnails,
    }
}

/// The items of a task.
struct Items {
    rows: Vec<Value>,
    /// The script of embedded thumbnails.
    thumbnails: Option<String>,
    /// On how many of them systems disagree.
    flips: usize,
}

/// Each item as a short list: id, question, picture, label, then of each system answer, strict score, the reference's
/// score and whether it is unreadable.
fn rows(systems: &[(&str, &ScoredTask)], pictures: &mut Pictures) -> Items {
    let by_id = |rows: &[ScoredRow]| -> HashMap<String, usize> {
        rows.iter()
            .enumerate()
            .map(|(at, row)| (row.id.clone(), at))
            .collect()
    };
    let strict: Vec<_> = systems
        .iter()
        .map(|(_, done)| by_id(&done.strict.rows))
        .collect();
    let reference: Vec<_> = systems
        .iter()
        .map(|(_, done)| done.reference.as_ref().map(|scored| by_id(&scored.rows)))
        .collect();
    let own = |at: usize, id: &str| {
        let place = strict[at].get(id)?;
        Some(&systems[at].1.strict.rows[*place])
    };
    let mut used = BTreeMap::new();
    let round = |score: f64| (score * 10.0).round() / 10.0;
    // Every item once, with the words of the first system that has it.
    let items = systems.iter().enumerate().flat_map(|(at, (_, done))| {
        let rows = done.strict.rows.iter();
        rows.filter(move |row| (0..at).all(|earlier| own(earlier, &row.id).is_none()))
    });
    let mut out: Vec<(Agreement, Value)> = Vec::new();
    for row in items {
        let address = row
            .image
            .as_deref()
            .and_then(|image| pictures.address(image));
        let embedded = address
            .as_deref()
            .and_then(|address| address.strip_prefix('#'))
            .and_then(|name| Some((name, pictures.embedded(name)?)));
        if let Some((name, thumbnail)) = embedded {
            used.insert(name.to_owned(), thumbnail.clone());
        }
        let answers: Vec<Value> = systems
            .iter()
            .enumerate()
            .map(|(at, (_, done))| {
                let Some(own) = own(at, &row.id) else {
                    return Value::Null;
                };
                let other = reference[at].as_ref().and_then(|ids| ids.get(&row.id));
                let other = other
                    .zip(done.reference.as_ref())
                    .map(|(&other, scored)| round(scored.rows[other].score));
                json!([
                    own.prediction,
                    round(own.score),
                    other,
                    u8::from(own.unreadable)
                ])
            })
            .collect();
        let label = match &row.label {
            Label::Text(text) => text.clone(),
            Label::List(texts) => texts.join(" | "),
        };
        let scores = (0..systems.len()).filter_map(|at| Some(own(at, &row.id)?.score));
        out.push((
            agreement(scores),
            json!([row.id, row.question, address, label, answers]),
        ));
    }
    let flips = out.iter().filter(|(how, _)| *how == Agreement::Flip);
    let flips = flips.count();
    // A stable sort: the order of the file within each kind.
    out.sort_by_key(|(how, _)| *how);
    let script = (!used.is_empty()).then(|| {
        let map = serde_json::to_string(&used).unwrap_or_default();
        format!("const PICTURES={map};\n")
    });
    Items {
        rows: out.into_iter().map(|(_, row)| row).collect(),
        thumbnails: script,
        flips,
    }
}

/// How often each class was taken for which.
fn matrix(classes: &[ClassRow]) -> Markup {
    html! {
        p.soft { "A row is the true class, a column what was answered; the darker, the larger the share of the row." }
        div.matrix { (PreEscaped(confusion(classes))) }
        details {
            summary { "Each class in numbers" }
            div.scroll tabindex="0" { table.first {
                tr { th { "class" } th { "n" } th { "precision" } th { "recall" } th { "F1" } th { "unreadable" } th.text { "most often taken for" } }
                @for class in classes {
                    @let worst = class.taken_for.iter().max_by_key(|(_, count)| **count);
                    tr {
                        td { (class.name) } td { (class.score.n) }
                        @for share in [class.score.precision, class.score.recall, class.score.f1] {
                            td { (format!("{:.1}", 100.0 * share)) }
                        }
                        td { (class.unreadable) }
                        td.text { @if let Some((name, count)) = worst { (name) " (" (count) ")" } }
                    }
                }
            } }
        }
    }
}
