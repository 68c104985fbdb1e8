//! Chat templates: Jinja as `transformers` runs it.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Value};
use serde_json::Value as Json;

use crate::Error;

/// A compiled chat template with the special tokens that it may name.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
    special: Json,
}

impl Template {
    /// Compiles `source`; `special` holds `bos_token`, `eos_token` and so on.
    pub fn new(source: &str, special: Json, date: &str) -> Result<Self, Error> {
        let mut environment = Environment::new();
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true);
        environment.set_syntax(syntax.build().map_err(|e| Error::Template(e.to_string()))?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        let date = date.to_owned();
        environment.add_function("strftime_now", move |_format: String| date.clone());
        environment
            .add_template_owned("chat".to_owned(), source.to_owned())
            .map_err(|e| Error::Template(format!("it does not parse: {e}")))?;
        Ok(Self { environment, special })
    }

    /// The template of a Hugging Face folder: `chat_template.jinja`, `chat_template.json` or `tokenizer_config.json`.
    pub fn find(folder: &Path) -> Result<Option<String>, Error> {
        let path = folder.join("chat_template.jinja");
        if path.exists() {
            return std::fs::read_to_string(&path).map(Some).map_err(|source| Error::Io { path, source });
        }
        for name in ["chat_template.json", "processor_config.json", "tokenizer_config.json"] {
            let json = crate::families::read_json(&folder.join(name), true)?;
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

    /// Renders messages (`role`, `content`).
    pub fn render(&self, messages: &Json, add_generation_prompt: bool) -> Result<String, Error> {
        let template = self.environment.get_template("chat").map_err(|e| Error::Template(e.to_string()))?;
        let mut variables = self.special.clone();
        variables["messages"] = messages.clone();
        variables["add_generation_prompt"] = Json::from(add_generation_prompt);
        template.render(Value::from(Serde(variables))).map_err(|e| Error::Template(e.detail().map_or_else(|| e.to_string(), str::to_owned)))
    }
}
