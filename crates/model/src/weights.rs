//! Where the layers get their tensors from: a checkpoint or a random start. Collects the parameters and all problems.

use torch::{Device, Kind, Tensor};

use crate::adapter::layer::LoraLayer;
use crate::adapter::source::{AdapterSource, Builder, Module};
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::init::Init;
use crate::parameter::{Group, Parameter};

/// The source of the tensors.
pub enum Source {
    /// A random start.
    Fresh {
        /// Its seed.
        seed: u64,
    },
    /// A checkpoint.
    Folder(Checkpoint),
    /// Shapes only, checked against a checkpoint if there is one: tensors of one value that is repeated, for looking at
    /// and counting.
    Outline(Option<Checkpoint>),
    /// Another source, with an adapter on its linear layers.
    Adapted(Box<Source>, AdapterSource),
}

impl Source {
    /// The checkpoint, if there is one.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        match self {
            Self::Folder(checkpoint) | Self::Outline(Some(checkpoint)) => Some(checkpoint),
            Self::Adapted(base, _) => base.checkpoint(),
            Self::Fresh { .. } | Self::Outline(None) => None,
        }
    }
}

/// Hands out tensors by their name inside `transformers` (e.g. `model.language_model.norm.weight`).
pub struct Weights {
    source: Source,
    /// From the name inside `transformers` to the published name in the files.
    published: Box<dyn Fn(&str) -> String>,
    device: Device,
    kind: Kind,
    /// The group of what is handed out from now on.
    pub group: Group,
    parameters: Vec<Parameter>,
    problems: Vec<String>,
    adapter: Option<Builder>,
}

impl Weights {
    /// Starts with an empty list of parameters.
    pub fn new(
        source: Source,
        published: Box<dyn Fn(&str) -> String>,
        device: Device,
        kind: Kind,
    ) -> Self {
        let (source, adapter) = match source {
            Source::Adapted(base, adapter) => (*base, Some(Builder::new(adapter))),
            base => (base, None),
        };
        Self {
            source,
            published,
            device,
            kind,
            group: Group::LanguageModel,
            parameters: Vec::new(),
            problems: Vec::new(),
            adapter,
        }
    }

    /// The adapter of the linear layer `name`, if it has one.
    pub(crate) fn adapter(
        &mut self,
        name: &str,
        (inputs, outputs): (i64, i64),
    ) -> Result<Option<LoraLayer>, Error> {
        let Some(builder) = &mut self.adapter else {
            return Ok(None);
        };
        let published = (self.published)(&format!("{name}.weight"));
        let module = Module {
            name,
            published: published.trim_end_matches(".weight"),
            group: self.group,
            inputs,
            outputs,
        };
        builder.layer(&module, self.kind, self.device)
    }

    /// The tensor `name`, which becomes a parameter. What is missing or of another shape is noted, and nothing
    /// stands in for it until `finish` reports it.
    pub fn tensor(&mut self, name: &str, shape: &[i64], init: Init) -> Result<Tensor, Error> {
        let published = (self.published)(name);
        let outline = |kind, device| Tensor::f_zeros(1, (kind, device))?.f_expand(shape, false);
        let is_outline = matches!(self.source, Source::Outline(_));
        let tensor = match &mut self.source {
            Source::Outline(None) | Source::Adapted(..) => outline(self.kind, self.device)?,
            Source::Fresh { seed } => Tensor::f_from_slice(&init.values(*seed, name, shape))?
                .f_reshape(shape)?
                .f_to_kind(self.kind)?
                .f_to_device(self.device)?,
            Source::Folder(checkpoint) | Source::Outline(Some(checkpoint)) => {
                match checkpoint.shape(&published) {
                    None => {
                        self.problems.push(format!(
                            "`{published}` {shape:?} is missing{}",
                            checkpoint.nearest(&published)
                        ));
                        Tensor::f_zeros(0, (self.kind, self.device))?
                    }
                    Some(found) if found != shape => {
                        self.problems.push(format!(
                            "`{published}` has shape {found:?}, expected {shape:?}"
                        ));
                        checkpoint.mark_read(&published);
                        Tensor::f_zeros(0, (self.kind, self.device))?
                    }
                    Some(_) if is_outline => {
                        checkpoint.mark_read(&published);
                        outline(self.kind, self.device)?
                    }
                    Some(_) => {
                        let tensor = checkpoint.read(&published, self.device, self.kind)?;
                        if !checkpoint.is_shared() && !is_finite(&tensor)? {
                            self.problems.push(format!(
                                "`{published}` {shape:?} holds values that are no finite numbers"
                            ));
                        }
                        tensor
                    }
                }
            }
        };
        self.parameters.push(Parameter {
            name: published,
            tensor: tensor.shallow_clone(),
            group: self.group,
            decay: shape.iter().filter(|&&side| side > 1).count() > 1,
            reachable: true,
            adapter: None,
        });
        Ok(tensor)
    }

    /// All parameters in the order they were asked for, those of an adapter last; an error that lists what is missing, mis-shaped or left over.
    /// `tied` names pairs (left out, its twin): the first may be stored if it equals the second. `ignored` says which
    /// left-over names are harmless.
    pub fn finish(
        mut self,
        tied: &[(String, String)],
        ignored: impl Fn(&str) -> bool,
    ) -> Result<Vec<Parameter>, Error> {
        let adapted = self.adapter.take().map(Builder::finish);
        let (Source::Folder(checkpoint) | Source::Outline(Some(checkpoint))) = &mut self.source
        else {
            self.parameters
                .extend(adapted.transpose()?.unwrap_or_default());
            return Ok(self.parameters);
        };
        for (left_out, twin) in tied {
            let (left_out, twin) = ((self.published)(left_out), (self.published)(twin));
            if checkpoint.shape(&left_out).is_some() && checkpoint.shape(&twin).is_some() {
                if !checkpoint.same_bytes(&left_out, &twin)? {
                    self.problems.push(format!(
                        "`{left_out}` differs from `{twin}`, but `tie_word_embeddings` is true"
                    ));
                }
                checkpoint.mark_read(&left_out);
            }
        }
        self.problems.extend(
            checkpoint
                .unread()
                .filter(|name| !ignored(name))
                .map(|name| format!("`{name}` is unexpected")),
        );
        if self.problems.is_empty() {
            // What is wrong with the base is told first: its adapter would miss what it lacks.
            self.parameters
                .extend(adapted.transpose()?.unwrap_or_default());
            return Ok(self.parameters);
        }
        Err(Error::Tensors {
            folder: checkpoint.folder().to_owned(),
            problems: self.problems,
        })
    }
}

/// Whether all values are finite numbers. A sum is one pass and takes no memory; only one that is not finite is looked
/// into, since large finite values may add up to infinity.
fn is_finite(tensor: &Tensor) -> Result<bool, Error> {
    let sum = tensor.f_sum(None::<Kind>)?.f_double_value(&[])?;
    Ok(sum.is_finite() || tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0)
}
