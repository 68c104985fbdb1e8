//! How much memory tensors may take, and what is said where that is too little.

use run::plan::{Cost, bytes};
use serde_json::{Map, Value};
use torch::{Device, OutOfMemory, memory};

use crate::error::Error;

pub use run::memory::for_tensors as of_device;

/// Bounds the tensors of this process. Those on a GPU have an allocator of their own, which the device bounds.
pub fn bound(device: Device, budget: Option<u64>) {
    memory::set_limit(budget.filter(|_| !device.is_cuda()));
}

/// A sentence if a stage needs more than tensors may take, whatever its settings.
pub(crate) fn too_little(stage: &str, cost: &Cost, budget: Option<u64>) -> Option<String> {
    let (budget, least) = (budget?, cost.least_memory);
    (least > budget).then(|| {
        format!(
            "stage `{stage}` needs {} of memory and room for one sample or request beside it, and `model.memory` is {}; \
             raise it, train less of the model (`freeze`), or take a smaller one",
            bytes(least),
            bytes(budget)
        )
    })
}

/// The error of a stage for which there was no memory; nothing if it failed for another reason. `recipe` are the keys that
/// the stage reads.
pub(crate) fn out_of_memory(error: &Error, recipe: &Map<String, Value>) -> Option<Error> {
    let told = OutOfMemory::of(&corpus::causes(error))?;
    let microbatch = recipe.keys().find(|key| key.ends_with(".micro_tokens"));
    Some(Error::OutOfMemory {
        told,
        remedy: match microbatch {
            Some(key) => format!(
                "the same command goes on where this ended once `model.memory` is raised, and begins the stage anew with a \
                 smaller `{key}`"
            ),
            None => "the same command goes on where this ended once `model.memory` is raised, or `generate.cache_tokens`, \
                     `generate.prefill_tokens` or `generate.group` are lowered"
                .to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(error: &Error, reads: &Value) -> Option<String> {
        let found = out_of_memory(error, reads.as_object().expect("an object"))?;
        assert!(matches!(found, Error::OutOfMemory { .. }));
        Some(found.to_string())
    }

    #[test]
    fn missing_memory_is_told_with_the_keys_that_help() {
        let lacking = torch::Error(
            "out of memory: 1200000000 bytes were asked for, 10900000000 are in use, and the limit is 12000000000".to_owned(),
        );
        let training = Error::from(train::Error::from(lacking.clone()));
        assert!(matches!(
            &training,
            Error::Train(train::Error::OutOfMemory(told)) if told.limit == Some(12_000_000_000)
        ));
        assert_eq!(
            told(&training, &json!({"train.micro_tokens": 6144})).as_deref(),
            Some(
                "there is too little memory: 1200 MB were asked for beside 10.9 GB in use, and `model.memory` is 12.0 GB; the \
                 same command goes on where this ended once `model.memory` is raised, and begins the stage anew with a \
                 smaller `train.micro_tokens`"
            )
        );
        let model = model::Error::from(torch::Error(
            "out of memory: 4096 bytes were asked for, 8192 are in use, and the system gives no more".to_owned(),
        ));
        let answering = Error::from(generate::Error::from(model));
        let told_of_it = told(&answering, &json!({"model.dtype": "f32"})).expect("told");
        assert!(
            told_of_it.contains("and there is no more")
                && told_of_it.contains("`generate.cache_tokens`"),
            "{told_of_it}"
        );
        assert_eq!(told(&Error::NoPairs, &json!({})), None);
    }

    #[test]
    fn a_budget_below_the_weights_is_told_before() {
        let cost = Cost {
            least_memory: 3_000_000_000,
            ..Cost::default()
        };
        assert_eq!(too_little("a", &cost, None), None);
        assert_eq!(too_little("a", &cost, Some(3_000_000_000)), None);
        let said = too_little("a", &cost, Some(2_000_000_000)).expect("too little");
        assert!(
            said.starts_with("stage `a` needs 3000 MB of memory"),
            "{said}"
        );
        assert!(said.contains("`model.memory` is 2000 MB"), "{said}");
    }
}
