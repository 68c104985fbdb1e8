//! What overridden prompts must hold for the method to work.

use super::{PromptError, Prompts};

impl Prompts {
    /// The first text that cannot work.
    pub(super) fn check(&self) -> Result<(), PromptError> {
        let s = &self.synthesizer;
        hint("synthesizer.hint_precise", &s.hint_precise)?;
        hint("synthesizer.hint_informative", &s.hint_informative)?;
        if s.hint_precise == s.hint_informative {
            return wrong(
                "synthesizer.hint_precise",
                "is the same as `hint_informative`; they must differ",
            );
        }
        for (key, text) in [
            ("synthesizer.caption_request", &s.caption_request),
            ("synthesizer.without_caption", &s.without_caption),
            ("text_only.question", &self.text_only.question),
            ("text_only.answer", &self.text_only.answer),
            ("with_picture.question", &self.with_picture.question),
            ("with_picture.answer", &self.with_picture.answer),
            ("one_shot.question", &self.one_shot.question),
            ("one_shot.answer", &self.one_shot.answer),
        ] {
            if text.trim().is_empty() {
                return wrong(key, "is empty; write a text");
            }
        }
        for (key, list) in [
            ("captioning.requests", &self.captioning.requests),
            ("with_picture.settings", &self.with_picture.settings),
            ("rubrics.task_type.options", &self.rubrics.task_type.options),
            (
                "rubrics.image_domain.options",
                &self.rubrics.image_domain.options,
            ),
        ] {
            if list.is_empty() || list.iter().any(|text| text.trim().is_empty()) {
                return wrong(key, "must have at least one text and no empty one");
            }
        }
        for (key, text, names) in [
            (
                "judge.tuned.request",
                &self.judge.tuned.request,
                &["instruction", "informative", "precise"][..],
            ),
            (
                "extraction.request",
                &self.extraction.request,
                &["text", "instruction"],
            ),
            (
                "joiners.paper",
                &self.joiners.paper,
                &["informative", "precise"],
            ),
            ("text_only.request", &self.text_only.request, &["caption"]),
            ("one_shot.request", &self.one_shot.request, &["caption"]),
            (
                "with_picture.request",
                &self.with_picture.request,
                &["caption"],
            ),
            (
                "rubrics.one",
                &self.rubrics.one,
                &["task", "question", "options", "form"],
            ),
            (
                "rubrics.group",
                &self.rubrics.group,
                &["count", "tasks", "question", "options", "form"],
            ),
            ("rubrics.heading", &self.rubrics.heading, &["number"]),
            (
                "rubrics.exchange",
                &self.rubrics.exchange,
                &["instruction", "response"],
            ),
            (
                "rubrics.answers",
                &self.rubrics.answers,
                &["instruction", "informative", "precise"],
            ),
        ] {
            places(key, text, names)?;
        }
        for (key, list, names) in [
            ("joiners.plain", &self.joiners.plain, &["response"][..]),
            (
                "joiners.reasoned",
                &self.joiners.reasoned,
                &["informative", "precise"],
            ),
        ] {
            if list.is_empty() {
                return wrong(key, "has no template; write at least one");
            }
            for template in list {
                places(&format!("{key}.user"), &template.user, &["instruction"])?;
                places(&format!("{key}.assistant"), &template.assistant, names)?;
            }
        }
        Ok(())
    }
}

fn wrong(key: &str, problem: &str) -> Result<(), PromptError> {
    Err(PromptError::Text {
        key: key.to_owned(),
        problem: problem.to_owned(),
    })
}

fn hint(key: &str, hint: &str) -> Result<(), PromptError> {
    if hint.is_empty() || hint.trim() != hint || hint.contains('\n') {
        return wrong(key, "must be one line of text without space around it");
    }
    Ok(())
}

fn places(key: &str, text: &str, names: &[&str]) -> Result<(), PromptError> {
    match names
        .iter()
        .find(|name| !text.contains(&format!("{{{name}}}")))
    {
        None => Ok(()),
        Some(name) => wrong(
            key,
            &format!("has no place `{{{name}}}`; write it where that part goes"),
        ),
    }
}
