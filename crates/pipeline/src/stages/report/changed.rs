//! Questions whose answer became right or wrong.

use corpus::{Label, Prediction};
use report::{Flip, embedded_picture};

use crate::questions::Questions;

/// Those of a task, at most two hundred.
pub fn changed(questions: &Questions, base: &[Prediction], adapted: &[Prediction]) -> Vec<Flip> {
    let label = |label: &Label| match label {
        Label::Text(text) => text.clone(),
        Label::List(texts) => texts.join(" | "),
    };
    let text = |p: &Prediction| p.prediction.clone().unwrap_or_default();
    let right = |p: &Prediction| p.score.unwrap_or(0.0) >= 50.0;
    let items = questions.benchmark.items.iter();
    let rows = items.zip(base.iter().zip(adapted));
    rows.filter(|(_, (b, a))| right(b) != right(a))
        .map(|(item, (b, a))| Flip {
            task: questions.id().to_owned(),
            picture: item.images.first().and_then(|p| embedded_picture(p)),
            question: item.question.clone().unwrap_or_default(),
            label: label(&item.label),
            base: text(b),
            adapted: text(a),
            base_right: right(b),
            adapted_right: right(a),
        })
        .take(200)
        .collect()
}
