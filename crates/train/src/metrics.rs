//! What a step tells of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Spike;

/// One line of `metrics.jsonl`. Where several processes train together, losses, norms and counts are those of all; times and
/// memory are the process's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Optimizer steps done, from 1.
    pub step: usize,
    /// Nats per learned token of the global batch; 0 where every sample of it was dropped.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// L2 norm of all gradients before clipping.
    #[serde(deserialize_with = "number")]
    pub grad_norm: f64,
    /// Likewise of the gradients of each group; empty where they were no numbers.
    #[serde(default)]
    pub grad_norm_by_group: BTreeMap<String, f64>,
    /// Rate of each group; 0 for a frozen one.
    pub learning_rate: BTreeMap<String, f64>,
    /// Samples of the batch.
    pub samples: usize,
    /// Tokens of the batch, pictures included.
    pub tokens: usize,
    /// Of these, with loss.
    pub learned_tokens: usize,
    /// Of the tokens that the language model and the patches that the vision tower computed, the share that stands for
    /// nothing of the batch: empty tiles of pictures and their edges ([`Patches`](model::Patches)). Packing pads no text.
    pub padding: f64,
    /// Wall time of the step.
    pub seconds: f64,
    /// Of it, waiting for samples.
    pub data_wait_seconds: f64,
    /// Of it, in what several processes do together; waiting for the slowest of them counts. 0 in one process.
    #[serde(default)]
    pub communication_seconds: f64,
    /// Floating-point operations that the step is worth: forward and backward of what stands for something.
    #[serde(default)]
    pub flops: f64,
    /// These in a second, as a share of what products of large matrices reach here (in all processes, if each is as fast); 0 where nobody measured that.
    #[serde(default)]
    pub mfu: f64,
    /// Largest resident memory so far.
    pub peak_rss_bytes: u64,
    /// The most that the allocator of CPU tensors held so far ([`torch::memory`]); 0 where that is not used.
    #[serde(default)]
    pub peak_memory_bytes: u64,
    /// Of it, what no tensor had asked for: blocks kept for later ones, and what is lost by rounding.
    #[serde(default)]
    pub wasted_memory_bytes: u64,
    /// Why the batch was left out, if it was: the step changed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Spike>,
}

/// What is no number is written as `null`.
fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

/// The largest resident memory of this process in bytes, from `/proc`; 0 where it cannot be read.
pub fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
