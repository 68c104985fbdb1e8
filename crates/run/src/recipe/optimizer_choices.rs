//! Choices of a training's optimizer that cannot be meant: found before the first stage, since hours may lie before the
//! training that would refuse them.

use super::dtype::Dtype;
use super::training::{Gradients, Masters, OptimizerDevice, Training};

/// What is wrong with a training of a model of this dtype, one sentence for each choice.
pub(super) fn problems(section: &str, training: &Training, dtype: Dtype) -> Vec<String> {
    let mut out = Vec::new();
    let mut check = |key: &str, value: &str, is_preset: bool| {
        if !is_preset && dtype == Dtype::F32 {
            out.push(format!(
                "`{section}.{key} = \"{value}\"` would have no effect: it is for a model in bf16, and `model.dtype` is f32 here"
            ));
        }
    };
    let (gradients, masters) = (training.gradients, training.masters);
    check("gradients", gradients.as_str(), gradients == Gradients::F32);
    check("masters", masters.as_str(), masters == Masters::F32);
    if masters == Masters::None && training.optimizer_device == OptimizerDevice::Cpu {
        out.push(format!(
            "`{section}.masters = \"none\"` updates the model's own weights where they are, and \
             `{section}.optimizer_device = \"cpu\"` keeps masters in the host's memory; leave one of them out"
        ));
    }
    out
}
