//! One request and its answer.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use crate::answer::{Answer, Finish};
use crate::delivery::{Reply, deliver};
use crate::fault::{Fault, KeyPlace, WrongCount};
use crate::http::{Head, Wire};
use crate::log::{Arrival, KeySeen};
use crate::request::{Request, Service, Unfit};
use crate::setup::Setup;
use crate::state::State;
use crate::wire::{self, Served};

/// What whoever follows a redirect is sent to.
pub(crate) struct Elsewhere(pub String);

/// Answers one request; tells whether the connection can go on.
pub(crate) async fn exchange<C: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Wire<C>,
    head: Head,
    state: &State,
    elsewhere: &Elsewhere,
) -> io::Result<bool> {
    let service = match &*head.method {
        "POST" if head.path.ends_with("/chat/completions") => Some(Service::Chat),
        "POST" if head.path.ends_with("/completions") && state.setup.has_completions => {
            Some(Service::Completions)
        }
        _ => None,
    };
    let Some(service) = service else {
        return beside(connection, head, state, elsewhere).await;
    };
    let (number, present) = state.enter();
    let place = state.log().came(Arrival {
        number,
        path: head.path.clone(),
        key: key(&head, &state.setup),
        at_once: present.at_once,
        came: state.now(),
        ..Arrival::default()
    });
    let sent = connection.sent;
    let asked = Asked {
        service,
        head,
        number,
        at_once: present.at_once,
        place,
    };
    let outcome = answered(connection, &asked, state, elsewhere).await;
    drop(present);
    let mut log = state.log();
    log.more(place, |arrival| {
        arrival.sent = connection.sent - sent;
        arrival.gone = state.now();
        // Who is not there any more has no answer.
        arrival.sound &= outcome.is_ok();
    });
    log.gone(place);
    outcome
}

/// A request for an answer, and where it stands in the log.
struct Asked {
    service: Service,
    head: Head,
    number: u64,
    at_once: usize,
    place: usize,
}

async fn answered<C: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Wire<C>,
    asked: &Asked,
    state: &State,
    elsewhere: &Elsewhere,
) -> io::Result<bool> {
    let Asked { head, place, .. } = asked;
    let mut fault = state.fault(asked.number);
    let note_fault = |fault: Option<Fault>| {
        if let Some(fault) = fault {
            let name = Some(fault.name());
            state.log().more(*place, |arrival| arrival.fault = name);
        }
    };
    note_fault(fault);
    if fault == Some(Fault::DropBeforeReading) {
        return Ok(false);
    }
    let body = connection.body(head).await?;
    let received = body.len();
    state
        .log()
        .more(*place, |arrival| arrival.received = received as u64);
    let requests = admitted(&body, asked, state);
    drop(body);
    let ready = match requests {
        Err(reply) => Err(reply),
        Ok(requests) => match refused(fault, head, elsewhere) {
            Some(reply) => Err(reply),
            None => Ok(requests),
        },
    };
    let requests = match ready {
        Ok(requests) => requests,
        Err(reply) => return refuse(connection, reply, asked, state).await,
    };
    state.log().at_once(asked.at_once);
    let mut answers: Vec<Answer> = requests
        .iter()
        .map(|request| (state.setup.respond)(request).cut_for(request))
        .collect();
    if fault.is_none() {
        fault = answers.iter().find_map(|answer| answer.fault);
        note_fault(fault);
        if let Some(reply) = refused(fault, head, elsewhere) {
            return refuse(connection, reply, asked, state).await;
        }
    }
    change(&mut answers, fault, head);
    let read: u64 = requests.iter().map(Request::prompt_tokens).sum();
    let written: u64 = answers.iter().map(Answer::tokens).sum();
    let late = match fault {
        Some(Fault::Late(late)) => late,
        _ => Duration::ZERO,
    };
    let wait = state.latency(asked.number) + late;
    if !wait.is_zero() {
        sleep(wait).await;
    }
    let is_dropped = fault == Some(Fault::DropAfterReading);
    state.log().more(*place, |arrival| {
        arrival.prompt_tokens = read;
        arrival.completion_tokens = written;
        arrival.status = if is_dropped { 0 } else { 200 };
        arrival.sound = is_sound(fault, &requests);
    });
    if is_dropped {
        return Ok(false);
    }
    let served = Served {
        model: match fault {
            Some(Fault::OtherModel) => "another-model",
            _ => &requests[0].model,
        },
        usage: usage(fault, read, written, &answers),
        likely: state.setup.likely.as_deref(),
        gives_logprobs: fault != Some(Fault::NoLogprobs),
        gives_choices: fault != Some(Fault::NoChoices),
        gives_content: fault != Some(Fault::NoContent),
        requests: &requests,
        answers: &answers,
    };
    let mut reply = if requests[0].says("stream") {
        Reply::events(&served.events())
    } else {
        Reply::json(200, &served.whole())
    };
    if fault == Some(Fault::EchoKey(KeyPlace::Header)) {
        let key = head.authorization.clone().unwrap_or_default();
        reply.headers.push(("x-request-id", key.clone()));
        reply.headers.push(("set-cookie", format!("session={key}")));
    }
    deliver(connection, reply, fault, head.closes).await
}

/// Answers with no answer of the model.
async fn refuse<C: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Wire<C>,
    reply: Reply,
    asked: &Asked,
    state: &State,
) -> io::Result<bool> {
    let status = reply.status;
    state
        .log()
        .more(asked.place, |arrival| arrival.status = status);
    deliver(connection, reply, None, asked.head.closes).await
}

/// What is asked, if the server as it is set up takes it.
fn admitted(body: &[u8], asked: &Asked, state: &State) -> Result<Vec<Request>, Reply> {
    let setup = &state.setup;
    if key(&asked.head, setup) != KeySeen::Right {
        return Err(no_key(&asked.head));
    }
    if setup.at_once.is_some_and(|most| asked.at_once > most) {
        return Err(too_many(None));
    }
    if setup.max_body.is_some_and(|most| body.len() > most) {
        return Err(too_large());
    }
    let requests = Request::read(asked.service, body).map_err(|unfit: Unfit| {
        let kind = "invalid_request_error";
        Reply::json(
            unfit.status,
            &wire::error(kind, Some(unfit.code), &unfit.message),
        )
    })?;
    let first = &requests[0];
    let (digest, pictures) = (first.digest.clone(), first.pictures().count());
    let pictures_with_more = first
        .pictures()
        .filter(|picture| !picture.beside.is_empty());
    let (number_with_more, beside) = pictures_with_more.fold((0, Vec::new()), |sum, picture| {
        let (number, mut beside) = sum;
        beside.extend(picture.beside.iter().cloned());
        (number + 1, beside)
    });
    let mut log = state.log();
    log.pictures_with_more(number_with_more);
    log.more(asked.place, |arrival| {
        arrival.digest = digest;
        arrival.pictures = pictures;
        arrival.beside_pixels = beside;
    });
    drop(log);
    if !setup.models.is_empty() && !setup.models.contains(&first.model) {
        return Err(no_model(&first.model));
    }
    if setup.is_strict
        && let Some(field) = wire::unknown_field(asked.service, &first.body)
    {
        return Err(unknown_field(&field));
    }
    if let Some(context) = setup.context {
        let needs = |request: &Request| request.prompt_tokens() + request.max_tokens().unwrap_or(0);
        if requests.iter().any(|request| needs(request) > context) {
            return Err(too_long(context, needs(first)));
        }
    }
    Ok(requests)
}

/// What is sent instead of an answer, if the fault is one of that kind.
fn refused(fault: Option<Fault>, head: &Head, elsewhere: &Elsewhere) -> Option<Reply> {
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
        Fault::UnknownField => unknown_field("top_k"),
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

/// Puts into answers what a fault of the model's puts there.
fn change(answers: &mut [Answer], fault: Option<Fault>, head: &Head) {
    for answer in answers {
        let whole = answer.clone();
        *answer = match fault {
            Some(Fault::Refusal) => Answer::refusing("I cannot help with that."),
            Some(Fault::ContentFilter) => whole.halved(Finish::ContentFilter),
            Some(Fault::Length) => whole.halved(Finish::Length),
            Some(Fault::EchoKey(KeyPlace::Text)) => {
                let key = head.authorization.as_deref().unwrap_or_default();
                Answer::text(format!("You wrote: Authorization: {key}"))
            }
            _ => whole,
        };
    }
}

/// Whether what is sent is the right answer; its counts are another matter.
fn is_sound(fault: Option<Fault>, requests: &[Request]) -> bool {
    match fault {
        None | Some(Fault::Count(_)) => true,
        Some(Fault::NoLogprobs) => requests
            .iter()
            .all(|request| request.logprobs().is_none() && request.prompt_logprobs().is_none()),
        Some(fault) => fault.leaves_it_sound(),
    }
}

fn usage(fault: Option<Fault>, read: u64, written: u64, answers: &[Answer]) -> Option<Value> {
    let cached = answers.iter().map(|answer| answer.cached_tokens).sum();
    let (read, written) = (read as i64, written as i64);
    let (read, written) = match fault {
        Some(Fault::Count(WrongCount::Absent)) => return None,
        Some(Fault::Count(WrongCount::Zero)) => (0, 0),
        Some(Fault::Count(WrongCount::TenTimes)) => (10 * read, 10 * written),
        Some(Fault::Count(WrongCount::Absurd)) => (1_000_000_000_000, 1_000_000_000_000),
        Some(Fault::Count(WrongCount::Negative)) => (-1, -1),
        _ => (read, written),
    };
    Some(wire::usage(read, written, cached))
}

fn key(head: &Head, setup: &Setup) -> KeySeen {
    match (&head.authorization, &setup.key) {
        (Some(came), Some(right)) if came.strip_prefix("Bearer ") == Some(right) => KeySeen::Right,
        (None, Some(_)) => KeySeen::None,
        (Some(_), Some(_)) => KeySeen::Wrong,
        (_, None) => KeySeen::Right,
    }
}

/// OpenAI quotes both ends of a wrong key.
fn no_key(head: &Head) -> Reply {
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

fn no_model(model: &str) -> Reply {
    let message = format!("The model `{model}` does not exist or you do not have access to it.");
    let error = wire::error("invalid_request_error", Some("model_not_found"), &message);
    Reply::json(404, &error)
}

fn too_long(context: u64, needs: u64) -> Reply {
    let message = format!(
        "This model's maximum context length is {context} tokens. However, you requested {needs} tokens. Please reduce the length of the messages or completion."
    );
    let code = Some("context_length_exceeded");
    Reply::json(400, &wire::error("invalid_request_error", code, &message))
}

fn too_large() -> Reply {
    let message = "The image you sent is larger than what is accepted.";
    Reply::json(413, &wire::error("invalid_request_error", None, message))
}

fn unknown_field(field: &str) -> Reply {
    let message = format!("Unrecognized request argument supplied: {field}");
    Reply::json(400, &wire::error("invalid_request_error", None, &message))
}

fn too_many(retry_after: Option<Duration>) -> Reply {
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
        self.body = crate::delivery::Body::Whole(text.as_bytes().to_vec());
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

/// Answers what asks for no answer of a model.
async fn beside<C: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Wire<C>,
    head: Head,
    state: &State,
    elsewhere: &Elsewhere,
) -> io::Result<bool> {
    let setup = &state.setup;
    let is_list = head.method == "GET" && head.path.ends_with("/models");
    let fault = setup.models_fault.filter(|_| is_list);
    let place = state.log().came(Arrival {
        path: head.path.clone(),
        key: key(&head, setup),
        fault: fault.map(Fault::name),
        came: state.now(),
        ..Arrival::default()
    });
    let body = connection.body(&head).await?;
    if matches!(
        fault,
        Some(Fault::DropBeforeReading | Fault::DropAfterReading)
    ) {
        return Ok(false);
    }
    let reply = match refused(fault, &head, elsewhere) {
        Some(reply) => reply,
        None if is_list && key(&head, setup) != KeySeen::Right => no_key(&head),
        None if is_list => Reply::json(200, &wire::models(&setup.models)),
        None => {
            let message = format!("Invalid URL ({} {})", head.method, head.path);
            Reply::json(404, &wire::error("invalid_request_error", None, &message))
        }
    };
    if let Some(Fault::Late(late)) = fault {
        sleep(late).await;
    }
    let status = reply.status;
    let sent = connection.sent;
    state.log().more(place, |arrival| {
        arrival.status = status;
        arrival.received = body.len() as u64;
    });
    let outcome = deliver(connection, reply, fault, head.closes).await;
    let mut log = state.log();
    log.more(place, |arrival| {
        arrival.sent = connection.sent - sent;
        arrival.gone = state.now();
    });
    log.gone(place);
    outcome
}
