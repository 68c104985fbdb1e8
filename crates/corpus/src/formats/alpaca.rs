//! Alpaca records: `instruction`, `input`, `output` and `images`, as LLaMA-Factory reads them. One question, one answer;
//! `history` has earlier ones.

use serde_json::Value;

use super::fields::Fields;
use super::native::{self, without_marks};
use super::notes::{Notes, Origin};
use super::sharegpt;
use crate::error::{Fault, Reason};
use crate::{Pair, Role, Sample, Turn};

pub(super) fn pair(fields: &mut Fields, notes: &mut Notes) -> Result<Pair, Fault> {
    let images = native::some_images(fields)?;
    let (question, answer) = exchange(fields)?;
    if answer.trim().is_empty() {
        let detail = format!("key `{}` has no text", fields.key("output"));
        return Err(Fault::new(Reason::EmptyCaption, detail));
    }
    if fields
        .take("history")
        .is_some_and(|h| h != Value::Array(Vec::new()))
    {
        notes.num_longer += 1;
    }
    let request = Some(without_marks(&question)).filter(|text| !text.trim().is_empty());
    Ok(Pair {
        id: String::new(),
        images,
        caption: answer,
        request,
        group: fields.take_name("group")?,
        source: fields.take_name("source")?,
        meta: std::mem::take(&mut fields.map),
    })
}

pub(super) fn sample(fields: &mut Fields, origin: &Origin) -> Result<Sample, Fault> {
    let images = fields.take_images()?;
    let (question, answer) = exchange(fields)?;
    let system = fields.take_text("system")?;
    let history: Option<Vec<(String, String)>> = fields.take_record("history")?;
    let mut turns = Vec::new();
    if let Some(text) = system.filter(|text| !text.trim().is_empty()) {
        turns.push(Turn::new(Role::System, text));
    }
    let earlier = history.unwrap_or_default();
    for (question, answer) in earlier.into_iter().chain([(question, answer)]) {
        turns.push(Turn::new(Role::User, question).with_marks());
        turns.push(Turn::new(Role::Assistant, answer).learned());
    }
    let sample = Sample {
        id: String::new(),
        images,
        turns,
        end: false,
        origin: sharegpt::origin(fields, origin),
    };
    native::check(&sample)?;
    Ok(sample)
}

/// The question (the instruction, then the input on a line of its own) and the answer.
fn exchange(fields: &mut Fields) -> Result<(String, String), Fault> {
    sharegpt::refuse_others(fields)?;
    let instruction = fields.take_text("instruction")?;
    let mut question = fields.require("instruction", instruction)?;
    if let Some(input) = fields.take_text("input")?.filter(|text| !text.is_empty()) {
        if !question.is_empty() {
            question.push('\n');
        }
        question += &input;
    }
    let output = fields.take_text("output")?;
    Ok((question, fields.require("output", output)?))
}
