//! The measures of synthetic data on the page of a run.

use maud::{Markup, html};
use synthesis::quality::{DataQuality, Mean, Quality};

use crate::number::tenths;

/// A row for what is trained on, and one for each answer of all triplets before the filter.
pub(crate) fn section(measured: &DataQuality) -> Markup {
    let unfiltered = measured.unfiltered.iter();
    let unfiltered =
        unfiltered.map(|(answers, set)| (format!("before the filter, {answers}"), set));
    let rows = std::iter::once(("trained on".to_owned(), &measured.data)).chain(unfiltered);
    html! {
        div.scroll { table {
            tr {
                th { "data" } th { "items" } th { "known" } th { "accuracy" } th { "consistency" } th { "knowledge" }
                th { "complexity" } th { "diversity" }
            }
            @for (name, set) in rows { tr { (row(&name, set)) } }
        } }
        p.soft {
            "0 to 100, by what is known of the pairs, of items whose question is known. Accuracy: answers that are true. Consistency: precise \
             answers that follow from the informative one. Knowledge: what the adapted model has right with the picture, less what it has \
             right with a blank one"
            @if let Some(Mean { count, .. }) = measured.data.knowledge { ", of " (count) " questions" }
            "; below 0 if the blank one does better. Complexity: words of answers that do not stand in the caption, of all items. \
             Diversity: kinds of question that occur, of those that are known."
        }
    }
}

fn row(name: &str, set: &Quality) -> Markup {
    let mean = |of: Option<Mean>| tenths(of.map(|of| of.mean));
    html! {
        td { (name) } td { (set.items) } td { (set.known) } td { (mean(set.accuracy)) } td { (mean(set.consistency)) }
        td { (mean(set.knowledge)) } td { (mean(set.complexity)) } td { (tenths(set.diversity)) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_set_has_a_row_and_what_is_unknown_a_dash() {
        let set = |accuracy: f64| Quality {
            items: 8,
            known: 7,
            accuracy: Some(Mean {
                mean: accuracy,
                count: 7,
            }),
            consistency: None,
            knowledge: Some(Mean {
                mean: -12.5,
                count: 4,
            }),
            complexity: Some(Mean {
                mean: 60.0,
                count: 8,
            }),
            diversity: Some(40.0),
            kinds: BTreeMap::new(),
        };
        let unfiltered = BTreeMap::from([("precise".to_owned(), set(25.0))]);
        let measured = DataQuality {
            data: set(75.0),
            unfiltered,
        };
        let page = section(&measured).into_string();
        for part in [
            "<td>trained on</td><td>8</td><td>7</td><td>75.0</td><td>–</td><td>-12.5</td><td>60.0</td><td>40.0</td>",
            "<td>before the filter, precise</td><td>8</td><td>7</td><td>25.0</td>",
            ", of 4 questions; below 0",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}
