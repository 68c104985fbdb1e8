//! Chat templates: Jinja as `transformers` runs it.
//!
//! Blocks are trimmed, `raise_exception`, `strftime_now` and `tojson` behave as there, strings have Python's methods,
//! loops know `break` and `continue`, and `{% generation %}` is a block without effect.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, ErrorKind, Value};
use serde::Serialize as _;
use serde_json::{Map, Value as Json};

use crate::Error;

/// Whether a folder has a chat template; without one a model takes raw prompts alone.
pub fn has_chat_template(folder: &Path) -> Result<bool, Error> {
    Ok(Template::find(folder)?.is_some())
}

/// A compiled chat template with the special tokens that it may name.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    special: Map<String, Json>,
}

impl Template {
    /// Compiles `source`; `special` holds `bos_token`, `eos_token` and so on.
    pub fn new(source: &str, special: Map<String, Json>, date: &str) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()
                .map_err(|e| words(&e))?,
        );
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |message: String| -> Result<Value, minijinja::Error> {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
            },
        );
        // The date belongs to the recipe, in the words in which it is to appear; the clock would make ids change by the day.
        let date = date.to_owned();
        environment.add_function("strftime_now", move |_format: String| date.clone());
        environment.add_filter("tojson", python_json);
        environment
            .add_template_owned("chat".to_owned(), without_generation_tags(source))
            .map_err(|e| format!("does not parse: {}", words(&e)))?;
        Ok(Self {
            environment,
            special,
        })
    }

    /// The template of a Hugging Face folder, from the first of its places that has one.
    pub fn find(folder: &Path) -> Result<Option<String>, Error> {
        let path = folder.join("chat_template.jinja");
        if path.exists() {
            return std::fs::read_to_string(&path)
                .map(Some)
                .map_err(|source| Error::Io { path, source });
        }
        for name in [
            "chat_template.json",
            "processor_config.json",
            "tokenizer_config.json",
        ] {
            let json = crate::folder::read_json(&folder.join(name), true)?;
            match &json["chat_template"] {
                Json::String(text) => return Ok(Some(text.clone())),
                // A list of named templates: the one called `default`.
                Json::Array(list) => {
                    let default = list.iter().find(|t| t["name"] == "default");
                    if let Some(text) = default.and_then(|t| t["template"].as_str()) {
                        return Ok(Some(text.to_owned()));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Renders messages (`role`, `content`); what went wrong is said in words.
    pub fn render(&self, messages: &Json, add_generation_prompt: bool) -> Result<String, String> {
        self.render_open(messages, add_generation_prompt, None)
    }

    /// As [`Self::render`], with the variable `open` of a template that engines serve.
    pub fn render_open(
        &self,
        messages: &Json,
        add_generation_prompt: bool,
        open: Option<&str>,
    ) -> Result<String, String> {
        let template = self
            .environment
            .get_template("chat")
            .map_err(|e| words(&e))?;
        let mut variables = self.special.clone();
        variables.insert("messages".to_owned(), messages.clone());
        variables.insert(
            "add_generation_prompt".to_owned(),
            Json::from(add_generation_prompt),
        );
        // Defined and empty, as in `transformers`: templates ask `tools is not none`.
        variables.insert("tools".to_owned(), Json::Null);
        variables.insert("documents".to_owned(), Json::Null);
        if let Some(open) = open {
            variables.insert("open".to_owned(), Json::from(open));
        }
        template
            .render(Value::from(Serde(variables)))
            .map_err(|e| words(&e))
    }
}

fn words(error: &minijinja::Error) -> String {
    let detail = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    error.line().map_or_else(
        || detail.clone(),
        |line| format!("{detail} (line {line} of the template)"),
    )
}

/// `{% generation %}` only marks answers for a mask that `transformers` can make; ours needs no marks.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else {
            break;
        };
        let tag = &rest[start + 2..start + length];
        let replacement = match tag.trim_matches(['-', '+']).trim() {
            "generation" => Some("if true"),
            "endgeneration" => Some("endif"),
            _ => None,
        };
        out.push_str(&rest[..start + 2]);
        match replacement {
            Some(new) => out.push_str(&tag.replace(tag.trim_matches(['-', '+']).trim(), new)),
            None => out.push_str(tag),
        }
        out.push_str("%}");
        rest = &rest[start + length + 2..];
    }
    out + rest
}

/// `json.dumps(value, ensure_ascii=False)`: blanks after commas and colons, and no escaping for HTML.
#[expect(clippy::needless_pass_by_value, reason = "the signature of a filter")]
fn python_json(value: Value, options: Kwargs) -> Result<Value, minijinja::Error> {
    let broken =
        |e: serde_json::Error| minijinja::Error::new(ErrorKind::InvalidOperation, e.to_string());
    let indent: Option<usize> = options.get("indent")?;
    let _: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let json = serde_json::to_value(&value).map_err(broken)?;
    let mut out = Vec::new();
    if let Some(indent) = indent {
        let blanks = vec![b' '; indent];
        let formatter = serde_json::ser::PrettyFormatter::with_indent(&blanks);
        json.serialize(&mut serde_json::Serializer::with_formatter(
            &mut out, formatter,
        ))
        .map_err(broken)?;
    } else {
        json.serialize(&mut serde_json::Serializer::with_formatter(
            &mut out, Spaced,
        ))
        .map_err(broken)?;
    }
    Ok(Value::from_safe_string(
        String::from_utf8_lossy(&out).into_owned(),
    ))
}

fn between<W: ?Sized + std::io::Write>(writer: &mut W, first: bool) -> std::io::Result<()> {
    if first {
        Ok(())
    } else {
        writer.write_all(b", ")
    }
}

/// JSON on one line as Python writes it.
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        between(writer, first)
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        between(writer, first)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(source: &str) -> Result<String, String> {
        let mut special = Map::new();
        special.insert("bos_token".to_owned(), Json::from("<s>"));
        let template = Template::new(source, special, "26 Jul 2024")?;
        template.render(
            &json!([{"role": "user", "content": "b"}, {"role": "assistant", "content": "a"}]),
            false,
        )
    }

    fn check(source: &str, expected: &str) {
        assert_eq!(render(source).as_deref(), Ok(expected), "{source}");
    }

    // Expected texts were seen from transformers 5.17.0 with the same template.
    #[test]
    fn templates_render_as_in_transformers() {
        check("{{ bos_token }}{{ eos_token }}|", "<s>|");
        check("  {% if true %}\n  x\n  {% endif %}\ny\n", "  x\ny");
        check("{{ strftime_now('%d %b %Y') }}", "26 Jul 2024");
        check(
            "{{ messages[0] | tojson }}",
            r#"{"role": "user", "content": "b"}"#,
        );
        check(
            "{{ ['<é>', {'a': none}] | tojson }}",
            r#"["<é>", {"a": null}]"#,
        );
        check("{{ ['<é>'] | tojson(indent=1) }}", "[\n \"<é>\"\n]");
        check(
            "{{ ' a b '.strip().split(' ')[-1].upper() }}{{ 'abc'.startswith('a') }}",
            "BTrue",
        );
        check(
            "{% for m in messages %}{% if loop.last %}{% break %}{% endif %}{{ m.role }}{% endfor %}",
            "user",
        );
        check(
            "{% for m in messages if m['role'] == 'user' %}{{ m.content }}{% endfor %}",
            "b",
        );
        check(
            "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
            "2",
        );
        check(
            "{%- generation -%} x {%- endgeneration %}|{% generation %}y{% endgeneration %}",
            "x|y",
        );
        check(
            "{% if tools is not none %}t{% endif %}{% if tools is defined %}d{% endif %}{{ add_generation_prompt }}",
            "dFalse",
        );
        check(
            "{{ messages[1:][0]['content'] }}{{ messages | map(attribute='role') | join(',') }}",
            "auser,assistant",
        );
        check(
            "{% macro m(x) %}[{{ x }}]{% endmacro %}{{ m('a') ~ 1 }}{{ none }}{{ [1, 'a'] }}{{ 'a' in 'abc' }}",
            "[a]1None[1, 'a']True",
        );
    }

    #[test]
    fn a_template_that_cannot_render_says_why() {
        assert_eq!(
            render("a\n{{ raise_exception('roles must alternate') }}"),
            Err("roles must alternate (line 2 of the template)".to_owned())
        );
        assert!(render("{% if %}").is_err_and(|e| e.starts_with("does not parse")));
        assert!(render("{{ messages[0].content.nothing() }}").is_err());
    }
}
