//! Lists of names found as letters, and scikit-learn's scores of one list with `zero_division=1`.

/// How two lists are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListMetric {
    /// Harmonic mean of precision and recall.
    F1,
    /// Recall; naming too much costs nothing.
    Recall,
}

/// Positions of the names that occur in the text, longer names first; what is found is erased before the next is
/// looked for. Of a name that stands in the list several times the first position finds it, and leaves nothing for the
/// others.
pub fn multi_label<N: AsRef<str>>(text: &str, names: &[N]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    // Stable, so that equally long names keep their order.
    order.sort_by_key(|&at| std::cmp::Reverse(names[at].as_ref().chars().count()));
    let mut text = text.to_lowercase();
    let mut found = Vec::new();
    for at in order {
        let name = names[at].as_ref();
        // The published names are in lower case; a name that is not is compared in lower case too.
        let name = name.to_lowercase();
        if !name.is_empty() && text.contains(&name) {
            text = text.replace(&name, "");
            found.push(at);
        }
    }
    found
}

/// The score of one answer, from 0 to 1; `None` if a label is not among the names.
///
/// A label stands for the *last* place of its name, but an answer is read as the first one ([`multi_label`]). So a name
/// that the list repeats, such as one of Nutrition5K's, is missed whatever is answered.
///
/// ```
/// use evaluation::reference::{ListMetric, list_score};
/// let score = |names: &[&str]| list_score(ListMetric::Recall, &["salt", "oil"], names, "Salt and oil.");
/// assert_eq!(score(&["salt", "oil"]), Some(1.0));
/// assert_eq!(score(&["salt", "oil", "salt"]), Some(0.5));
/// ```
pub fn list_score<L: AsRef<str>, N: AsRef<str>>(
    metric: ListMetric,
    labels: &[L],
    names: &[N],
    prediction: &str,
) -> Option<f64> {
    let place = |label: &L| {
        names
            .iter()
            .rposition(|name| name.as_ref() == label.as_ref())
    };
    let mut wanted = labels.iter().map(place).collect::<Option<Vec<usize>>>()?;
    wanted.sort_unstable();
    wanted.dedup();
    let found = multi_label(prediction, names);
    let hits = found.iter().filter(|at| wanted.contains(at)).count() as f64;
    let whole = match metric {
        ListMetric::F1 => (found.len() + wanted.len()) as f64 / 2.0,
        ListMetric::Recall => wanted.len() as f64,
    };
    Some(if whole == 0.0 { 1.0 } else { hits / whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["egg", "egg tart", "melon", "watermelon", "rape", "grape"];

    #[test]
    fn finds_as_noted() {
        for (text, expected) in [
            (
                "The dish has an egg tart and eggs.",
                vec!["egg tart", "egg"],
            ),
            ("watermelon", vec!["watermelon"]),
            ("grape", vec!["grape"]),
        ] {
            let found: Vec<&str> = multi_label(text, &NAMES)
                .into_iter()
                .map(|at| NAMES[at])
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn scores_as_noted() {
        let names = ["a1", "b2", "c3"];
        let none: [&str; 0] = [];
        let score = |metric, labels: &[&str], text| list_score(metric, labels, &names, text);
        assert_eq!(score(ListMetric::F1, &["a1", "b2"], "b2 c3"), Some(0.5));
        assert_eq!(score(ListMetric::Recall, &none, "b2"), Some(1.0));
        assert_eq!(score(ListMetric::F1, &none, ""), Some(1.0));
        assert_eq!(score(ListMetric::Recall, &["a1"], ""), Some(0.0));
        assert_eq!(score(ListMetric::Recall, &["zz"], ""), None);
    }

    #[test]
    fn a_repeated_name_is_labelled_last_and_found_first() {
        // As in Nutrition5K's list, where one name stands four times.
        let names = [
            "deprecated",
            "rice",
            "deprecated",
            "corn",
            "deprecated",
            "deprecated",
        ];
        assert_eq!(multi_label("Deprecated, deprecated.", &names), [0]);
        let score = |metric, labels: &[&str], text| list_score(metric, labels, &names, text);
        // Found are rice 1, corn 3 and deprecated 0, labelled are 1, 3 and 5: two of three each way.
        for text in [
            "Rice, corn and deprecated.",
            "Rices, corns and deprecateds.",
        ] {
            for metric in [ListMetric::Recall, ListMetric::F1] {
                let found = score(metric, &["rice", "corn", "deprecated"], text).expect("names");
                assert!((found - 2.0 / 3.0).abs() < 1e-12, "{text}: {found}");
            }
        }
        assert_eq!(
            score(ListMetric::Recall, &["deprecated"], "deprecated"),
            Some(0.0)
        );
        // Labels that repeat a name have one place between them.
        let twice = ["deprecated", "deprecated", "rice"];
        assert_eq!(score(ListMetric::Recall, &twice, "rice"), Some(0.5));
    }
}
