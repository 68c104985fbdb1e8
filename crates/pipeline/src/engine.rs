//! Where models run, and how their folders are opened.

use std::path::{Path, PathBuf};

use model::Mllm;
use processor::Processor;
use torch::{Device, Kind};

use crate::error::{Error, Result};
use crate::generation::Generation;

/// Where models run, and how their folders are opened. In no stage's key but for what is a key of the recipe.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Where models run.
    pub device: Device,
    /// Dtype of the weights (`model.dtype`).
    pub dtype: Kind,
    /// Threads of the tensor library.
    pub threads: usize,
    /// The most bytes that tensors may take (`model.memory`); none where nobody told.
    pub memory: Option<u64>,
    /// How much is generated together.
    pub generation: Generation,
    /// How processors are opened (`model.template_date` and its like).
    pub processing: processor::Options,
    /// Whether conversations of the model in this folder begin with two begin-of-text tokens, whatever the folder itself
    /// says (`model.extra_bos`). Other models' folders speak for themselves.
    pub extra_bos: Option<(PathBuf, bool)>,
}

impl Engine {
    /// Models on this device in this dtype; all else as it is where nothing is said.
    pub fn on(device: Device, dtype: Kind) -> Self {
        Self {
            device,
            dtype,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory: None,
            generation: Generation::default(),
            processing: processor::Options::default(),
            extra_bos: None,
        }
    }

    /// Opens a model and its processor.
    ///
    /// Gives [`Error::OpenProcessor`] and [`Error::OpenModel`].
    pub fn open(&self, folder: &Path) -> Result<(Box<dyn Mllm>, Box<dyn Processor>)> {
        let processor = self.processor(folder)?;
        let model =
            model::load(folder, self.device, self.dtype).map_err(|source| Error::OpenModel {
                folder: folder.to_owned(),
                source,
            })?;
        Ok((model, processor))
    }

    /// Opens a model's processor alone.
    ///
    /// Gives [`Error::OpenProcessor`].
    pub fn processor(&self, folder: &Path) -> Result<Box<dyn Processor>> {
        let told = self.extra_bos.as_ref();
        let options = processor::Options {
            extra_bos: told.filter(|(of, _)| of == folder).map(|(_, says)| *says),
            ..self.processing.clone()
        };
        processor::load(folder, &options).map_err(|source| Error::OpenProcessor {
            folder: folder.to_owned(),
            source,
        })
    }
}
