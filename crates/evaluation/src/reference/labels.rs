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
/// looked for. Of names that stand twice in the list the first position is given.
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
pub fn list_score<L: AsRef<str>, N: AsRef<str>>(
    metric: ListMetric,
    labels: &[L],
    names: &[N],
    prediction: &str,
) -> Option<f64> {
    let place = |label: &L| {
        names
            .iter()
            .position(|name| name.as_ref() == label.as_ref())
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
}
