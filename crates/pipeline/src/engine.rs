//! Where models run, and how their folders are opened.

use std::path::Path;

use anyhow::{Context as _, Result};
use model::Mllm;
use processor::Processor;
use torch::{Device, Kind};

/// Where models run, and how their folders are opened. In no stage's key but for what is a key of the recipe.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Where models run.
    pub device: Device,
    /// Dtype of the weights (`model.dtype`).
    pub dtype: Kind,
    /// Threads of the tensor library.
    pub threads: usize,
    /// How processors are opened (`model.extra_bos` and its like).
    pub processing: processor::Options,
}

impl Engine {
    /// Opens a model and its processor.
    pub fn open(&self, folder: &Path) -> Result<(Box<dyn Mllm>, Box<dyn Processor>)> {
        let processor = self.processor(folder)?;
        let model = model::load(folder, self.device, self.dtype)
            .with_context(|| format!("cannot open the model `{}`", folder.display()))?;
        Ok((model, processor))
    }

    /// Opens a model's processor alone.
    pub fn processor(&self, folder: &Path) -> Result<Box<dyn Processor>> {
        processor::load(folder, &self.processing)
            .with_context(|| format!("cannot open the processor of `{}`", folder.display()))
    }
}
