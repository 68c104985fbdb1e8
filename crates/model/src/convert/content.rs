//! What a conversion writes, before it is written.

use std::path::PathBuf;

use serde_json::Value;
use torch::{Device, Kind, Tensor};

use crate::Error;
use crate::checkpoint::Checkpoint;

/// What is written.
pub(super) struct Converted {
    pub(super) checkpoint: Checkpoint,
    pub(super) config: Value,
    /// Files beside the weights: name and content.
    pub(super) files: Vec<(String, Value)>,
    /// Where further files of tokenizer and processor are copied from.
    pub(super) companions: Option<PathBuf>,
    pub(super) half: bool,
}

/// More rows for a table of the vocabulary: each the mean of those there are, as a token that was never seen.
pub(super) fn extend(checkpoint: &mut Checkpoint, name: &str, rows: i64) -> Result<(), Error> {
    let Some(shape) = checkpoint.shape(name) else {
        return Ok(());
    };
    let more = rows - shape[0];
    if more > 0 {
        let table = checkpoint.read(name, Device::Cpu, Kind::Float)?;
        let mean = table.f_mean_dim(&[0i64][..], true, None::<Kind>)?;
        let added = mean.f_expand([more, shape[1]], false)?;
        checkpoint.put(name, Tensor::f_cat(&[table, added], 0)?);
    }
    Ok(())
}
