//! Several names in one answer: ingredients and food categories.

use std::cmp::Reverse;

/// The names in an answer, as positions in the list, in the order in which they are found.
///
/// Longer names first. A name is found wherever its letters stand, inside words too; then all its occurrences are cut
/// out, which may join what was apart. A name that occurs twice in the list is only found at its first place.
///
/// ```
/// let names = ["egg", "egg tart", "melon"];
/// assert_eq!(evaluation::reference::multi_label("An egg tart and eggs.", &names), [1, 0]);
/// ```
pub fn multi_label<S: AsRef<str>>(answer: &str, names: &[S]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|&id| Reverse(names[id].as_ref().chars().count()));
    let mut text = answer.to_lowercase();
    order.retain(|&id| {
        let name = names[id].as_ref().to_lowercase();
        let found = text.contains(&name);
        if found {
            text = text.replace(&name, "");
        }
        found
    });
    order
}

/// How two sets of names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListMetric {
    /// Share of the labels that were found; 1 without labels.
    Recall,
    /// Binary F1 over the list; 1 where nothing is labelled and nothing found.
    F1,
}

/// One item's score between 0 and 1. `None` if a label is not in the list, where the published code stops.
///
/// A label that occurs twice in the list means its *last* place, which [`multi_label`] never finds.
///
/// ```
/// use evaluation::reference::{ListMetric, list_score};
/// assert_eq!(list_score(ListMetric::F1, &["egg", "tea"], &["egg", "tea", "rice"], "rice with tea"), Some(0.5));
/// ```
pub fn list_score<L: AsRef<str>, S: AsRef<str>>(
    metric: ListMetric,
    labels: &[L],
    names: &[S],
    answer: &str,
) -> Option<f64> {
    let place = |label: &L| {
        names
            .iter()
            .rposition(|name| name.as_ref() == label.as_ref())
    };
    let mut truth: Vec<usize> = labels.iter().map(place).collect::<Option<_>>()?;
    truth.sort_unstable();
    truth.dedup();
    let found = multi_label(answer, names);
    let shared = found.iter().filter(|id| truth.contains(id)).count() as f64;
    let ratio = |over: f64, under: usize| if under == 0 { 1.0 } else { over / under as f64 };
    Some(match metric {
        ListMetric::Recall => ratio(shared, truth.len()),
        ListMetric::F1 => ratio(2.0 * shared, truth.len() + found.len()),
    })
}
