//! An adapter into the weights of its base: an ordinary folder of `transformers`.

use std::path::Path;

use processor::FolderSettings;
use torch::{Device, Kind};

use super::error::ConvertError;
use super::files::refuse_filled;
use super::request::{Outcome, counts};
use crate::adapter;
use crate::checkpoint::Checkpoint;
use crate::families;
use crate::proof;
use crate::save;

/// What is merged, and where to.
#[derive(Clone, Copy, Debug)]
pub struct Merge<'a> {
    /// The base's folder.
    pub base: &'a Path,
    /// The adapter's folder.
    pub adapter: &'a Path,
    /// The folder that is written; it must be empty or absent.
    pub output: &'a Path,
    /// Dtype of what is written; the base's if absent.
    pub dtype: Option<Kind>,
    /// Where the written model is run, to compare it with the one in memory.
    pub device: Device,
}

/// Merges in f32 and rounds once; an error unless the written folder computes what the merged model in memory does.
pub fn merge(asked: &Merge<'_>) -> Result<Outcome, ConvertError> {
    let (base, output) = (asked.base, asked.output);
    refuse_filled(output)?;
    // As it is stored: a base in bf16 is exact in bf16.
    let stored = if Checkpoint::open(base)?.is_half() {
        Kind::BFloat16
    } else {
        Kind::Float
    };
    let kind = asked.dtype.unwrap_or(stored);
    let model = families::load(base, asked.device, stored)?;
    let adapted = adapter::adapted(model.as_ref(), asked.adapter)?;
    let text = adapted.config_text().to_owned();
    let merged = adapter::merged(adapted.as_ref(), kind)?;
    drop((adapted, model));
    save::save_as(&merged, &text, output, Some(base), kind)?;
    let settings = FolderSettings::read(asked.adapter)?;
    if settings.extra_bos.is_some() {
        settings.write(output)?;
    }
    if processor::is_prepared(asked.adapter)? {
        // An adapter of a synthesizer: engines have to find the same texts beside the merged weights.
        let own = processor::load(output, &processor::Options::default())?;
        processor::prepare_synthesizer(output, own.as_ref())?;
    }
    let (tensors, values) = counts(&merged);
    let shared = merged.into_iter().map(|p| (p.name, p.tensor));
    let shared = Checkpoint::sharing(shared);
    let model = families::with_checkpoint(&text, shared, asked.device, kind)?;
    let warning = proof::converted(model, output, output, || {
        families::load(output, asked.device, kind)
    })?;
    Ok(Outcome {
        tensors,
        values,
        warnings: warning.into_iter().collect(),
    })
}
