//! The reference scorer's ROUGE-L is the `rouge` package's.

use corpus::{Label, Prediction};
use evaluation::reference::rouge_l;
use evaluation::scoring::{Options, Scorer, score};
use evaluation::tasks;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    /// Prediction, label and F; null where the package fails.
    rows: Vec<(String, String, Option<f64>)>,
}

fn golden() -> Vec<(String, String, Option<f64>)> {
    let golden: Golden = serde_json::from_value(crate::golden("rouge.json")).expect("golden");
    golden.rows
}

#[test]
fn texts_are_scored_as_the_package_does() {
    let rows = golden();
    assert!(rows.len() > 400);
    for (prediction, label, expected) in rows {
        let found = rouge_l(&prediction, &label);
        let same = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(
            same,
            "{prediction:?} {label:?}: {found:?} instead of {expected:?}"
        );
    }
}

/// No blank is lost on the way from the file to the scorer.
#[test]
fn predictions_are_scored_as_they_stand() {
    let rows = golden();
    let predictions = rows.iter().enumerate().map(|(at, (prediction, label, _))| {
        serde_json::from_value::<Prediction>(serde_json::json!({
            "id": at.to_string(), "prediction": prediction, "label": Label::Text(label.clone()), "cluster": at.to_string(),
        }))
        .expect("a prediction")
    });
    let options = Options {
        scorer: Scorer::Reference,
        ..Options::default()
    };
    let task = tasks::find("recipe1m").expect("built in");
    let scored = score(&task, predictions.collect(), Vec::new(), &options).expect("scores");
    assert_eq!(scored.rows.len(), rows.len());
    for (found, (prediction, label, expected)) in scored.rows.iter().zip(&rows) {
        let expected = 100.0 * expected.unwrap_or(0.0);
        assert!(
            (found.score - expected).abs() < 1e-9,
            "{prediction:?} {label:?}: {} instead of {expected}",
            found.score
        );
    }
}

/// By hand: the answer has six words and, after its last stop, the empty one; `flour`, `warm` and `water` are in the label of
/// five words.
#[test]
fn a_blank_after_the_last_stop_is_an_empty_word() {
    let f = |p: f64, r: f64| 2.0 * p * r / (p + r + 1e-8);
    let label = "mix flour and warm water.";
    for (prediction, expected) in [
        (
            "Mix flour with warm water slowly. ",
            f(3.0 / 7.0, 3.0 / 5.0),
        ),
        ("Mix flour with warm water slowly.", f(3.0 / 6.0, 3.0 / 5.0)),
    ] {
        let found = rouge_l(prediction, label).expect("scores");
        assert!((found - expected).abs() < 1e-12, "{prediction:?}: {found}");
    }
}
