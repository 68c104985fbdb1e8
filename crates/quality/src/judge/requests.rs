//! How a judge is asked.

use std::collections::HashMap;
use std::path::PathBuf;

use corpus::{Decoding, IMAGE_MARK, Open, Request, Role, Turn};
use synthesis::prompts::{Prompts, RubricPrompts};
use synthesis::text::{fill, with_marks, without_marks};

use super::Question;
use crate::aspect::{Aspect, Scale};
use crate::item::Item;
use crate::sample::Sample;

/// Room for one answer: its task's number, a colon, a number or a word, the line's end.
const TOKENS_PER_ANSWER: usize = 8;

/// One request a question, with the question's id; questions about items that the sample lacks are left out.
///
/// Pictures come in the order in which they are shown: those of a task under its heading, or before everything where all tasks have
/// the same. Consistency is about two texts and shows none.
pub fn requests(sample: &Sample, questions: &[Question], prompts: &Prompts) -> Vec<Request> {
    let by_key: HashMap<&str, &Item> = sample
        .items
        .iter()
        .map(|item| (item.key.as_str(), item))
        .collect();
    let request = |question: &Question| {
        let items = question.keys.iter().take(question.answers());
        let items: Option<Vec<&Item>> =
            items.map(|key| by_key.get(key.as_str()).copied()).collect();
        let items = items.filter(|items| !items.is_empty())?;
        let (images, text) = worded(question, &items, &prompts.rubrics);
        Some(Request {
            id: question.id(),
            images,
            turns: vec![Turn::new(Role::User, text).with_marks()],
            open: Open::Assistant,
            prompt: None,
            decoding: Decoding {
                max_new_tokens: TOKENS_PER_ANSWER * items.len(),
                ..Decoding::default()
            },
        })
    };
    questions.iter().filter_map(request).collect()
}

/// The pictures and the text with a mark for each.
fn worded(question: &Question, items: &[&Item], prompts: &RubricPrompts) -> (Vec<PathBuf>, String) {
    let aspect = question.aspect;
    // Of an item by itself the second pass turns the levels round; side by side it turns the items.
    let is_turned = question.pass == 1 && items.len() == 1;
    let (about, options) = scale(aspect, is_turned, prompts);
    let form = match aspect.scale() {
        Scale::Levels => &prompts.level,
        Scale::YesNo => &prompts.word,
        Scale::Classes => &prompts.entry,
    };
    let images = |item: &Item| match aspect {
        Aspect::Consistency => Vec::new(),
        _ => item.images.clone(),
    };
    if let [item] = items {
        let text = fill(
            &without_marks(&prompts.one),
            &[
                ("task", &task(aspect, item, prompts)),
                ("question", about),
                ("options", &options),
                ("form", form),
            ],
        );
        let images = images(item);
        let text = with_marks(images.len(), &text);
        return (images, text);
    }
    let first = images(items[0]);
    let is_one_picture = items.iter().all(|item| images(item) == first);
    let mut shown = if is_one_picture { first } else { Vec::new() };
    let before = shown.len();
    let mut tasks = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let number = (at + 1).to_string();
        let mut lines = vec![fill(
            &without_marks(&prompts.heading),
            &[("number", &number)],
        )];
        if !is_one_picture {
            let own = images(item);
            if !own.is_empty() {
                lines.push(IMAGE_MARK.repeat(own.len()));
            }
            shown.extend(own);
        }
        lines.push(task(aspect, item, prompts));
        tasks.push(lines.join("\n"));
    }
    let text = fill(
        &without_marks(&prompts.group),
        &[
            ("count", &items.len().to_string()),
            ("tasks", &tasks.join("\n\n")),
            ("question", about),
            ("options", &options),
            ("form", form),
        ],
    );
    let marks = IMAGE_MARK.repeat(before);
    let gap = if before == 0 { "" } else { "\n" };
    (shown, format!("{marks}{gap}{}", text.trim()))
}

/// What is asked, and the levels, words or entries, a line each and the worst first.
fn scale(aspect: Aspect, is_turned: bool, prompts: &RubricPrompts) -> (&str, String) {
    let numbered = |options: &[String]| {
        let lines = options.iter().enumerate();
        lines
            .map(|(at, option)| format!("{}: {option}", at + 1))
            .collect()
    };
    let (question, mut lines): (&str, Vec<String>) = match aspect {
        Aspect::Knowledge => (
            &prompts.knowledge.question,
            numbered(&prompts.knowledge.levels),
        ),
        Aspect::Complexity => (
            &prompts.complexity.question,
            numbered(&prompts.complexity.levels),
        ),
        Aspect::Accuracy | Aspect::PreciseAccuracy | Aspect::InformativeAccuracy => (
            &prompts.accuracy.question,
            numbered(&prompts.accuracy.levels),
        ),
        Aspect::Consistency => (
            &prompts.consistency.question,
            vec![
                format!("no: {}", prompts.consistency.no),
                format!("yes: {}", prompts.consistency.yes),
            ],
        ),
        Aspect::TaskType => (
            &prompts.task_type.question,
            numbered(&prompts.task_type.options),
        ),
        Aspect::ImageDomain => (
            &prompts.image_domain.question,
            numbered(&prompts.image_domain.options),
        ),
    };
    if is_turned {
        lines.reverse();
    }
    (question, lines.join("\n"))
}

/// What is judged; of a picture's domain nothing but the picture.
fn task(aspect: Aspect, item: &Item, prompts: &RubricPrompts) -> String {
    let exchange = |instruction: &str, response: &str| {
        fill(
            without_marks(&prompts.exchange).trim(),
            &[
                ("instruction", &indented(instruction)),
                ("response", &indented(response)),
            ],
        )
    };
    let instruction = item.exchanges.first().map_or("", |[asked, _]| asked);
    let answer = |of: &Option<String>| of.clone().unwrap_or_default();
    match aspect {
        Aspect::ImageDomain => String::new(),
        Aspect::PreciseAccuracy => exchange(instruction, &answer(&item.precise)),
        Aspect::InformativeAccuracy => exchange(instruction, &answer(&item.informative)),
        Aspect::Consistency => fill(
            without_marks(&prompts.answers).trim(),
            &[
                ("instruction", &indented(instruction)),
                ("informative", &indented(&answer(&item.informative))),
                ("precise", &indented(&answer(&item.precise))),
            ],
        ),
        Aspect::Knowledge | Aspect::Complexity | Aspect::Accuracy | Aspect::TaskType => {
            let all = item.exchanges.iter();
            let all: Vec<String> = all.map(|[asked, said]| exchange(asked, said)).collect();
            all.join("\n")
        }
    }
}

/// A text without image marks, whose lines after the first are moved in: a form of an answer stays to be seen, and no line of
/// data can pass for a heading or a label.
fn indented(text: &str) -> String {
    let text = without_marks(text).replace(
        ['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'],
        "\n",
    );
    let lines: Vec<&str> = text.lines().collect();
    // Without its line breaks the text could hold a mark that it did not hold before.
    without_marks(&lines.join("\n    "))
}
