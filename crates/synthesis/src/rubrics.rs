//! Data quality by a judge (paper, tables 6 and 8): rubrics of five levels for knowledge, complexity and accuracy, and
//! classification by task type and image domain. Requests and readings only; statistics are elsewhere.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;

use corpus::{Completion, Decoding, Open, Request, Role, Turn};
use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, reject};
use crate::prompts::{Classes, Prompts, Rubric, RubricPrompts};
use crate::text::{fill, with_marks, without_marks};

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// How much of the picture the task calls on.
    Knowledge,
    /// How hard the task is.
    Complexity,
    /// How right the response is.
    Accuracy,
    /// The kind of task, whose distinct kinds are the diversity.
    TaskType,
    /// What the picture is about.
    ImageDomain,
}

corpus::words!(Quality {
    Knowledge = "knowledge",
    Complexity = "complexity",
    Accuracy = "accuracy",
    TaskType = "task-type",
    ImageDomain = "image-domain",
});

/// A task to judge.
#[derive(Clone, Debug, PartialEq)]
pub struct QualityItem {
    /// Unique among the items.
    pub id: String,
    /// The pictures of the task.
    pub images: Vec<PathBuf>,
    /// What is asked.
    pub instruction: String,
    /// What is answered.
    pub response: String,
}

/// A level from 1 to 5, or the number of a class from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grade {
    /// Of the item.
    pub id: String,
    /// The number that was given.
    pub number: usize,
}

/// One request an item, with the id `<quality>/<item>`.
pub fn quality_requests(
    quality: Quality,
    items: &[QualityItem],
    prompts: &Prompts,
) -> Vec<Request> {
    let p = &prompts.rubrics;
    let (template, question, options) = match (rubric(quality, p), classes(quality, p)) {
        (Some(rubric), _) => (&p.request, &rubric.question, rubric.levels.as_slice()),
        (None, classes) => (&p.classify, &classes.question, classes.options.as_slice()),
    };
    let mut numbered = String::new();
    for (at, option) in options.iter().enumerate() {
        let _ = writeln!(numbered, "{}: {option}", at + 1);
    }
    let numbers: Vec<String> = (1..=options.len()).map(|n| n.to_string()).collect();
    let request = |item: &QualityItem| {
        let (instruction, response) = (
            without_marks(&item.instruction),
            without_marks(&item.response),
        );
        let mut values = vec![
            ("instruction", instruction.as_str()),
            ("response", response.as_str()),
            ("question", question),
            ("options", numbered.trim_end()),
        ];
        values.extend(
            numbers
                .iter()
                .map(String::as_str)
                .zip(options.iter().map(String::as_str)),
        );
        let text = fill(template.trim(), &values);
        Request {
            id: format!("{}/{}", quality.as_str(), item.id),
            images: item.images.clone(),
            turns: vec![Turn::new(Role::User, with_marks(item.images.len(), &text)).with_marks()],
            open: Open::Assistant,
            prompt: None,
            decoding: Decoding {
                max_new_tokens: 4,
                ..Decoding::default()
            },
        }
    };
    items.iter().map(request).collect()
}

/// The number that each completion gives; what is not a number of the list, alone, is a reject.
pub fn quality_grades(
    quality: Quality,
    items: &[QualityItem],
    completions: &[Completion],
    prompts: &Prompts,
) -> Outcome<Grade> {
    let highest = match rubric(quality, &prompts.rubrics) {
        Some(rubric) => rubric.levels.len(),
        None => classes(quality, &prompts.rubrics).options.len(),
    };
    let by_id: HashMap<&str, &Completion> = completions
        .iter()
        .rev()
        .map(|c| (c.id.as_str(), c))
        .collect();
    let mut outcome = Outcome::default();
    for item in items {
        let id = format!("{}/{}", quality.as_str(), item.id);
        let (reason, detail) = match by_id.get(id.as_str()) {
            None => ("no-completion", ""),
            Some(completion) if completion.failure().is_some() => {
                completion.failure().unwrap_or_default()
            }
            Some(completion) => {
                let number = completion.text.trim().trim_end_matches('.').parse().ok();
                if let Some(number) = number.filter(|n| (1..=highest).contains(n)) {
                    outcome.items.push(Grade {
                        id: item.id.clone(),
                        number,
                    });
                    continue;
                }
                ("unreadable", completion.text.as_str())
            }
        };
        outcome.rejected.push(reject(&id, reason, detail));
    }
    outcome
}

/// A level on the scale from 0 to 100. The paper does not say how it rescales; here 1 is 0 and 5 is 100.
pub fn rescaled(level: usize) -> f64 {
    25.0 * level.clamp(1, 5).saturating_sub(1) as f64
}

/// Distinct task types among the grades, as a share (0 to 100) of the types that count (17 or 20 in the paper).
pub fn diversity(grades: &[Grade], num_types: usize) -> f64 {
    let distinct: BTreeSet<usize> = grades.iter().map(|g| g.number).collect();
    if num_types == 0 {
        0.0
    } else {
        100.0 * distinct.len() as f64 / num_types as f64
    }
}

fn rubric(quality: Quality, prompts: &RubricPrompts) -> Option<&Rubric> {
    match quality {
        Quality::Knowledge => Some(&prompts.knowledge),
        Quality::Complexity => Some(&prompts.complexity),
        Quality::Accuracy => Some(&prompts.accuracy),
        Quality::TaskType | Quality::ImageDomain => None,
    }
}

fn classes(quality: Quality, prompts: &RubricPrompts) -> &Classes {
    if quality == Quality::ImageDomain {
        &prompts.image_domain
    } else {
        &prompts.task_type
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> QualityItem {
        QualityItem {
            id: "a".to_owned(),
            images: vec!["a.png".into()],
            instruction: "What is it?".to_owned(),
            response: "A {1} cup <image>.".to_owned(),
        }
    }

    #[test]
    fn a_rubric_shows_task_and_levels() {
        let requests = quality_requests(Quality::Accuracy, &[item()], &Prompts::default());
        assert_eq!(requests[0].id, "accuracy/a");
        insta::assert_snapshot!(requests[0].turns[0].text, @r"
        <image>
        Here is a task about the picture and a response to it.
        Task: What is it?
        Response: A {1} cup .

        How right is the response?
        1: it misses the topic.
        2: its reasoning and its conclusion are both wrong.
        3: its reasoning is right, its conclusion wrong.
        4: its conclusion is right, its reasoning wrong.
        5: its reasoning and its conclusion are both right.
        Reply with the number alone.
        ");
    }

    #[test]
    fn lists_have_the_papers_lengths_and_are_numbered() {
        let prompts = Prompts::default();
        assert_eq!(prompts.rubrics.task_type.options.len(), 20);
        assert_eq!(prompts.rubrics.image_domain.options.len(), 20);
        let requests = quality_requests(Quality::ImageDomain, &[item()], &prompts);
        assert!(requests[0].turns[0].text.contains("\n18: Medical\n"));
        assert!(
            requests[0].turns[0]
                .text
                .ends_with("\n20: Fashion and Clothing\nReply with the number alone.")
        );
    }

    #[test]
    fn only_a_number_of_the_list_is_a_grade() {
        let check = |quality: Quality, text: &str, expected: Option<usize>| {
            let completion = serde_json::from_value(serde_json::json!({
                "id": format!("{}/a", quality.as_str()), "text": text, "finish_reason": "stop",
                "prompt_tokens": 1, "completion_tokens": 1,
            }));
            let completions = [completion.expect("completion")];
            let found = quality_grades(quality, &[item()], &completions, &Prompts::default());
            assert_eq!(found.items.first().map(|g| g.number), expected, "{text}");
            assert_eq!(found.rejected.len(), usize::from(expected.is_none()));
        };
        check(Quality::Knowledge, " 4.\n", Some(4));
        check(Quality::Knowledge, "6", None);
        check(Quality::Knowledge, "0", None);
        check(Quality::Knowledge, "4 or 5", None);
        check(Quality::TaskType, "17", Some(17));
        check(Quality::TaskType, "Caption Generation", None);
    }

    #[test]
    fn scales_are_0_to_100() {
        assert_eq!(
            [1, 3, 5].map(|level| rescaled(level).to_string()),
            ["0", "50", "100"]
        );
        let grades = [1, 2, 2, 9].map(|number| Grade {
            id: "a".to_owned(),
            number,
        });
        assert!((diversity(&grades, 17) - 300.0 / 17.0).abs() < 1e-12);
    }
}
