//! Counts for people: how many parameters each part has, and which of them can learn.

use crate::mllm::{Group, Mllm};

/// One part of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupCount {
    /// The part.
    pub group: Group,
    /// Its tensors.
    pub tensors: usize,
    /// Their values.
    pub values: usize,
    /// Values that the forward never reads, or whose gradient is zero by construction.
    pub unreachable: usize,
}

/// Tower, projector and language model, tied tensors once.
pub fn groups(model: &dyn Mllm) -> Vec<GroupCount> {
    [Group::VisionTower, Group::Projector, Group::LanguageModel]
        .into_iter()
        .map(|group| {
            let mut count = GroupCount {
                group,
                tensors: 0,
                values: 0,
                unreachable: 0,
            };
            for parameter in model.parameters().iter().filter(|p| p.group == group) {
                count.tensors += 1;
                count.values += parameter.tensor.numel();
                count.unreachable += if parameter.reachable {
                    0
                } else {
                    parameter.tensor.numel()
                };
            }
            count
        })
        .collect()
}
