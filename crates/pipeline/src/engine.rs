//! Where models run, and how their folders are opened.

use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use corpus::ModelPlace;
use distributed::World;
use model::{Mllm, adapter};
use processor::Processor;
use torch::{Device, Kind};

use crate::endpoints::Endpoints;
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
    /// The general model of a run, which adapters of the run are on.
    pub base: Option<PathBuf>,
    /// How models at endpoints are asked.
    pub endpoints: Endpoints,
    /// The processes that work together.
    pub world: Rc<World>,
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
            base: None,
            endpoints: Endpoints::default(),
            world: Rc::new(World::alone()),
        }
    }

    /// Where a model lies: a folder, `BASE+ADAPTER`, or an adapter's folder alone, whose base is what it names or the run's.
    ///
    /// Gives [`Error::AdapterBase`], and [`Error::OpenModel`] for an adapter that cannot be read.
    pub fn place(&self, named: &Path) -> Result<ModelPlace> {
        let place = ModelPlace::of(named);
        if place.adapter.is_some() || !adapter::is_folder(&place.base) {
            return Ok(place);
        }
        let adapter = place.base;
        let settings = adapter::peft::PeftConfig::open(&adapter).map_err(opening(&adapter))?;
        let is_model = |base: &PathBuf| base.join("config.json").is_file();
        // One of the same run is named from the adapter's folder.
        let beside = settings
            .base
            .as_ref()
            .map(|base| plain(&adapter.join(base)));
        let named = settings.base.as_ref().map(PathBuf::from);
        let mut found = beside.into_iter().chain(named).filter(is_model);
        let Some(base) = found.next().or_else(|| self.base.clone()) else {
            return Err(Error::AdapterBase {
                folder: adapter,
                base: settings.base,
            });
        };
        Ok(ModelPlace {
            base,
            adapter: Some(adapter),
        })
    }

    /// Opens a model and its processor.
    ///
    /// Gives [`Error::OpenProcessor`], [`Error::OpenModel`] and [`Error::AdapterBase`].
    pub fn open(&self, folder: &Path) -> Result<(Box<dyn Mllm>, Box<dyn Processor>)> {
        let processor = self.processor(folder)?;
        Ok((self.model(folder)?, processor))
    }

    /// Opens a model alone.
    ///
    /// Gives [`Error::OpenModel`] and [`Error::AdapterBase`].
    pub fn model(&self, folder: &Path) -> Result<Box<dyn Mllm>> {
        let place = self.place(folder)?;
        let base =
            model::load(&place.base, self.device, self.dtype).map_err(opening(&place.base))?;
        match &place.adapter {
            Some(folder) => adapter::adapted(base.as_ref(), folder).map_err(opening(folder)),
            None => Ok(base),
        }
    }

    /// Opens a model's processor alone: its base's.
    ///
    /// Gives [`Error::OpenProcessor`] and [`Error::AdapterBase`].
    pub fn processor(&self, folder: &Path) -> Result<Box<dyn Processor>> {
        let place = self.place(folder)?;
        let failed = |source| Error::OpenProcessor {
            folder: folder.to_owned(),
            source,
        };
        let told = self.extra_bos.as_ref();
        let told = told.filter(|(of, _)| *of == place.base || of == folder);
        let extra_bos = match (told, &place.adapter) {
            (Some((_, says)), _) => Some(*says),
            // What it was trained with.
            (None, Some(adapter)) => {
                let settings = processor::FolderSettings::read(adapter).map_err(failed)?;
                settings.extra_bos
            }
            (None, None) => None,
        };
        let options = processor::Options {
            extra_bos,
            ..self.processing.clone()
        };
        processor::load(&place.base, &options).map_err(failed)
    }
}

fn opening(folder: &Path) -> impl FnOnce(model::Error) -> Error {
    let folder = folder.to_owned();
    move |source| Error::OpenModel { folder, source }
}

/// The path without steps up, by its words alone: a link to a folder stays where it is named.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir && plain.file_name().is_some() {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use corpus::digests::Digests;
    use model::Lora;

    use super::*;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/base-model")
    }

    /// Whoever names a model may name a base with an adapter on it; a run's own adapters need no base beside them.
    #[test]
    fn a_base_with_an_adapter_is_opened_as_one() {
        let root = tempfile::tempdir().expect("folder");
        let (base, folder) = (shipped(), root.path().join("adapter"));
        let engine = Engine::on(Device::Cpu, Kind::Float);
        let plain = engine.model(&base).expect("the base");
        let lora = Lora {
            rank: 2,
            alpha: 4.0,
            dropout: 0.0,
            targets: vec!["projector".to_owned()],
            rslora: false,
        };
        let adapted = adapter::adapt(plain.as_ref(), &lora, 1).expect("an adapter");
        adapter::save_with(adapted.as_ref(), &folder, "base-model", &base).expect("saved");
        let named = ModelPlace {
            base: base.clone(),
            adapter: Some(folder.clone()),
        };
        let named = named.path();
        let (model, processor) = engine.open(&named).expect("both");
        assert_eq!(adapter::layers(model.as_ref()).len(), 2);
        assert_eq!(
            processor.extra_bos(),
            engine.processor(&base).expect("the base's").extra_bos()
        );

        let error = engine.place(&folder).expect_err("no base").to_string();
        assert!(
            error.contains("its base `base-model` is no folder"),
            "{error}"
        );
        let inside = Engine {
            base: Some(base.clone()),
            ..engine
        };
        assert_eq!(inside.place(&folder).expect("both").path(), named);
        assert_eq!(inside.place(&base).expect("the base").adapter, None);

        // The identity of both together is neither's.
        let mut digests = Digests::default();
        let of = |digests: &mut Digests, path: &Path| digests.model(path).expect("a digest");
        let (both, alone) = (of(&mut digests, &named), of(&mut digests, &base));
        assert_ne!(both, alone);
        // A card is none of what a model is.
        std::fs::write(folder.join("README.md"), "other").expect("file");
        assert_eq!(of(&mut digests, &named), both);
        std::fs::write(folder.join("adamllm.json"), "{}").expect("file");
        assert_ne!(of(&mut digests, &named), both);
    }
}
