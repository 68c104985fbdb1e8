//! The tasks that records bring with them: seed data go through the same filter and the same joiner as what a synthesizer
//! wrote (the column "general task" of the paper's table 5).

use corpus::{Pair, SeedTask, Triplet};
use serde_json::json;

use crate::outcome::{Outcome, reject};
use crate::text::without_marks;

/// The key of a record with its tasks.
const TASKS: &str = "tasks";

/// A triplet for each task of a record. Of several that a judge keeps, mixing trains the first.
///
/// ```
/// let pair = serde_json::from_str(r#"{"id": "a", "images": ["a.png"], "caption": "A cup of tea.",
///     "tasks": [{"instruction": "What is it?", "informative": "It is a cup of tea.", "precise": "tea"}]}"#)?;
/// let found = synthesis::makers::general_triplets(&[pair]);
/// assert_eq!((found.items[0].id.as_str(), found.items[0].precise.as_str()), ("a/1", "tea"));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn general_triplets(pairs: &[Pair]) -> Outcome<Triplet> {
    let mut outcome = Outcome::default();
    for pair in pairs {
        let mut refuse = |reason: &str, detail: &str| {
            outcome.rejected.push(reject(&pair.id, reason, detail));
        };
        let Some(tasks) = pair.meta.get(TASKS) else {
            refuse("no-task", "the record has no key `tasks`");
            continue;
        };
        let tasks: Vec<SeedTask> = match serde_json::from_value(tasks.clone()) {
            Ok(tasks) => tasks,
            Err(problem) => {
                refuse("bad-tasks", &problem.to_string());
                continue;
            }
        };
        if tasks.is_empty() {
            refuse("no-task", "key `tasks` is an empty list");
        }
        for (at, task) in tasks.iter().enumerate() {
            let parts = [&task.instruction, &task.informative, &task.precise];
            let [instruction, informative, precise] = parts.map(|part| without_marks(part));
            if [&instruction, &informative, &precise]
                .iter()
                .any(|part| part.is_empty())
            {
                outcome
                    .rejected
                    .push(reject(&pair.id, "empty-part", &task.instruction));
                continue;
            }
            outcome.items.push(Triplet {
                id: format!("{}/{}", pair.id, at + 1),
                pair: pair.id.clone(),
                instruction,
                informative,
                precise,
                origin: json!({ "maker": "general", "task": pair.meta.get("task") }),
            });
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::show::pair;

    fn check(tasks: Value, expected: &[&str], reasons: &[&str]) {
        let mut own = pair("a", "A cup.");
        own.meta.insert("tasks".to_owned(), tasks);
        let found = general_triplets(&[own]);
        let ids: Vec<&str> = found.items.iter().map(|t| t.id.as_str()).collect();
        let left_out: Vec<&str> = found.rejected.iter().map(|r| r.reason.as_str()).collect();
        assert_eq!((ids.as_slice(), left_out.as_slice()), (expected, reasons));
    }

    #[test]
    fn every_task_with_both_answers_is_a_triplet() {
        let task = |instruction: &str| json!({"instruction": instruction, "informative": "It is tea.", "precise": "tea"});
        check(
            json!([task("<image>\nWhat?"), task("Which drink?")]),
            &["a/1", "a/2"],
            &[],
        );
        check(
            json!([task("<image>"), task("What?")]),
            &["a/2"],
            &["empty-part"],
        );
        check(json!([]), &[], &["no-task"]);
        check(json!("What?"), &[], &["bad-tasks"]);
        check(json!([{"instruction": "What?"}]), &[], &["bad-tasks"]);
        let bare = general_triplets(&[pair("a", "A cup.")]);
        assert_eq!(bare.rejected[0].reason, "no-task");
    }
}
