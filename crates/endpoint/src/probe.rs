//! A look at endpoints before anything is asked of them.

use serde_json::json;

use crate::address::Address;
use crate::attempt::{Exchange, Most};
use crate::error::Error;
use crate::failure::Failure;
use crate::notice::Notice;
use crate::settings::Settings;
use crate::wire::question::OPEN;
use crate::wire::{Need, Service};

/// The most of an answer that is read here.
const MOST: Most = Most {
    bytes: 1 << 20,
    stream: false,
};

/// Looks at each endpoint: whether it answers, takes the key, has the model and the services. Gives whether all of them are engines
/// that know more than OpenAI's own words.
pub(crate) async fn look(
    exchange: &Exchange,
    settings: &Settings,
    needs: &[Need],
    notice: &mut dyn FnMut(Notice),
) -> Result<bool, Error> {
    let (mut silent, mut speaks_more) = (Vec::new(), true);
    for address in &settings.addresses {
        match models(exchange, address).await {
            Ok((models, knows_more)) => {
                speaks_more &= knows_more;
                if let Some(models) = models.filter(|all| !all.contains(&settings.model)) {
                    return Err(Error::NoModel {
                        address: address.to_string(),
                        model: settings.model.clone(),
                        models,
                    });
                }
            }
            Err(Failure::Unauthorized(problem)) => return Err(key(settings, address, problem)),
            Err(failure) => {
                let problem = failure.to_string();
                silent.push((address.to_string(), problem));
                continue;
            }
        }
        for need in needs {
            serves(exchange, settings, address, need.service()).await?;
            if *need == Need::OpenTurns {
                opens_turns(exchange, settings, address).await?;
            }
        }
    }
    if silent.len() == settings.addresses.len() {
        let all = silent
            .iter()
            .map(|(address, told)| format!("  {address}: {told}"));
        return Err(Error::Unreachable(all.collect::<Vec<_>>().join("\n")));
    }
    for (address, problem) in silent {
        notice(Notice::Down { address, problem });
    }
    Ok(speaks_more)
}

/// Whether an endpoint gives a sign of life.
pub(crate) async fn lives(exchange: &Exchange, address: &Address) -> bool {
    !matches!(
        exchange.get(&address.of("models")).await,
        Err(Failure::Unreachable(_) | Failure::Broken(_) | Failure::Server { .. })
    )
}

/// The error of an endpoint that wants a key, or another one.
pub(crate) fn key(settings: &Settings, address: &Address, problem: String) -> Error {
    let (address, variable) = (address.to_string(), settings.key_variable.clone());
    match settings.key {
        None => Error::NoKey { address, variable },
        Some(_) => Error::WrongKey {
            address,
            variable,
            problem,
        },
    }
}

/// Engines that know more than OpenAI's own words, as they call themselves.
const ENGINES: [&str; 2] = ["vllm", "sglang"];

/// The names of an endpoint's models, none if it tells none; and whether it is one of the [`ENGINES`].
async fn models(
    exchange: &Exchange,
    address: &Address,
) -> Result<(Option<Vec<String>>, bool), Failure> {
    let value = match exchange.get(&address.of("models")).await {
        // It has no such list, or asks for patience: it is there.
        Err(Failure::Hopeless(_) | Failure::Refused(_) | Failure::TooMany { .. }) => {
            return Ok((None, false));
        }
        found => found?,
    };
    let all = value["data"].as_array().into_iter().flatten();
    let texts = |key: &'static str| all.clone().filter_map(move |one| one[key].as_str());
    let names: Vec<String> = texts("id").map(str::to_owned).collect();
    let is_engine = texts("owned_by").any(|owner| ENGINES.contains(&owner));
    Ok(((!names.is_empty()).then_some(names), is_engine))
}

/// Asks for a turn that no template has: one that knows the variable says so, which costs nothing, and one that does not
/// answers with a token.
async fn opens_turns(
    exchange: &Exchange,
    settings: &Settings,
    address: &Address,
) -> Result<(), Error> {
    let body = json!({
        "model": settings.model,
        "messages": [{"role": "user", "content": "."}],
        "max_tokens": 1,
        "chat_template_kwargs": {OPEN: "?"},
    });
    let url = address.of(Service::Chat.path());
    let asked = exchange
        .post(&url, body.to_string().into_bytes(), MOST)
        .await;
    match asked {
        Ok(_) => Err(Error::NoOpenTurns {
            address: address.to_string(),
            model: settings.model.clone(),
        }),
        Err(Failure::Unauthorized(problem)) => Err(key(settings, address, problem)),
        // A refusal is what was hoped for; all else will be told by whoever asks in earnest.
        Err(_) => Ok(()),
    }
}

/// Asks a service for nothing: one that is there says what is missing.
async fn serves(
    exchange: &Exchange,
    settings: &Settings,
    address: &Address,
    service: Service,
) -> Result<(), Error> {
    let url = address.of(service.path());
    match exchange.post(&url, b"{}".to_vec(), MOST).await {
        Err(Failure::Hopeless(problem)) => Err(Error::NoService {
            address: address.to_string(),
            service: service.path(),
            problem,
        }),
        Err(Failure::Unauthorized(problem)) => Err(key(settings, address, problem)),
        _ => Ok(()),
    }
}
