//! The page of test items that were found in the training data: scores with and without them, both pictures of a match,
//! the common words.

use std::collections::HashMap;

use evaluation::ScoredTask;
use evaluation::contamination::TOLD;
use evaluation::leaks::Leaks;
use evaluation::statistics::Group;
use maud::{Markup, html};

use super::names::INDEX;
use super::style::STYLE;
use crate::html::frame;
use crate::pictures::Pictures;

/// Matches of each kind that are shown; `leaks.json` has all of them.
const SHOWN: usize = 500;

/// Renders what was found of a task.
pub fn render(task: &ScoredTask, leaks: &Leaks, pictures: &mut Pictures) -> String {
    let title = format!("{}: test items in the training data", task.spec.title);
    let rows = task.strict.rows.iter();
    let images: HashMap<&str, &str> = rows
        .filter_map(|row| Some((row.id.as_str(), row.image.as_deref()?)))
        .collect();
    let shown = leaks.pictures.iter().take(SHOWN);
    let shown: Vec<_> = shown
        .map(|found| {
            let image = images.get(found.item.as_str());
            let test = image.and_then(|image| pictures.thumbnail(image));
            (found, test, pictures.thumbnail(&found.trained))
        })
        .collect();
    let body = html! {
        p { a href=(INDEX) { "All scores" } }
        h1 { (title) }
        p { "Compared: " (leaks.compared) ". A match is a reason to look, not a proof." }
        h2 { "Scores with and without them" }
        div.scroll tabindex="0" { table {
            tr { th { "metric" } th { "all" } th { "without those found" } th { "those found" } }
            @for row in &leaks.scores {
                tr {
                    td { (row.metric) }
                    td { (score(&row.all)) }
                    td { (row.clean.as_ref().map_or_else(none, score)) }
                    td { (row.found.as_ref().map_or_else(none, score)) }
                }
            }
        } }
        h2 { (leaks.pictures.len()) " matches of pictures" }
        (more(leaks.pictures.len()))
        @if !shown.is_empty() {
            div.scroll tabindex="0" { table {
                tr { th.text { "test item" } th { "its picture" } th { "trained on" } th.text { "as" } th { "difference" } th.text { "file" } }
                @for (found, test, trained) in &shown {
                    tr {
                        td.text { (found.item) }
                        td { (picture(test.as_deref())) }
                        td { (picture(trained.as_deref())) }
                        td.text { (kind(&found.likeness)) }
                        td { (format!("{:.1}", found.difference)) }
                        td.text { (found.trained) }
                    }
                }
            } }
            p.soft { "Difference: of the brightness of small copies, in levels of 0 to 255." }
        }
        h2 { (leaks.num_texts) " matches of texts" }
        (more(leaks.texts.len()))
        @if leaks.num_texts > leaks.texts.len() { p.soft { "The first " (TOLD) " of each item." } }
        @if !leaks.texts.is_empty() {
            div.scroll tabindex="0" { table {
                tr { th.text { "test item" } th.text { "trained on" } th.text { "in common" } th { "share" } th.text { "words" } }
                @for found in leaks.texts.iter().take(SHOWN) {
                    tr {
                        td.text { (found.item) }
                        td.text { (found.trained) }
                        td.text { (kind(&found.overlap)) }
                        td { (format!("{:.0} %", found.share)) }
                        td.text { (found.words) }
                    }
                }
            } }
        }
    };
    frame(&title, STYLE, &body)
}

fn score(group: &Group) -> String {
    let [low, high] = group.interval;
    let few = if group.too_few { ", too few" } else { "" };
    format!(
        "{:.1} [{low:.1}, {high:.1}] (n {}{few})",
        group.mean, group.n
    )
}

fn none() -> String {
    "none".to_owned()
}

fn more(count: usize) -> Markup {
    html! {
        @if count > SHOWN { p.soft { "The first " (SHOWN) "; all are in " code { "leaks.json" } "." } }
    }
}

fn picture(address: Option<&str>) -> Markup {
    html! {
        @match address {
            Some(address) => { img src=(address) alt=""; }
            None => { span.soft { "not readable" } }
        }
    }
}

/// The name as it stands in `leaks.json`, in words.
fn kind(found: &impl serde::Serialize) -> String {
    let name = serde_json::to_value(found).unwrap_or_default();
    name.as_str().unwrap_or_default().replace('-', " ")
}
