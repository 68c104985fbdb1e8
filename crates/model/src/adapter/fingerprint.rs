//! Which model an adapter was trained on: a digest of samples of its weights, in the header of the adapter's file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use torch::{Device, Kind, Tensor};

use super::error::AdapterError;
use super::peft::PeftConfig;
use super::source::WEIGHTS;
use crate::error::Error;
use crate::mllm::Mllm;

/// The key in the header's `__metadata__`.
pub const RECORD: &str = "adamllm_base";
/// Values of a tensor that are looked at.
const SAMPLES: i64 = 16;

/// Tells models apart by their values: the same for f32 and bf16 files of one model, whatever layout they are in.
pub fn fingerprint(model: &dyn Mllm) -> Result<String, Error> {
    let _guard = torch::no_grad_guard();
    let mut bytes = Vec::new();
    for parameter in model.parameters().iter().filter(|p| p.adapter.is_none()) {
        let flat = parameter.tensor.f_detach()?.f_reshape([-1])?;
        let count = flat.size()[0];
        let step = (count / SAMPLES).max(1);
        let picked = (0..count.min(SAMPLES))
            .map(|i| i * step)
            .collect::<Vec<_>>();
        let picked = Tensor::f_from_slice(&picked)?.f_to_device(flat.device())?;
        // Rounded as a file in bf16 would be, then exact in f32.
        let values = flat
            .f_index_select(0, &picked)?
            .f_to_kind(Kind::BFloat16)?
            .f_to_kind(Kind::Float)?
            .f_to_device(Device::Cpu)?;
        for value in Vec::<f32>::try_from(values)? {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(count.to_le_bytes());
    }
    Ok(corpus::digest::bytes(&bytes))
}

/// An error if the adapter's file names another model than this one.
pub fn check(model: &dyn Mllm, folder: &Path) -> Result<(), Error> {
    let Some(expected) = recorded(&folder.join(WEIGHTS))? else {
        return Ok(());
    };
    let found = fingerprint(model)?;
    if found == expected {
        return Ok(());
    }
    Err(AdapterError::Base {
        folder: folder.to_owned(),
        found: found[..12].to_owned(),
        expected: expected.chars().take(12).collect(),
    }
    .into())
}

/// An error if the adapter says that its base is of another class.
pub fn check_class(config: &str, adapter: &PeftConfig, folder: &Path) -> Result<(), AdapterError> {
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    match (&adapter.base_class, config["architectures"][0].as_str()) {
        (Some(expected), Some(found)) if expected != found => Err(AdapterError::Base {
            folder: folder.to_owned(),
            found: found.to_owned(),
            expected: expected.clone(),
        }),
        _ => Ok(()),
    }
}

/// What the header of a safetensors file says, which was read and found sound before.
fn recorded(path: &Path) -> Result<Option<String>, Error> {
    let io = |source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(io)?;
    let mut word = [0; 8];
    file.read_exact(&mut word).map_err(io)?;
    let mut text = Vec::new();
    let header = file.take(u64::from_le_bytes(word));
    { header }.read_to_end(&mut text).map_err(io)?;
    let header: Value = serde_json::from_slice(&text).unwrap_or_default();
    let found = header["__metadata__"][RECORD].as_str();
    Ok(found.map(str::to_owned))
}
