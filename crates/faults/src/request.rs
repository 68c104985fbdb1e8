//! What is asked of a model, as a responder sees it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::fields::{self, Unfit, unfit};
use crate::picture::{Picture, hexadecimal};
use crate::tokens;

/// Which service was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Completions,
}

/// A turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: String,
    /// The text parts, one after the other.
    pub text: String,
    /// The pictures, in their order.
    pub pictures: Vec<Picture>,
}

/// What a completion continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A text.
    Text(String),
    /// Numbers of tokens.
    Tokens(Vec<u64>),
}

/// One thing that is asked. A body with several prompts makes several of them.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which service was asked.
    pub service: Service,
    /// The model's name.
    pub model: String,
    /// The turns; none at the completions service.
    pub messages: Vec<Message>,
    /// The prompt of the completions service.
    pub prompt: Option<Prompt>,
    /// SHA-256 of all that an answer depends on, in hexadecimal digits: the body with sorted keys and pictures by their
    /// digest, without what only says how the answer is sent.
    pub digest: String,
    /// The body as it came.
    pub body: Arc<Value>,
}

impl Request {
    /// All that a body asks.
    pub(crate) fn read(service: Service, body: &[u8]) -> Result<Vec<Self>, Unfit> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| unfit(format!("the body is no JSON: {error}")))?;
        let model = body["model"]
            .as_str()
            .ok_or_else(|| unfit("you must provide a model parameter"))?
            .to_owned();
        fields::check(service == Service::Chat, &body)?;
        let mut content = body.clone();
        let fields = content
            .as_object_mut()
            .ok_or_else(|| unfit("the body is no object"))?;
        // How the answer is sent, and who asked, changes nothing of it.
        for field in ["stream", "stream_options", "user"] {
            fields.shift_remove(field);
        }
        if let Some(most) = fields.shift_remove("max_completion_tokens") {
            fields.insert("max_tokens".to_owned(), most);
        }
        let body = Arc::new(body);
        match service {
            Service::Chat => {
                let messages = content["messages"]
                    .as_array_mut()
                    .filter(|messages| !messages.is_empty())
                    .ok_or_else(|| unfit("`messages` is no list of turns"))?;
                let messages = messages
                    .iter_mut()
                    .map(message)
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(vec![Self {
                    service,
                    model,
                    messages,
                    prompt: None,
                    digest: digest(service, content),
                    body,
                }])
            }
            Service::Completions => {
                let prompts = prompts(&body["prompt"])?;
                let each = prompts.into_iter().map(|(value, prompt)| {
                    let mut content = content.clone();
                    content["prompt"] = value;
                    Self {
                        service,
                        model: model.clone(),
                        messages: Vec::new(),
                        prompt: Some(prompt),
                        digest: digest(service, content),
                        body: Arc::clone(&body),
                    }
                });
                Ok(each.collect())
            }
        }
    }

    /// All text of it: that of the turns, one line after the other, or the prompt.
    pub fn text(&self) -> String {
        match &self.prompt {
            Some(Prompt::Text(text)) => text.clone(),
            Some(Prompt::Tokens(ids)) => {
                let ids: Vec<String> = ids.iter().map(|id| format!("<{id}>")).collect();
                ids.concat()
            }
            None => {
                let texts: Vec<&str> = self.messages.iter().map(|turn| &*turn.text).collect();
                texts.join("\n")
            }
        }
    }

    /// Its pictures, in their order.
    pub fn pictures(&self) -> impl Iterator<Item = &Picture> {
        self.messages.iter().flat_map(|turn| &turn.pictures)
    }

    /// The tokens that reading it counts as: a quarter of the text's bytes rounded up, and [`tokens::PICTURE_TOKENS`] a
    /// picture. Names of roles count nothing.
    pub fn prompt_tokens(&self) -> u64 {
        if let Some(Prompt::Tokens(ids)) = &self.prompt {
            return ids.len() as u64;
        }
        let bytes = match &self.prompt {
            Some(Prompt::Text(text)) => text.len(),
            _ => self.messages.iter().map(|turn| turn.text.len()).sum(),
        };
        tokens::count(bytes) + tokens::PICTURE_TOKENS * self.pictures().count() as u64
    }

    /// Most tokens that may be written: at the completions service, as OpenAI and vLLM have it, 16 where none are said.
    pub fn max_tokens(&self) -> Option<u64> {
        let said = ["max_completion_tokens", "max_tokens"]
            .into_iter()
            .find_map(|field| self.body[field].as_u64());
        said.or((self.service == Service::Completions).then_some(16))
    }

    /// Where the text ends before it would by itself.
    pub fn stop(&self) -> Vec<&str> {
        match &self.body["stop"] {
            Value::String(text) => vec![text],
            Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a field of the body is true.
    pub(crate) fn says(&self, field: &str) -> bool {
        self.body[field] == true
    }

    /// How many other tokens are to be named beside each, if log-probabilities are asked for.
    pub(crate) fn logprobs(&self) -> Option<usize> {
        let number = |field: &str| self.body[field].as_u64().map(|number| number as usize);
        match self.service {
            Service::Chat => self
                .says("logprobs")
                .then(|| number("top_logprobs").unwrap_or(0)),
            Service::Completions => number("logprobs"),
        }
    }

    /// The same for the prompt, as vLLM has it.
    pub(crate) fn prompt_logprobs(&self) -> Option<usize> {
        self.body["prompt_logprobs"]
            .as_u64()
            .map(|number| number as usize)
    }
}

/// A digest of what an answer depends on.
fn digest(service: Service, mut content: Value) -> String {
    content.sort_all_objects();
    let place: &[u8] = match service {
        Service::Chat => b"chat\n",
        Service::Completions => b"completions\n",
    };
    let text = serde_json::to_vec(&content).expect("what came as JSON is written as JSON");
    let mut hash = Sha256::new();
    hash.update(place);
    hash.update(&text);
    hexadecimal(&hash.finalize())
}

/// Reads a turn, and puts digests in the places of pictures.
fn message(turn: &mut Value) -> Result<Message, Unfit> {
    let role = turn["role"]
        .as_str()
        .ok_or_else(|| unfit("a turn has no role"))?
        .to_owned();
    let mut text = String::new();
    let mut pictures = Vec::new();
    match &mut turn["content"] {
        Value::String(whole) => text.push_str(whole),
        Value::Array(parts) => {
            for part in parts {
                match part["type"].as_str() {
                    Some("text") => {
                        let words = part["text"].as_str();
                        text.push_str(words.ok_or_else(|| unfit("a part has no text"))?);
                    }
                    Some("image_url") => {
                        let address = part["image_url"]["url"].as_str();
                        let address = address.ok_or_else(|| unfit("a picture has no url"))?;
                        let picture = Picture::look(&file_of(address)?);
                        part["image_url"]["url"] = picture.digest.clone().into();
                        pictures.push(picture);
                    }
                    _ => return Err(unfit("a part is neither `text` nor `image_url`")),
                }
            }
        }
        Value::Null => {}
        _ => {
            return Err(unfit(
                "a turn's content is neither a text nor a list of parts",
            ));
        }
    }
    Ok(Message {
        role,
        text,
        pictures,
    })
}

/// The file in a data URL.
fn file_of(address: &str) -> Result<Vec<u8>, Unfit> {
    let (_, data) = address
        .strip_prefix("data:image/")
        .and_then(|rest| rest.split_once(";base64,"))
        .ok_or_else(|| unfit("a picture is no data URL"))?;
    STANDARD
        .decode(data)
        .map_err(|error| unfit(format!("a picture is no base64: {error}")))
}

/// The prompts of a body, each as it stands there too.
fn prompts(value: &Value) -> Result<Vec<(Value, Prompt)>, Unfit> {
    let tokens = |list: &[Value]| -> Option<Prompt> {
        let ids: Option<Vec<u64>> = list.iter().map(Value::as_u64).collect();
        ids.filter(|ids| !ids.is_empty()).map(Prompt::Tokens)
    };
    let one = |value: &Value| match value {
        Value::String(text) => Some(Prompt::Text(text.clone())),
        Value::Array(list) => tokens(list),
        _ => None,
    };
    let found: Option<Vec<_>> = match (one(value), value) {
        (Some(prompt), _) => Some(vec![(value.clone(), prompt)]),
        (None, Value::Array(list)) if !list.is_empty() => list
            .iter()
            .map(|value| one(value).map(|prompt| (value.clone(), prompt)))
            .collect(),
        _ => None,
    };
    found.ok_or_else(|| unfit("`prompt` is no text, no list of numbers and no list of these"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(service: Service, body: &Value) -> Vec<Request> {
        Request::read(service, body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_digest_is_of_what_an_answer_depends_on() {
        let plain = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5});
        let digest = |body: &Value| read(Service::Chat, body)[0].digest.clone();
        let same = json!({"stream": true, "stream_options": {"include_usage": true}, "max_completion_tokens": 5,
            "messages": [{"content": "hello", "role": "user"}], "model": "m"});
        assert_eq!(digest(&plain), digest(&same));
        for (field, value) in [
            ("model", json!("n")),
            ("max_tokens", json!(6)),
            ("seed", json!(1)),
            ("messages", json!([{"role": "system", "content": "hello"}])),
        ] {
            let mut other = plain.clone();
            other[field] = value;
            assert_ne!(digest(&plain), digest(&other), "{field}");
        }
    }

    #[test]
    fn counts_a_quarter_of_the_bytes_and_85_a_picture() {
        let url = format!("data:image/png;base64,{}", STANDARD.encode(b"not one"));
        let body = json!({"model": "m", "messages": [
            {"role": "system", "content": "12345"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "6789"}]}]});
        let request = &read(Service::Chat, &body)[0];
        // Nine bytes are two tokens and a bit.
        assert_eq!(request.prompt_tokens(), 3 + 85);
        assert_eq!(request.text(), "12345\n6789");
        let picture = request.pictures().next().unwrap();
        assert_eq!((picture.kind, picture.size), ("other", 7));
    }

    #[test]
    fn reads_every_form_of_a_prompt() {
        let prompts = |prompt: Value| -> Vec<(u64, String)> {
            let body = json!({"model": "m", "prompt": prompt});
            let requests = read(Service::Completions, &body);
            let told = requests
                .iter()
                .map(|request| (request.prompt_tokens(), request.text()));
            told.collect()
        };
        assert_eq!(prompts(json!("12345")), [(2, "12345".to_owned())]);
        assert_eq!(prompts(json!([7, 8, 9])), [(3, "<7><8><9>".to_owned())]);
        assert_eq!(prompts(json!(["a", "b"])).len(), 2);
        assert_eq!(prompts(json!([[1, 2], [3]])).len(), 2);
        for bad in [json!([]), json!(3), json!([1, "a"]), json!(null)] {
            let body = json!({"model": "m", "prompt": bad}).to_string();
            assert!(Request::read(Service::Completions, body.as_bytes()).is_err());
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_body() {
        let check = |body: &str, expected: &str| {
            let unfit = Request::read(Service::Chat, body.as_bytes()).unwrap_err();
            assert!(unfit.message.contains(expected), "{}", unfit.message);
        };
        check("{", "no JSON");
        check("[]", "provide a model");
        check(r#"{"model": "m", "messages": []}"#, "list of turns");
        let far = r#"{"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://a.b/c.png"}}]}]}"#;
        check(far, "no data URL");
    }
}
