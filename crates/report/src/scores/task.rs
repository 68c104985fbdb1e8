//! One task's page: every answer in a list that draws only what is seen, and the confusion matrix.

use std::collections::{BTreeMap, HashMap};

use corpus::Label;
use evaluation::ScoredTask;
use evaluation::scoring::{ClassRow, ScoredRow};
use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};

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

/// Renders a task of one system, or of two that are compared.
pub fn render(systems: &[(&str, &ScoredTask)], pictures: &mut Pictures) -> TaskPage {
    let Some((_, first)) = systems.first() else {
        return TaskPage {
            page: String::new(),
            thumbnails: None,
        };
    };
    let (rows, thumbnails) = rows(systems, pictures);
    let names: Vec<&str> = systems.iter().map(|(name, _)| *name).collect();
    let data = json!({"systems": names, "rows": rows})
        .to_string()
        .replace('<', "\\u003c");
    let title = &first.spec.title;
    let id = &first.spec.id;
    let reference = systems.iter().any(|(_, done)| done.reference.is_some());
    let body = html! {
        p { a href=(INDEX) { "All scores" } }
        h1 { (title) }
        div.bar {
            select #filter aria-label="Which answers" {
                option value="all" { "all answers" }
                option value="wrong" { "wrong (below 50)" }
                option value="unreadable" { "unreadable" }
                @if systems.len() > 1 { option value="changed" { "changed" } }
                @if reference { option value="scorers" { "scorers differ" } }
            }
            input #find type="search" placeholder="find in question, label and answer" aria-label="Find";
            span #count.soft {}
        }
        div #list tabindex="0" { div #space {} }
        dialog #item {}
        p.soft {
            "Scores are by the " (first.strict.result.scorer.name()) " scorer" @if reference { ", the reference's in brackets" } "; a row opens with a click."
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

/// Each item as a short list: id, question, picture, label, then of each system answer, strict score, the reference's
/// score and whether it is unreadable.
fn rows(systems: &[(&str, &ScoredTask)], pictures: &mut Pictures) -> (Vec<Value>, Option<String>) {
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
    let mut used = BTreeMap::new();
    let first = systems
        .first()
        .map_or(&[][..], |(_, done)| &done.strict.rows);
    let round = |score: f64| (score * 10.0).round() / 10.0;
    let out = first
        .iter()
        .map(|row| {
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
                    let Some(&own) = strict[at].get(&row.id) else {
                        return Value::Null;
                    };
                    let own = &done.strict.rows[own];
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
            json!([row.id, row.question, address, label, answers])
        })
        .collect();
    let script = (!used.is_empty()).then(|| {
        let map = serde_json::to_string(&used).unwrap_or_default();
        format!("const PICTURES={map};\n")
    });
    (out, script)
}

/// How often each class was taken for which.
fn matrix(classes: &[ClassRow]) -> Markup {
    html! {
        p.soft { "A row is the true class, a column what was answered; the darker, the larger the share of the row." }
        div.matrix { (PreEscaped(confusion(classes))) }
        details {
            summary { "Each class in numbers" }
            div.scroll { table {
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
