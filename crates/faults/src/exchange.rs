//! One request and its answer.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use crate::answer::{Answer, Finish};
use crate::delivery::{Reply, deliver};
use crate::fault::{Fault, KeyPlace, WrongCount};
use crate::fields;
use crate::http::{Head, Wire};
use crate::log::{Arrival, KeySeen};
use crate::refusing::{Elsewhere, no_key, no_model, refused, too_large, too_long, too_many, unfit};
use crate::request::{Request, Service};
use crate::setup::Setup;
use crate::state::State;
use crate::wire::{self, Served};

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
    let stays = wait.is_zero() || connection.stays_for(wait).await;
    let is_sent = stays && fault != Some(Fault::DropAfterReading);
    state.log().more(*place, |arrival| {
        arrival.prompt_tokens = read;
        arrival.completion_tokens = written;
        arrival.status = if is_sent { 200 } else { 0 };
        arrival.sound = is_sent && is_sound(fault, &requests);
    });
    if !is_sent {
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
        Reply::events(&wire::events(&served))
    } else {
        Reply::json(200, &wire::whole(&served))
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
    let reply = reply.worded(state.setup.wording);
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
    let requests = Request::read(asked.service, body).map_err(|told| unfit(&told))?;
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
    if setup.is_strict {
        let is_chat = asked.service == Service::Chat;
        fields::strange(is_chat, &first.body).map_err(|told| unfit(&told))?;
    }
    if let Some(context) = setup.context {
        let needs = |request: &Request| request.prompt_tokens() + request.max_tokens().unwrap_or(0);
        if requests.iter().any(|request| needs(request) > context) {
            return Err(too_long(context, needs(first)));
        }
    }
    Ok(requests)
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
    let reply = reply.worded(setup.wording);
    let outcome = deliver(connection, reply, fault, head.closes).await;
    let mut log = state.log();
    log.more(place, |arrival| {
        arrival.sent = connection.sent - sent;
        arrival.gone = state.now();
    });
    log.gone(place);
    outcome
}
