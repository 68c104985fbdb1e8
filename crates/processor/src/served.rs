//! The text files of a synthesizer's folder, so that engines behind a chat API can run it.
//!
//! A synthesizer goes on after a bare user header and ends with end-of-text. A chat API has no word for the first, and
//! engines stop at the end of a turn. So the folder's chat template gets a variable `open`, which a request gives among its
//! `chat_template_kwargs`, and every file that engines read stop tokens from names end-of-text alone. Without the variable
//! a template renders what it rendered before.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use corpus::{Decoding, Open, Request, Role, Turn};
use serde_json::{Map, Value, json};

use crate::folder::read_json;
use crate::special::special_names;
use crate::template::Template;
use crate::{Error, Processor};

/// How a template with the variable begins.
const SIGN: &str = "{# `open`: ";
/// Stands where the model would write; no template changes it.
const PROBE: &str = "the-model-goes-on-here";
/// Settings of sampling, which engines take for the defaults of requests. A synthesizer is asked greedily, without penalty.
const SAMPLING: &[&str] = &[
    "do_sample",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "repetition_penalty",
];
/// Files beside `chat_template.jinja` that may hold a template.
const TEMPLATES: &[&str] = &[
    "chat_template.json",
    "processor_config.json",
    "tokenizer_config.json",
];

/// Whether engines can ask a synthesizer to go on after a user header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The chat template has the variable `open`: `user`, `assistant` or `none`.
    Variable,
    /// It has none, because its turns are not simply one after the other; why is said in words.
    Unsuited(String),
}

/// Makes a saved synthesizer's folder one that engines can serve; `processor` is that of the folder, or of its base.
///
/// With `open` a text begins as `processor` begins it, also where that means begin-of-text tokens which the template does not
/// write, and ends in the header of that role, or in none; `add_generation_prompt` is not heeded then. Another value is
/// refused. What `processor` makes of the folder stays the same but for [`Processor::stop_ids`].
pub fn prepare_synthesizer(folder: &Path, processor: &dyn Processor) -> Result<Opening, Error> {
    let end = processor.end_of_text();
    let names = special_names(folder)?;
    let opening = add_variable(folder, processor, &names, &processor.markers()?.end_of_text)?;
    end_at(folder, end, &processor.decode(&[end], false))?;
    Ok(opening)
}

/// Whether a folder is one that [`prepare_synthesizer`] has given the variable.
pub fn is_prepared(folder: &Path) -> Result<bool, Error> {
    Ok(Template::find(folder)?.is_some_and(|source| source.starts_with(SIGN)))
}

/// Puts the variable into the folder's template, wherever that lies.
fn add_variable(
    folder: &Path,
    processor: &dyn Processor,
    names: &Map<String, Value>,
    end: &str,
) -> Result<Opening, Error> {
    let Some(source) = Template::find(folder)? else {
        return Ok(Opening::Unsuited("the folder has none".to_owned()));
    };
    if source.starts_with(SIGN) {
        return Ok(Opening::Variable);
    }
    let begin = names.get("bos_token").and_then(Value::as_str);
    let wanted = match begin {
        Some(begin) => count_begins(processor, begin)?,
        None => 0,
    };
    let made = match with_variable(&source, names, (begin.unwrap_or_default(), wanted), end) {
        Ok(made) => made,
        Err(problem) => return Ok(Opening::Unsuited(problem)),
    };
    if folder.join("chat_template.jinja").exists() {
        replace(folder, "chat_template.jinja", &made)?;
    }
    for name in TEMPLATES {
        let mut json = read_json(&folder.join(name), true)?;
        let mut changed = false;
        let mut put = |place: &mut Value| {
            if place.as_str() == Some(source.as_str()) {
                *place = json!(made);
                changed = true;
            }
        };
        match json.get_mut("chat_template") {
            Some(Value::Array(list)) => list
                .iter_mut()
                .filter_map(|named| named.get_mut("template"))
                .for_each(&mut put),
            Some(place) => put(place),
            None => {}
        }
        if changed {
            replace(folder, name, &format!("{json:#}\n"))?;
        }
    }
    Ok(Opening::Variable)
}

/// How many begin-of-text tokens the processor begins a conversation with.
fn count_begins(processor: &dyn Processor, begin: &str) -> Result<usize, Error> {
    let encoded = processor.request(&Request {
        id: "opening".to_owned(),
        images: Vec::new(),
        turns: vec![Turn::new(Role::User, "a")],
        open: Open::Assistant,
        prompt: None,
        decoding: Decoding::default(),
    })?;
    let is_begin = |id: &&i64| processor.decode(&[**id], false) == begin;
    Ok(encoded.ids.iter().take_while(is_begin).count())
}

/// The template with the variable; why not is said in words. `begin` is the begin-of-text token and how many of it a
/// conversation begins with.
fn with_variable(
    source: &str,
    names: &Map<String, Value>,
    begin: (&str, usize),
    end: &str,
) -> Result<String, String> {
    let old = Template::new(source, names.clone(), "")?;
    let forms = [Form::Items, Form::Text];
    let suited = forms.map(|form| form.renders(&old));
    let forms = || forms.into_iter().zip(suited).filter(|(_, suited)| *suited);
    let mut header = None;
    for (form, _) in forms() {
        for talk in talks() {
            let found = form.user_header(&old, talk)?;
            if found.is_some() && header.is_some() && found != header {
                return Err("its user headers differ from place to place".to_owned());
            }
            header = found.or(header);
        }
    }
    let header = header.ok_or("it renders no conversation of two turns")?;
    let written = forms()
        .find_map(|(form, _)| form.render(&old, &[(Role::User, "a")], false, None).ok())
        .map_or(0, |text| leading(&text, begin.0));
    let missing = begin.1.saturating_sub(written);

    let mut made = format!(
        "{SIGN}`user`, `assistant` or `none` says whose header the text ends in; without it `add_generation_prompt` decides #}}"
    );
    let own = names.get("eos_token").and_then(Value::as_str);
    if let Some(own) = own.filter(|own| *own != end && source.contains("eos_token")) {
        // The folder calls end-of-text by this name from now on; the template means what it meant.
        let _ = write!(made, "{{% set eos_token = {} %}}", literal(own));
    }
    let _ = write!(
        made,
        "{{% if open %}}{{% if open not in ['user', 'assistant', 'none'] %}}{{{{ raise_exception('`open` is user, assistant or none') }}}}{{% endif %}}\
         {{% set add_generation_prompt = open == 'assistant' %}}"
    );
    if missing > 0 {
        let _ = write!(made, "{{{{ {} }}}}", literal(&begin.0.repeat(missing)));
    }
    // The newline ends the block's line, so that the template's own first line begins as it did.
    made += "{% endif %}\n";
    made += source.strip_suffix('\n').unwrap_or(source);
    let _ = write!(
        made,
        "{{{{ {} if open == 'user' else '' }}}}",
        literal(&header)
    );

    let mut renamed = names.clone();
    if own.is_some() {
        renamed.insert("eos_token".to_owned(), json!(end));
    }
    let new = Template::new(&made, renamed, "")?;
    let begins = begin.0.repeat(missing);
    for (form, _) in forms() {
        for talk in talks() {
            form.compare((&old, &new), talk, &begins)?;
        }
    }
    Ok(made)
}

/// Conversations that a template is tried on.
fn talks() -> [&'static [(Role, &'static str)]; 4] {
    use Role::{Assistant, System, User};
    [
        &[(User, "a")],
        &[(User, " a\n"), (Assistant, "b")],
        &[(System, "s"), (User, "a"), (Assistant, "b 'c'\n\nd")],
        &[(User, "a"), (Assistant, "b"), (User, "c"), (Assistant, "d")],
    ]
}

/// How a message's content is given to a template.
#[derive(Clone, Copy, Debug)]
enum Form {
    Items,
    Text,
}

impl Form {
    fn render(
        self,
        template: &Template,
        talk: &[(Role, &str)],
        add_generation_prompt: bool,
        open: Option<&str>,
    ) -> Result<String, String> {
        let messages = talk.iter().map(|(role, text)| match self {
            Self::Items => {
                json!({"role": role.as_str(), "content": [{"type": "text", "text": text}]})
            }
            Self::Text => json!({"role": role.as_str(), "content": text}),
        });
        template.render_open(&messages.collect(), add_generation_prompt, open)
    }

    /// Whether a template takes contents of this form, and does not print them as they would be written in code.
    fn renders(self, template: &Template) -> bool {
        self.render(template, &[(Role::User, "a")], false, None)
            .is_ok_and(|text| !text.contains("'type'") && !text.contains("\"type\""))
    }

    /// What a template writes between a conversation and the next user's text; none where it refuses the conversation.
    fn user_header(
        self,
        template: &Template,
        talk: &[(Role, &str)],
    ) -> Result<Option<String>, String> {
        let (Ok(before), Some(with)) = (
            self.render(template, talk, false, None),
            self.before_user(template, talk),
        ) else {
            return Ok(None);
        };
        let header = with
            .strip_prefix(&before)
            .ok_or("it writes a turn otherwise when one follows")?;
        Ok(Some(header.to_owned()))
    }

    /// The rendering up to the text of a user's turn that follows.
    fn before_user(self, template: &Template, talk: &[(Role, &str)]) -> Option<String> {
        let longer = [talk, &[(Role::User, PROBE)]].concat();
        let mut text = self.render(template, &longer, false, None).ok()?;
        text.truncate(text.rfind(PROBE)?);
        Some(text)
    }

    /// Whether the new template says without the variable what the old one says, and with it what it should.
    fn compare(
        self,
        (old, new): (&Template, &Template),
        talk: &[(Role, &str)],
        begins: &str,
    ) -> Result<(), String> {
        for add in [false, true] {
            let plain = self.render(old, talk, add, None);
            if self.render(new, talk, add, None).ok() != plain.ok() {
                return Err("it renders otherwise with the variable in it".to_owned());
            }
            let none = self.render(old, talk, false, None).ok();
            let assistant = self.render(old, talk, true, None).ok();
            let user = none.as_ref().and_then(|_| self.before_user(old, talk));
            for (open, expected) in [("none", none), ("assistant", assistant), ("user", user)] {
                let found = self.render(new, talk, add, Some(open)).ok();
                // Where a user may not speak next, nobody will ask for it.
                if expected.is_some() && found != expected.map(|text| begins.to_owned() + &text) {
                    return Err(format!("`open` as `{open}` would not be what it says"));
                }
            }
        }
        Ok(())
    }
}

/// How often a text begins with `part`.
fn leading(text: &str, part: &str) -> usize {
    if part.is_empty() {
        return 0;
    }
    let mut rest = text;
    std::iter::from_fn(|| {
        rest = rest.strip_prefix(part)?;
        Some(())
    })
    .count()
}

/// A text as Jinja writes it.
fn literal(text: &str) -> String {
    let mut out = String::from("'");
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out + "'"
}

/// Makes `end` the one token that ends a text, in every file that an engine reads such tokens from.
fn end_at(folder: &Path, end: i64, text: &str) -> Result<(), Error> {
    let name = "generation_config.json";
    let mut settings = read_json(&folder.join(name), true)?;
    if settings.is_null() {
        settings = json!({});
    }
    if let Some(settings) = settings.as_object_mut() {
        settings.retain(|key, _| !SAMPLING.contains(&key.as_str()));
        settings.insert("eos_token_id".to_owned(), json!(end));
    }
    replace(folder, name, &format!("{settings:#}\n"))?;

    // Engines stop at the tokenizer's own end too, whatever the generation settings say.
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        let mut json = read_json(&folder.join(name), true)?;
        let place = match json.get_mut("eos_token") {
            Some(Value::Object(token)) => token.get_mut("content"),
            place => place,
        };
        if let Some(place) = place.filter(|place| place.is_string() && **place != text) {
            *place = json!(text);
            replace(folder, name, &format!("{json:#}\n"))?;
        }
    }

    // SGLang joins the configuration's to those of the generation settings.
    let name = "config.json";
    let mut config = read_json(&folder.join(name), true)?;
    let mut changed = false;
    for pointer in ["/eos_token_id", "/text_config/eos_token_id"] {
        if let Some(place) = config
            .pointer_mut(pointer)
            .filter(|place| !place.is_null() && **place != end)
        {
            *place = json!(end);
            changed = true;
        }
    }
    if changed {
        replace(folder, name, &format!("{config:#}\n"))?;
    }
    Ok(())
}

/// Writes a file beside its place, then puts it there.
fn replace(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    let (path, written) = (folder.join(name), folder.join(format!(".{name}.partial")));
    let write = || {
        let mut file = File::create(&written)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&written, &path)
    };
    write().map_err(|source| Error::Io {
        path: path.clone(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str = r#"{"bos_token": "<s>", "eos_token": "<e>"}"#;

    fn made(source: &str, begins: usize) -> Result<String, String> {
        let names = serde_json::from_str(NAMES).map_err(|e| e.to_string())?;
        with_variable(source, &names, ("<s>", begins), "<end>")
    }

    fn render(source: &str, add: bool, open: Option<&str>) -> String {
        let mut names: Map<String, Value> = serde_json::from_str(NAMES).expect("names");
        names.insert("eos_token".to_owned(), json!("<end>"));
        let template = Template::new(source, names, "").expect("template");
        let found = Form::Text.render(&template, &[(Role::User, "q")], add, open);
        found.unwrap_or_else(|error| format!("error: {error}"))
    }

    const CHAT: &str = "{% for m in messages %}[{{ m.role }}]\n{{ m.content }}{{ eos_token }}\n{% endfor %}\n{% if add_generation_prompt %}[assistant]\n{% endif %}\n";

    #[test]
    fn the_variable_says_whose_header_comes_last() {
        let source = made(CHAT, 2).expect("made");
        // Without it everything stays, with end-of-turn as the template meant it.
        assert_eq!(render(&source, false, None), "[user]\nq<e>\n");
        assert_eq!(render(&source, true, None), "[user]\nq<e>\n[assistant]\n");
        for add in [false, true] {
            let shown = |open| render(&source, add, Some(open));
            assert_eq!(shown("none"), "<s><s>[user]\nq<e>\n");
            assert_eq!(shown("assistant"), "<s><s>[user]\nq<e>\n[assistant]\n");
            assert_eq!(shown("user"), "<s><s>[user]\nq<e>\n[user]\n");
            assert!(
                shown("usr").starts_with("error: `open` is user, assistant or none"),
                "{}",
                shown("usr")
            );
        }
    }

    #[test]
    fn a_template_whose_turns_depend_on_what_follows_is_left_alone() {
        let last = "{% for m in messages %}{{ m.role }}:{{ m.content }}{% if loop.last %}!{% endif %}{% endfor %}";
        assert_eq!(
            made(last, 0),
            Err("it writes a turn otherwise when one follows".to_owned())
        );
        let counted =
            "{% for m in messages %}{{ loop.index }} {{ m.role }}:{{ m.content }};{% endfor %}";
        assert_eq!(
            made(counted, 0),
            Err("its user headers differ from place to place".to_owned())
        );
    }

    #[test]
    fn texts_are_written_as_literals() {
        let hard = "it's\\n\n\t{{ x }} é";
        let template = Template::new(&format!("{{{{ {} }}}}", literal(hard)), Map::new(), "")
            .expect("template");
        assert_eq!(template.render(&json!([]), false), Ok(hard.to_owned()));
    }
}
