//! Requests as bodies of an endpoint's services.

use std::path::Path;

use corpus::seed::hash;
use corpus::{Decoding, IMAGE_MARK, Open, Request, Role, Turn};
use serde_json::{Map, Value, json};

use super::Service;

/// What an endpoint is asked in all requests, whatever a request holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The run's seed.
    pub seed: u64,
    /// Whether the answer comes in pieces.
    pub stream: bool,
    /// The word for the most tokens of an answer.
    pub limit: &'static str,
    /// Whether what is usual is said too: engines take what is not said from the model's folder.
    pub says_all: bool,
}

/// The word that all servers know for the most tokens of an answer, and the one that newer hosted models want.
pub(crate) const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// The variable of our chat templates that says whose header follows the turns.
pub(crate) const OPEN: &str = "open";

/// The service that answers a request.
pub(crate) fn service(request: &Request) -> Service {
    if request.prompt.is_some() {
        Service::Completions
    } else {
        Service::Chat
    }
}

/// The body of a request; `picture` gives what stands for the picture at a path. A picture that is too many or too few is an
/// error of the request.
pub(crate) fn body(
    request: &Request,
    asking: Asking<'_>,
    picture: &mut dyn FnMut(&Path) -> Result<String, String>,
) -> Result<Value, String> {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(asking.model));
    match &request.prompt {
        Some(_) if !request.images.is_empty() => {
            return Err("a raw prompt with pictures cannot be asked at an endpoint".to_owned());
        }
        Some(prompt) => {
            body.insert("prompt".to_owned(), json!(prompt));
        }
        None => {
            body.insert("messages".to_owned(), messages(request, picture)?);
            if request.open != Open::Assistant {
                open(&mut body, request.open);
            }
        }
    }
    let drawn = request.decoding.seed;
    let seed = drawn.unwrap_or_else(|| hash(asking.seed, &request.id));
    decoding(&mut body, &request.decoding, asking, seed);
    if request.decoding.logprobs || request.decoding.top_logprobs > 0 {
        let likeliest = request.decoding.top_logprobs;
        if request.prompt.is_some() {
            body.insert("logprobs".to_owned(), json!(likeliest.max(1)));
        } else {
            body.insert("logprobs".to_owned(), json!(true));
            if likeliest > 0 {
                body.insert("top_logprobs".to_owned(), json!(likeliest));
            }
        }
    }
    if asking.stream {
        body.insert("stream".to_owned(), json!(true));
        let usage = json!({"include_usage": true});
        body.insert("stream_options".to_owned(), usage);
    }
    Ok(Value::Object(body))
}

/// Says whose header follows the turns, by the variable of our templates.
pub(crate) fn open(body: &mut Map<String, Value>, open: Open) {
    body.insert("add_generation_prompt".to_owned(), json!(false));
    if open == Open::User {
        let variables = json!({OPEN: "user"});
        body.insert("chat_template_kwargs".to_owned(), variables);
    }
}

/// The turns as messages, with pictures where their marks are.
pub(crate) fn messages(
    request: &Request,
    picture: &mut dyn FnMut(&Path) -> Result<String, String>,
) -> Result<Value, String> {
    let marks = |turn: &Turn| {
        let marked = turn.marks.then(|| turn.text.matches(IMAGE_MARK).count());
        marked.unwrap_or_default()
    };
    let marked: usize = request.turns.iter().map(marks).sum();
    if marked != request.images.len() {
        return Err(format!(
            "it has {marked} `{IMAGE_MARK}` marks and {} pictures; give one mark for each picture",
            request.images.len()
        ));
    }
    let mut images = request.images.iter();
    let mut all = Vec::with_capacity(request.turns.len());
    for turn in &request.turns {
        let content = if marks(turn) == 0 {
            json!(turn.text)
        } else {
            parts(turn, &mut images, picture)?
        };
        all.push(json!({"role": turn.role.as_str(), "content": content}));
    }
    Ok(Value::Array(all))
}

/// The text of a turn in parts, a picture at each mark. One newline right after a mark is dropped: a template that wants one
/// adds it.
fn parts<'a>(
    turn: &Turn,
    images: &mut impl Iterator<Item = &'a std::path::PathBuf>,
    picture: &mut dyn FnMut(&Path) -> Result<String, String>,
) -> Result<Value, String> {
    let mut parts = Vec::new();
    for (at, text) in turn.text.split(IMAGE_MARK).enumerate() {
        let mut text = text;
        if at > 0 {
            if let Some(image) = images.next() {
                let url = picture(image)?;
                parts.push(json!({"type": "image_url", "image_url": {"url": url}}));
            }
            text = text.strip_prefix('\n').unwrap_or(text);
        }
        if !text.is_empty() {
            parts.push(json!({"type": "text", "text": text}));
        }
    }
    Ok(Value::Array(parts))
}

/// How the answer is drawn. What is as every endpoint does it anyway is left out, so that one which refuses words that it does
/// not know is asked none.
fn decoding(body: &mut Map<String, Value>, decoding: &Decoding, asking: Asking<'_>, seed: u64) {
    let mut put = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    put(asking.limit, json!(decoding.max_new_tokens));
    put("temperature", json!(decoding.temperature));
    let (is_drawn, says_all) = (decoding.temperature > 0.0, asking.says_all);
    if is_drawn {
        // Some servers read it as a signed number of 64 bits, and some languages keep 53 of them.
        put("seed", json!(seed >> 11));
    }
    if is_drawn && (says_all || decoding.top_p < 1.0) {
        put("top_p", json!(decoding.top_p));
    }
    if is_drawn && (says_all || decoding.top_k > 0) {
        let most = i64::try_from(decoding.top_k).unwrap_or(i64::MAX);
        put("top_k", json!(if most == 0 { -1 } else { most }));
    }
    if is_drawn && (says_all || decoding.min_p > 0.0) {
        put("min_p", json!(decoding.min_p));
    }
    if says_all || (decoding.repetition_penalty - 1.0).abs() > 0.0 {
        put("repetition_penalty", json!(decoding.repetition_penalty));
    }
    if !decoding.stop.is_empty() {
        put("stop", json!(decoding.stop));
    }
    if !decoding.stop_ids.is_empty() {
        // Beside the served folder's own: `ignore_eos` would switch these off too in SGLang.
        put("stop_token_ids", json!(decoding.stop_ids));
    }
    if !decoding.skip_special_tokens {
        put("skip_special_tokens", json!(false));
    }
}

/// An upper bound of a request's prompt in tokens: no token is shorter than a byte, a template writes some dozens around turns
/// and before them, and a picture is taken to have so many.
pub(crate) fn most_prompt_tokens(request: &Request, of_picture: u64) -> u64 {
    const TEMPLATE: u64 = 256;
    const TURN: u64 = 16;
    let text = request.prompt.as_ref().map_or(0, String::len);
    let text = text + request.turns.iter().map(|t| t.text.len()).sum::<usize>();
    let pictures = request.images.len() as u64 * of_picture;
    TEMPLATE + TURN * request.turns.len() as u64 + text as u64 + pictures
}

/// A conversation whose last turn is a given answer: what its log-probability is asked of.
pub(crate) fn answered(request: &Request, answer: &str) -> Request {
    let mut with = request.clone();
    let role = match request.open {
        Open::User => Role::User,
        Open::Assistant | Open::None => Role::Assistant,
    };
    with.turns.push(Turn::new(role, answer));
    with.open = Open::None;
    with
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKING: Asking<'static> = Asking {
        model: "m",
        seed: 1,
        stream: false,
        limit: "max_tokens",
        says_all: false,
    };

    #[expect(
        clippy::unnecessary_wraps,
        reason = "as a picture that cannot be read is told"
    )]
    fn named(path: &Path) -> Result<String, String> {
        Ok(format!("data:{}", path.display()))
    }

    #[test]
    fn a_question_about_pictures_is_a_message_in_parts() {
        let request = Request {
            turns: vec![
                Turn::new(Role::System, "Be short."),
                Turn::new(Role::User, "<image>\nWhat?\n<image>\n\nAnd?").with_marks(),
                Turn::new(Role::User, "a literal <image>"),
            ],
            ..Request::question("1", vec!["a.png".into(), "b.png".into()], "")
        };
        let body = body(&request, ASKING, &mut named).expect("body");
        assert_eq!(
            body,
            json!({
                "model": "m",
                "messages": [
                    {"role": "system", "content": "Be short."},
                    {"role": "user", "content": [
                        {"type": "image_url", "image_url": {"url": "data:a.png"}},
                        {"type": "text", "text": "What?\n"},
                        {"type": "image_url", "image_url": {"url": "data:b.png"}},
                        {"type": "text", "text": "\nAnd?"},
                    ]},
                    {"role": "user", "content": "a literal <image>"},
                ],
                "max_tokens": 256,
                "temperature": 0.0,
            })
        );
    }

    #[test]
    fn what_is_drawn_how_is_said_only_where_it_is_not_usual() {
        let mut request = Request::question("1", Vec::new(), "Tea?");
        request.open = Open::User;
        request.decoding = Decoding {
            max_new_tokens: 9,
            temperature: 0.7,
            top_p: 0.95,
            top_k: 5,
            min_p: 0.1,
            repetition_penalty: 1.1,
            seed: Some(1 << 20),
            stop: vec!["\n".to_owned()],
            stop_ids: vec![2],
            skip_special_tokens: false,
            logprobs: true,
            top_logprobs: 2,
            choices: Vec::new(),
        };
        let asking = Asking {
            stream: true,
            limit: LIMITS[1],
            ..ASKING
        };
        let body = body(&request, asking, &mut named).expect("body");
        assert_eq!(
            body,
            json!({
                "model": "m",
                "messages": [{"role": "user", "content": "Tea?"}],
                "add_generation_prompt": false,
                "chat_template_kwargs": {"open": "user"},
                "max_completion_tokens": 9, "temperature": 0.7, "seed": 512, "top_p": 0.95, "top_k": 5, "min_p": 0.1,
                "repetition_penalty": 1.1, "stop": ["\n"], "stop_token_ids": [2],
                "skip_special_tokens": false, "logprobs": true, "top_logprobs": 2,
                "stream": true, "stream_options": {"include_usage": true},
            })
        );
    }

    #[test]
    fn engines_are_told_what_is_usual_too() {
        let mut request = Request::question("1", Vec::new(), "Tea?");
        let asking = Asking {
            says_all: true,
            ..ASKING
        };
        let said = |request: &Request| body(request, asking, &mut named).expect("body");
        assert_eq!(said(&request)["repetition_penalty"], 1.0);
        assert!(said(&request).get("top_k").is_none(), "nothing is drawn");
        request.decoding.temperature = 1.0;
        let drawn = said(&request);
        assert_eq!(
            [&drawn["top_p"], &drawn["top_k"], &drawn["min_p"]],
            [&json!(1.0), &json!(-1), &json!(0.0)]
        );
    }

    #[test]
    fn a_raw_prompt_is_a_completion() {
        let request = Request {
            prompt: Some("Is it?".to_owned()),
            turns: Vec::new(),
            decoding: Decoding {
                max_new_tokens: 2,
                logprobs: true,
                ..Decoding::default()
            },
            ..Request::question("1", Vec::new(), "")
        };
        assert_eq!(service(&request), Service::Completions);
        let body = body(&request, ASKING, &mut named).expect("body");
        let expected = json!({"model": "m", "prompt": "Is it?", "max_tokens": 2, "temperature": 0.0, "logprobs": 1});
        assert_eq!(body, expected);
        let pictured = Request {
            images: vec!["a.png".into()],
            ..request
        };
        assert!(super::body(&pictured, ASKING, &mut named).is_err());
    }

    #[test]
    fn a_picture_without_a_mark_is_said() {
        let mut request = Request::question("1", vec!["a.png".into()], "What?");
        request.turns[0].marks = false;
        let error = body(&request, ASKING, &mut named).expect_err("no mark");
        assert!(
            error.contains("0 `<image>` marks and 1 pictures"),
            "{error}"
        );
    }

    #[test]
    fn no_prompt_has_more_tokens_than_its_bound() {
        let request = Request::question("1", vec!["a.png".into()], "Tea?");
        // 256 + 16 + 12 bytes of `<image>\nTea?` + 100.
        assert_eq!(most_prompt_tokens(&request, 100), 384);
    }
}
