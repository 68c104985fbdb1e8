//! What is sent instead of an answer.

use std::time::Duration;

use serde_json::{Value, json};

use crate::delivery::{Body, Reply};
use crate::fault::{Fault, KeyPlace};
use crate::fields::Unfit;
use crate::http::Head;
use crate::setup::Wording;
use crate::wire;

/// What whoever follows a redirect is sent to.
pub(crate) struct Elsewhere(pub String);

/// What is sent instead of an answer, if the fault is one of that kind.
pub(crate) fn refused(fault: Option<Fault>, head: &Head, elsewhere: &Elsewhere) -> Option<Reply> {
    let key = || head.authorization.clone().unwrap_or_default();
    let reply = match fault? {
        Fault::TooMany(retry_after) | Fault::TooManyFor { retry_after, .. } => {
            too_many(retry_after)
        }
        Fault::Down(status, retry_after) => down(status, retry_after),
        Fault::WrongKey => no_key(head),
        Fault::Forbidden => {
            let message = "You are not allowed to sample from this model";
            Reply::json(403, &wire::error("invalid_request_error", None, message))
        }
        Fault::NoSuchModel => no_model("the one you asked for"),
        Fault::ContextTooLong => too_long(4096, 5000),
        Fault::TooLarge => too_large(),
        Fault::UnknownField => {
            let message = "Unrecognized request argument supplied: top_k";
            Reply::json(400, &wire::error("invalid_request_error", None, message))
        }
        Fault::Html => Reply {
            content_type: "text/html",
            ..Reply::json(200, &Value::Null)
        }
        .with_text("<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>"),
        Fault::Redirect(status) => redirect(status, format!("{}{}", elsewhere.0, head.path)),
        Fault::EchoKey(KeyPlace::Error) => {
            let message = format!("cannot forward the header `Authorization: {}`", key());
            Reply::json(500, &wire::error("server_error", None, &message))
        }
        Fault::EchoKey(KeyPlace::Redirect) => {
            let key = key().replace(' ', "%20");
            redirect(307, format!("{}{}?key={key}", elsewhere.0, head.path))
        }
        _ => return None,
    };
    Some(reply)
}

/// OpenAI quotes both ends of a wrong key.
pub(crate) fn no_key(head: &Head) -> Reply {
    let came = head.authorization.as_deref().unwrap_or_default();
    let came = came.trim_start_matches("Bearer ");
    let message = match (came.get(..8), came.len().checked_sub(4)) {
        (Some(begin), Some(end)) if came.is_char_boundary(end) => {
            format!("Incorrect API key provided: {begin}****{}.", &came[end..])
        }
        _ => "You didn't provide an API key.".to_owned(),
    };
    let error = wire::error("invalid_request_error", Some("invalid_api_key"), &message);
    Reply::json(401, &error)
}

pub(crate) fn no_model(model: &str) -> Reply {
    let message = format!("The model `{model}` does not exist or you do not have access to it.");
    let error = wire::error("invalid_request_error", Some("model_not_found"), &message);
    Reply::json(404, &error)
}

pub(crate) fn too_long(context: u64, needs: u64) -> Reply {
    let message = format!(
        "This model's maximum context length is {context} tokens. However, you requested {needs} tokens. Please reduce the length of the messages or completion."
    );
    let code = Some("context_length_exceeded");
    Reply::json(400, &wire::error("invalid_request_error", code, &message))
}

pub(crate) fn too_large() -> Reply {
    let message = "The image you sent is larger than what is accepted.";
    Reply::json(413, &wire::error("invalid_request_error", None, message))
}

/// What a body is answered with that asks nothing.
pub(crate) fn unfit(unfit: &Unfit) -> Reply {
    let error = wire::error("invalid_request_error", None, &unfit.message);
    Reply::json(unfit.status, &error)
}

pub(crate) fn too_many(retry_after: Option<Duration>) -> Reply {
    let code = Some("rate_limit_exceeded");
    let error = wire::error(
        "requests",
        code,
        "Rate limit reached, please try again later.",
    );
    Reply::json(429, &error).waiting(retry_after)
}

fn down(status: u16, retry_after: Option<Duration>) -> Reply {
    let message = "The server had an error while processing your request.";
    Reply::json(status, &wire::error("server_error", None, message)).waiting(retry_after)
}

fn redirect(status: u16, to: String) -> Reply {
    let mut reply = Reply::json(status, &json!({}));
    reply.headers.push(("location", to));
    reply
}

impl Reply {
    fn with_text(mut self, text: &str) -> Self {
        self.body = Body::Whole(text.as_bytes().to_vec());
        self
    }

    /// In the words of whom the server plays.
    pub(crate) fn worded(mut self, wording: Wording) -> Self {
        if wording != Wording::OpenAi
            && let Body::Whole(body) = &self.body
            && let Ok(error) = serde_json::from_slice::<Value>(body)
            && error.get("error").is_some()
        {
            let error = wire::worded(wording, self.status, &error);
            self.body = Body::Whole(error.to_string().into_bytes());
        }
        self
    }

    /// With `Retry-After` in whole seconds, rounded up, as the header has it.
    fn waiting(mut self, retry_after: Option<Duration>) -> Self {
        if let Some(wait) = retry_after {
            let seconds = wait.as_secs_f64().ceil();
            self.headers.push(("retry-after", format!("{seconds:.0}")));
        }
        self
    }
}
