//! Adds an adapter's update to the weights beside it, in f32.

use std::collections::BTreeMap;

use torch::{Kind, Tensor};

use super::put::layers;
use crate::error::Error;
use crate::mllm::Mllm;
use crate::parameter::Parameter;

/// The model's own parameters for [`crate::save_as`]; those of adapted layers with `scale · B · A` added in f32, or more where
/// the model has more, and then rounded to `kind`, once.
pub fn merged(model: &dyn Mllm, kind: Kind) -> Result<Vec<Parameter>, Error> {
    let _guard = torch::no_grad_guard();
    let layers = layers(model);
    let updates: BTreeMap<&str, _> = layers
        .iter()
        .map(|layer| (layer.part.weight.as_str(), layer))
        .collect();
    let own = model.parameters().iter().filter(|p| p.adapter.is_none());
    own.map(|parameter| {
        let tensor = match updates.get(parameter.name.as_str()) {
            None => parameter.tensor.f_detach()?,
            Some(layer) => {
                let update = layer.b.f_matmul(layer.a)?.f_mul_scalar(layer.scale())?;
                wide(&parameter.tensor)?.f_add(&update)?.f_to_kind(kind)?
            }
        };
        Ok(Parameter {
            name: parameter.name.clone(),
            tensor,
            adapter: None,
            ..*parameter
        })
    })
    .collect()
}

fn wide(weight: &Tensor) -> Result<Tensor, Error> {
    let kind = super::layer::kind_beside(weight.kind());
    Ok(weight.f_detach()?.f_to_kind(kind)?)
}
