//! A training that learns an adapter beside a frozen model.

use model::Mllm;
use model::adapter::{self, AdapterError};

use crate::{Config, Error};

/// The model that a training with these settings is about: `model` itself, or with a new adapter on it, which shares its
/// tensors. An adapter that is there is gone on with.
pub fn prepared(model: Box<dyn Mllm>, config: &Config) -> Result<Box<dyn Mllm>, Error> {
    match &config.lora {
        Some(lora) if !adapter::has_adapter(model.as_ref()) => {
            Ok(adapter::adapt(model.as_ref(), lora, config.seed)?)
        }
        _ => Ok(model),
    }
}

/// Whether the model has what the settings train.
pub(crate) fn check(model: &dyn Mllm, config: &Config) -> Result<(), Error> {
    let refused = |error: AdapterError| Err(model::Error::from(error).into());
    match (&config.lora, adapter::has_adapter(model)) {
        (None, true) => refused(AdapterError::Unsuited(
            "the model has an adapter, and all of its weights are to be trained; merge the adapter first \
             (`adamllm convert --merge-lora`), or train with `lora`",
        )),
        (Some(_), false) => refused(AdapterError::Unsuited(
            "an adapter is to be trained, and the model has none",
        )),
        (None, false) => Ok(()),
        (Some(_), true) => {
            for parameter in model.parameters() {
                let Some(part) = &parameter.adapter else {
                    continue;
                };
                if !config.trains(parameter.group) {
                    return refused(AdapterError::Frozen {
                        module: part.module.clone(),
                        group: parameter.group.as_str(),
                    });
                }
            }
            Ok(())
        }
    }
}
