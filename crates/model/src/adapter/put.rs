//! Puts adapters on models. The model that comes of it has the tensors of the one before and the adapter's beside them.

use std::path::Path;

use torch::Tensor;

use super::dropout::{Draw, Dropping};
use super::error::AdapterError;
use super::fingerprint;
use super::lora::{Lora, scale};
use super::peft::CONFIG;
use super::source::AdapterSource;
use crate::checkpoint::{Checkpoint, INDEX, SINGLE};
use crate::error::Error;
use crate::families;
use crate::mllm::Mllm;
use crate::parameter::{AdapterPart, Matrix};
use crate::weights::Source;

/// Puts a new adapter on a model: A as `peft` starts it, from `seed` and the layers' names, and B zero.
///
/// ```no_run
/// # fn main() -> Result<(), model::Error> {
/// use std::path::Path;
/// let base = Path::new("base");
/// let model = model::load(base, torch::Device::Cpu, torch::Kind::BFloat16)?;
/// let lora = model::Lora { rank: 8, alpha: 16.0, dropout: 0.0, targets: Vec::new(), rslora: false };
/// let adapted = model::adapter::adapt(model.as_ref(), &lora, 1)?;
/// // .. train ..
/// model::adapter::save(adapted.as_ref(), Path::new("adapter"), "base")
/// # }
/// ```
pub fn adapt(model: &dyn Mllm, lora: &Lora, seed: u64) -> Result<Box<dyn Mllm>, Error> {
    lora.check()?;
    let lora = lora.clone();
    beside(model, AdapterSource::Fresh { lora, seed })
}

/// Puts the adapter of a folder on the model that it was trained on. Several may be put on one model, each giving a model of
/// its own: the base's tensors are in memory once.
pub fn adapted(model: &dyn Mllm, folder: &Path) -> Result<Box<dyn Mllm>, Error> {
    let source = AdapterSource::open(folder)?;
    if let AdapterSource::Folder { config, .. } = &source {
        fingerprint::check_class(model.config_text(), config, folder)?;
    }
    // Names and shapes say more about what is wrong than two digests do.
    let adapted = beside(model, source)?;
    fingerprint::check(model, folder)?;
    Ok(adapted)
}

/// As [`adapted`], for a model without values, whose names and shapes are all that can be compared.
pub(crate) fn outlined(model: &dyn Mllm, folder: &Path) -> Result<Box<dyn Mllm>, Error> {
    beside(model, AdapterSource::open(folder)?)
}

fn beside(model: &dyn Mllm, adapter: AdapterSource) -> Result<Box<dyn Mllm>, Error> {
    if has_adapter(model) {
        return Err(AdapterError::Unsuited(
            "the model has an adapter already; merge that one first (`adamllm convert --merge-lora`)",
        )
        .into());
    }
    let tensors = model.parameters().iter();
    let tensors = tensors.map(|p| (p.name.clone(), p.tensor.shallow_clone()));
    let base = Box::new(Source::Folder(Checkpoint::sharing(tensors)));
    families::of_source(
        model.config_text(),
        Source::Adapted(base, adapter),
        model.device(),
        model.kind(),
    )
}

/// Whether a folder is an adapter of `peft` and no model.
pub fn is_folder(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    has(CONFIG) && !has(SINGLE) && !has(INDEX)
}

/// Whether a model has an adapter.
pub fn has_adapter(model: &dyn Mllm) -> bool {
    model.parameters().iter().any(|p| p.adapter.is_some())
}

/// One adapted layer.
#[derive(Clone, Copy, Debug)]
pub struct AdaptedLayer<'a> {
    /// `[rank, in]`.
    pub a: &'a Tensor,
    /// `[out, rank]`.
    pub b: &'a Tensor,
    /// What both say of themselves.
    pub part: &'a AdapterPart,
}

impl AdaptedLayer<'_> {
    /// The rank.
    pub fn rank(&self) -> i64 {
        self.a.size()[0]
    }

    /// What B(A(x)) is multiplied with.
    pub fn scale(&self) -> f64 {
        scale(self.part.alpha, self.rank(), self.part.rslora)
    }
}

/// The adapted layers of a model, in the model's order.
pub fn layers(model: &dyn Mllm) -> Vec<AdaptedLayer<'_>> {
    let of = |matrix: Matrix| {
        let parts = model.parameters().iter();
        parts
            .filter_map(move |p| Some((&p.tensor, p.adapter.as_ref()?)))
            .filter(move |(_, part)| part.matrix == matrix)
    };
    let pairs = of(Matrix::A).zip(of(Matrix::B));
    pairs
        .map(|((a, part), (b, _))| AdaptedLayer { a, b, part })
        .collect()
}

/// Makes the dropout of a model's adapter draw its masks for one microbatch, forward and backward, until what is given is
/// dropped. Nothing happens to a model without an adapter.
#[must_use]
pub fn dropping(model: &dyn Mllm, draw: Draw) -> Dropping {
    let part = model.parameters().iter().find_map(|p| p.adapter.as_ref());
    part.map_or_else(Dropping::nothing, |part| part.dropout.begin(draw))
}
