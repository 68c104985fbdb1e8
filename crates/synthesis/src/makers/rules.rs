//! The rule-made baseline: questions and answers cut out of captions and fields by templates, without a model, in the
//! manner of LLaVA-Chef. Each pair gives at most one exchange of question and answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use corpus::Pair;
use corpus::seed::{Rng, hash};
use serde_json::{Value, json};

use crate::mix::SyntheticTask;
use crate::outcome::{Outcome, reject};
use crate::prompts::{Prompts, RuleFamily, RulePrompts};
use crate::text::{fill, without_marks};

/// A task for each pair that one of the families fits; family, request and told fields are drawn by the pair's id.
pub fn rule_tasks(pairs: &[Pair], seed: u64, prompts: &Prompts) -> Outcome<SyntheticTask> {
    let mut outcome = Outcome::default();
    for pair in pairs {
        match rule_task(pair, seed, &prompts.rules) {
            Some(task) => outcome.items.push(task),
            None => outcome.rejected.push(reject(
                &pair.id,
                "no-rule",
                "no family of rules finds its fields in this pair",
            )),
        }
    }
    outcome
}

fn rule_task(pair: &Pair, seed: u64, prompts: &RulePrompts) -> Option<SyntheticTask> {
    let mut rng = Rng::new(hash(seed, &format!("rule {}", pair.id)));
    let fields = fields(pair, &mut rng, prompts);
    let has = |name: &str| fields.contains_key(name);
    let choices: Vec<(&RuleFamily, &String)> = prompts
        .families
        .iter()
        .filter(|family| places(&family.layout).into_iter().all(has))
        .filter_map(|family| {
            let fitting: Vec<&String> = family
                .requests
                .iter()
                .filter(|r| places(r).into_iter().all(has))
                .collect();
            (!fitting.is_empty()).then(|| (family, *rng.choose(&fitting)))
        })
        .collect();
    if choices.is_empty() {
        return None;
    }
    let (family, request) = *rng.choose(&choices);
    let values: Vec<(&str, &str)> = fields
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let mut instruction = fill(request, &values);
    for name in &family.optional {
        if let Some(value) = fields.get(name).filter(|_| rng.chance(0.5)) {
            let _ = write!(instruction, "\n{}: {value}", capital(name));
        }
    }
    let answer = fill(&family.layout, &values);
    Some(SyntheticTask {
        id: format!("{}/rules", pair.id),
        pair: pair.id.clone(),
        exchanges: vec![[instruction, answer]],
        template: "rules".to_owned(),
        origin: json!({ "maker": "rules", "rule": family.name, "prompts": prompts.version }),
    })
}

/// What is known of a pair, by field.
fn fields(pair: &Pair, rng: &mut Rng, prompts: &RulePrompts) -> BTreeMap<String, String> {
    let caption = without_marks(&pair.caption);
    let mut out = sections(&caption, prompts);
    for (field, names) in &prompts.fields {
        let value = names
            .iter()
            .filter_map(|name| pair.meta.get(name))
            .map(as_text)
            .find(|v| !v.is_empty());
        if let Some(value) = value {
            out.insert(field.clone(), value);
        }
    }
    let words: Vec<String> = caption
        .split(|c: char| !c.is_alphanumeric() && c != '-')
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect();
    let mut colours: Vec<&String> = prompts
        .colours
        .iter()
        .filter(|c| words.contains(c))
        .collect();
    if let (Some(colour), true) = (colours.pop(), colours.is_empty()) {
        let others: Vec<&String> = prompts
            .other_colours
            .iter()
            .filter(|c| *c != colour)
            .collect();
        if !others.is_empty() {
            out.insert("other_colour".to_owned(), (*rng.choose(&others)).clone());
        }
        out.insert("colour".to_owned(), colour.clone());
    }
    let mut counted = words
        .windows(2)
        .filter(|pair| prompts.numbers.contains(&pair[0]));
    if let (Some([number, things]), None) = (counted.next(), counted.next())
        && things.len() > 3
        && things.ends_with('s')
    {
        out.insert("number".to_owned(), number.clone());
        out.insert("counted".to_owned(), things.clone());
    }
    if !caption.is_empty() {
        let end = caption
            .find(['.', '!', '?', '\n'])
            .map_or(caption.len(), |at| at + 1);
        out.insert("sentence".to_owned(), caption[..end].trim().to_owned());
        out.insert("caption".to_owned(), caption);
    }
    out
}

/// The parts of a caption whose headings are known, as `Ingredients: ...` or `Ingredients:` and lines below it.
fn sections(caption: &str, prompts: &RulePrompts) -> BTreeMap<String, String> {
    let mut out: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<&String> = None;
    for line in caption.lines() {
        let heading = line.split_once(':').and_then(|(head, rest)| {
            let head = head
                .trim_matches(|c: char| !c.is_alphanumeric())
                .to_lowercase();
            let field = prompts
                .fields
                .iter()
                .find(|(_, names)| names.contains(&head))?;
            Some((field.0, rest))
        });
        let text = match heading {
            Some((field, rest)) => {
                current = Some(field);
                rest
            }
            None => line,
        };
        if let (Some(field), false) = (current, text.trim().is_empty()) {
            let value = out.entry(field.clone()).or_default();
            if !value.is_empty() {
                value.push('\n');
            }
            value.push_str(text.trim());
        }
    }
    out
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Array(list) => list.iter().map(as_text).collect::<Vec<_>>().join("\n"),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Object(_) => String::new(),
    }
}

/// The names in braces.
fn places(template: &str) -> Vec<&str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
        .collect()
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::show::pair;

    const RECIPE: &str = "Title: Leek soup\nIngredients:\n2 leeks\n1 l of stock\n\nInstructions: Slice the leeks.\nBoil.";

    /// Every answer that some seed gives, by family.
    fn answers(caption: &str) -> BTreeSet<(String, String)> {
        let prompts = Prompts::default();
        (0..200)
            .flat_map(|seed| rule_tasks(&[pair("a", caption)], seed, &prompts).items)
            .map(|t| {
                let [[instruction, answer]] = &t.exchanges[..] else {
                    panic!("{t:?}");
                };
                assert!(!instruction.contains(['{', '}']), "{instruction}");
                let rule = t.origin["rule"].as_str().unwrap_or_default();
                (rule.to_owned(), answer.clone())
            })
            .collect()
    }

    fn check(caption: &str, expected: &[(&str, &str)]) {
        let found = answers(caption);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn recipes_are_taken_apart_by_their_headings() {
        check(
            RECIPE,
            &[
                ("ingredients", "2 leeks\n1 l of stock"),
                (
                    "recipe",
                    "Leek soup\n\nIngredients:\n2 leeks\n1 l of stock\n\nSteps:\nSlice the leeks.\nBoil.",
                ),
                ("steps", "Slice the leeks.\nBoil."),
                ("summary", "Title: Leek soup"),
                ("title", "Leek soup"),
            ],
        );
    }

    #[test]
    fn plain_captions_give_colour_count_and_a_sentence() {
        check(
            "Three boats lie at a white pier. It is calm.",
            &[
                ("colour", "white"),
                ("count", "three"),
                ("has-colour", "yes"),
                ("has-other-colour", "no"),
                ("summary", "Three boats lie at a white pier."),
            ],
        );
        check(
            "Red and white boats.",
            &[("summary", "Red and white boats.")],
        );
    }

    #[test]
    fn fields_of_the_record_come_before_the_caption() {
        let mut own = pair("a", "A bowl.");
        own.meta
            .insert("ingredients".to_owned(), json!(["2 leeks", "salt"]));
        let found = fields(&own, &mut Rng::new(0), &Prompts::default().rules);
        assert_eq!(found["ingredients"], "2 leeks\nsalt");
    }

    #[test]
    fn some_requests_tell_optional_fields_and_some_do_not() {
        let prompts = Prompts::default();
        let steps: Vec<String> = (0..200)
            .flat_map(|seed| rule_tasks(&[pair("a", RECIPE)], seed, &prompts).items)
            .filter(|t| t.origin["rule"] == "steps")
            .map(|t| t.exchanges[0][0].clone())
            .collect();
        let told = steps
            .iter()
            .filter(|i| i.contains("\nTitle: Leek soup"))
            .count();
        assert!(told > 0 && told < steps.len());
    }

    #[test]
    fn a_pair_without_fields_is_counted() {
        let found = rule_tasks(&[pair("a", " ")], 0, &Prompts::default());
        assert_eq!(found.rejected[0].reason, "no-rule");
    }
}
