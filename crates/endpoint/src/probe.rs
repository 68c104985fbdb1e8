//! A look at endpoints before anything is asked of them.

use serde_json::Value;

use crate::address::Address;
use crate::attempt::{Exchange, Most};
use crate::error::Error;
use crate::failure::Failure;
use crate::notice::Notice;
use crate::settings::Settings;
use crate::wire::Service;

/// Looks at each endpoint: whether it answers, takes the key, has the model and the services.
pub(crate) async fn look(
    exchange: &Exchange,
    settings: &Settings,
    needs: &[Service],
    notice: &mut dyn FnMut(Notice),
) -> Result<(), Error> {
    let mut silent = Vec::new();
    for address in &settings.addresses {
        match models(exchange, address).await {
            Ok(models) => {
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
        for service in needs {
            serves(exchange, settings, address, *service).await?;
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
    Ok(())
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

/// The names of an endpoint's models; none if it does not tell.
async fn models(exchange: &Exchange, address: &Address) -> Result<Option<Vec<String>>, Failure> {
    let value = match exchange.get(&address.of("models")).await {
        // It has no such list, or asks for patience: it is there.
        Err(Failure::Hopeless(_) | Failure::Refused(_) | Failure::TooMany { .. }) => {
            return Ok(None);
        }
        found => found?,
    };
    let all = value["data"].as_array().map(|all| {
        let names = all.iter().filter_map(|one| one["id"].as_str());
        names.map(str::to_owned).collect()
    });
    Ok(all)
}

/// Asks a service for nothing: one that is there says what is missing.
async fn serves(
    exchange: &Exchange,
    settings: &Settings,
    address: &Address,
    service: Service,
) -> Result<(), Error> {
    let most = Most {
        bytes: 1 << 20,
        stream: false,
    };
    let asked: Result<Value, Failure> = exchange
        .post(&address.of(service.path()), b"{}".to_vec(), most)
        .await;
    match asked {
        Err(Failure::Hopeless(problem)) => Err(Error::NoService {
            address: address.to_string(),
            service: service.path(),
            problem,
        }),
        Err(Failure::Unauthorized(problem)) => Err(key(settings, address, problem)),
        _ => Ok(()),
    }
}
