//! Tasks that are conversations, on the cards of a page.

use corpus::Triplet;
use synthesis::SyntheticTask;

/// A conversation as a card shows tasks: its first question, all that is answered, and the first answer by itself. None of a
/// conversation without an exchange.
pub(super) fn as_shown(task: SyntheticTask) -> Option<Triplet> {
    let [[question, answer], ..] = &task.exchanges[..] else {
        return None;
    };
    let more = task.exchanges[1..].iter();
    let more: Vec<String> = more
        .map(|[question, answer]| format!(" / {question} / {answer}"))
        .collect();
    Some(Triplet {
        instruction: question.clone(),
        informative: format!("{answer}{}", more.concat()),
        precise: answer.clone(),
        id: task.id,
        pair: task.pair,
        origin: task.origin,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn check(exchanges: &[[&str; 2]], expected: Option<[&str; 3]>) {
        let task = SyntheticTask {
            id: "a/rules".to_owned(),
            pair: "a".to_owned(),
            exchanges: exchanges.iter().map(|e| e.map(str::to_owned)).collect(),
            template: "rules".to_owned(),
            origin: Value::Null,
        };
        let found = as_shown(task).map(|t| [t.instruction, t.informative, t.precise]);
        assert_eq!(found, expected.map(|parts| parts.map(str::to_owned)));
    }

    #[test]
    fn a_card_shows_all_that_is_said() {
        check(&[], None);
        check(&[["What?", "Tea."]], Some(["What?", "Tea.", "Tea."]));
        check(
            &[["What?", "Tea."], ["Hot?", "Yes."]],
            Some(["What?", "Tea. / Hot? / Yes.", "Tea."]),
        );
    }
}
