//! Our own records, under the keys of [`crate::record`].

use serde_json::Value;

use super::fields::Fields;
use crate::error::{Fault, Reason};
use crate::{IMAGE_MARK, Pair, Sample, Seed, SeedTask, Turn};

pub(super) fn pair(fields: &mut Fields) -> Result<Pair, Fault> {
    let images = some_images(fields)?;
    let caption = caption(fields)?;
    // A pair's pictures stand before its request anyway.
    let request = fields
        .take_text("request")?
        .map(|text| without_marks(&text));
    let request = request.filter(|text| !text.trim().is_empty());
    let group = fields.take_name("group")?;
    let source = fields.take_name("source")?;
    Ok(Pair {
        id: String::new(),
        images,
        caption,
        request,
        group,
        source,
        meta: std::mem::take(&mut fields.map),
    })
}

pub(super) fn seed(fields: &mut Fields) -> Result<Seed, Fault> {
    let images = some_images(fields)?;
    let caption = caption(fields)?;
    let task = fields.take_name("task")?;
    let tasks: Option<Vec<SeedTask>> = fields.take_record("tasks")?;
    let tasks = fields.require("tasks", tasks)?;
    if tasks.is_empty() {
        return Err(Fault::new(
            Reason::NoTasks,
            format!("key `{}` is an empty list", fields.key("tasks")),
        ));
    }
    for (at, task) in tasks.iter().enumerate() {
        for (name, text) in [
            ("instruction", &task.instruction),
            ("informative", &task.informative),
            ("precise", &task.precise),
        ] {
            if text.trim().is_empty() {
                return Err(Fault::shape(format!(
                    "`{name}` of task {at} (counted from 0) has no text"
                )));
            }
        }
    }
    Ok(Seed {
        id: String::new(),
        images,
        caption,
        task,
        tasks,
    })
}

pub(super) fn sample(fields: &mut Fields) -> Result<Sample, Fault> {
    let images = fields.take_images()?;
    let turns: Option<Vec<Turn>> = fields.take_record("turns")?;
    let turns = fields.require("turns", turns)?;
    let end = fields.take_record("end")?.unwrap_or(false);
    let origin = fields.take("origin").unwrap_or(Value::Null);
    let sample = Sample {
        id: String::new(),
        images,
        turns,
        end,
        origin,
    };
    check(&sample)?;
    Ok(sample)
}

/// Each picture has its place, and something is learned.
pub(super) fn check(sample: &Sample) -> Result<(), Fault> {
    let num_marks: usize = sample
        .turns
        .iter()
        .filter(|turn| turn.marks)
        .map(|turn| turn.text.matches(IMAGE_MARK).count())
        .sum();
    let num_images = sample.images.len();
    if num_marks != num_images {
        let detail = format!(
            "the turns have {num_marks} `{IMAGE_MARK}` marks for {num_images} images; expected one for each"
        );
        return Err(Fault::new(Reason::ImageMarks, detail));
    }
    if !sample.end && !sample.turns.iter().any(|turn| turn.learn) {
        return Err(Fault::new(Reason::NothingLearned, "no turn is learned"));
    }
    Ok(())
}

pub(super) fn some_images(fields: &mut Fields) -> Result<Vec<std::path::PathBuf>, Fault> {
    let images = fields.take_images()?;
    if images.is_empty() {
        let (many, one) = (fields.key("images"), fields.key("image"));
        let detail = format!(
            "names no picture under `{many}` or `{one}`; the other keys are {}",
            fields.present()
        );
        return Err(Fault::new(Reason::NoImage, detail));
    }
    Ok(images)
}

fn caption(fields: &mut Fields) -> Result<String, Fault> {
    let caption = match fields.take_text("caption")? {
        None if !fields.columns.contains_key("caption") => fields.take_text("text")?,
        found => found,
    };
    if caption.is_none()
        && fields
            .empty
            .iter()
            .any(|name| name == fields.key("caption"))
    {
        let detail = format!("the cell of `{}` is empty", fields.key("caption"));
        return Err(Fault::new(Reason::EmptyCaption, detail));
    }
    let caption = fields.require("caption", caption)?;
    if caption.trim().is_empty() {
        return Err(Fault::new(
            Reason::EmptyCaption,
            format!("key `{}` has no text", fields.key("caption")),
        ));
    }
    Ok(caption)
}

/// A user's text without its image marks, each of which takes one newline with it: the one after it, or else the one
/// before it.
pub(super) fn without_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(IMAGE_MARK) {
        out.push_str(&rest[..at]);
        rest = &rest[at + IMAGE_MARK.len()..];
        match rest.strip_prefix('\n') {
            Some(after) => rest = after,
            None if rest.is_empty() && out.ends_with('\n') => {
                out.pop();
            }
            None => {}
        }
    }
    out + rest
}
