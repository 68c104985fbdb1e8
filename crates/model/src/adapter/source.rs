//! Where a model's linear layers get their adapters from while it is built: a folder, or a start of their own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use torch::{Device, Tensor};

use super::dropout::Dropout;
use super::error::AdapterError;
use super::layer::{LoraLayer, kind_beside};
use super::lora::{Lora, scale};
use super::peft::PeftConfig;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::init::{Init, key};
use crate::parameter::{AdapterPart, Group, Matrix, Parameter};

/// The file of A and B.
pub const WEIGHTS: &str = "adapter_model.safetensors";
/// What `peft` puts before the names of the model's own modules.
pub const PREFIX: &str = "base_model.model.";

/// What an adapter is made of.
pub enum AdapterSource {
    /// A random start: A as in `peft`, B zero.
    Fresh {
        /// Its settings.
        lora: Lora,
        /// Of A.
        seed: u64,
    },
    /// A folder of `peft`.
    Folder {
        /// Its settings.
        config: Box<PeftConfig>,
        /// Its tensors.
        tensors: Checkpoint,
    },
}

impl AdapterSource {
    /// Opens an adapter's folder.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let config = PeftConfig::open(folder)?;
        let path = folder.join(WEIGHTS);
        if !path.is_file() {
            let old = folder.join("adapter_model.bin").is_file();
            return Err(AdapterError::NoAdapter {
                folder: folder.to_owned(),
                missing: WEIGHTS,
                hint: if old {
                    "; it is an old one in `adapter_model.bin`, so open it in `peft` and save it again"
                } else {
                    ""
                },
            }
            .into());
        }
        Ok(Self::Folder {
            config: Box::new(config),
            tensors: Checkpoint::open_file(&path)?,
        })
    }
}

/// A linear layer that may get an adapter.
pub(crate) struct Module<'a> {
    /// Its name inside of `transformers`.
    pub name: &'a str,
    /// The name that its base's files have for it.
    pub published: &'a str,
    pub group: Group,
    pub inputs: i64,
    pub outputs: i64,
}

/// An adapter while its model is built.
pub(crate) struct Builder {
    source: AdapterSource,
    dropout: Arc<Dropout>,
    /// All linear layers so far.
    seen: Vec<String>,
    /// Targets that named one, by their index.
    hit: BTreeSet<usize>,
    parameters: Vec<Parameter>,
    problems: Vec<String>,
}

impl Builder {
    pub fn new(source: AdapterSource) -> Self {
        let share = match &source {
            AdapterSource::Fresh { lora, .. } => lora.dropout,
            AdapterSource::Folder { config, .. } => config.dropout,
        };
        Self {
            source,
            dropout: Dropout::new(share),
            seen: Vec::new(),
            hit: BTreeSet::new(),
            parameters: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The adapter of this layer, whose weight has this dtype and device; none where it is no target. What is wrong is
    /// noted for [`Builder::finish`].
    pub fn layer(
        &mut self,
        module: &Module<'_>,
        weights: torch::Kind,
        device: Device,
    ) -> Result<Option<LoraLayer>, Error> {
        self.seen.push(module.name.to_owned());
        let kind = kind_beside(weights);
        let name = |matrix: Matrix| format!("{PREFIX}{}.{}", module.name, matrix.ending());
        let (rank, alpha, rslora, pair) = match &mut self.source {
            AdapterSource::Fresh { lora, seed } => {
                let targets = lora.naming(module.name, module.group);
                if targets.is_empty() && !lora.is_default(module.group) {
                    return Ok(None);
                }
                self.hit.extend(targets);
                let [a_shape, b_shape] = shapes(module, lora.rank);
                let values = Init::Kaiming.values(*seed, &name(Matrix::A), &a_shape);
                let a = Tensor::f_from_slice(&values)?
                    .f_reshape(a_shape)?
                    .f_to_kind(kind)?
                    .f_to_device(device)?;
                let b = Tensor::f_zeros(b_shape, (kind, device))?;
                (lora.rank, lora.alpha, lora.rslora, [a, b])
            }
            AdapterSource::Folder { config, tensors } => {
                // Adapters of older versions of `transformers` have the names of its files.
                let keys =
                    |base: &str| Matrix::ALL.map(|m| format!("{PREFIX}{base}.{}", m.ending()));
                let is_there = |base: &&str| keys(base).iter().any(|k| tensors.shape(k).is_some());
                let base = [module.name, module.published].into_iter().find(is_there);
                let chosen = base.unwrap_or(module.name);
                if !config.has(chosen) {
                    // Those of its tensors that are there are left over.
                    return Ok(None);
                }
                let rank = config.rank(chosen);
                let mut pair = Vec::with_capacity(2);
                for (key, shape) in keys(chosen).iter().zip(shapes(module, rank)) {
                    match tensors.shape(key) {
                        None => self.problems.push(format!("`{key}` {shape:?} is missing")),
                        Some(found) if found != shape => {
                            self.problems.push(misfit(key, &found, &shape, rank));
                            tensors.mark_read(key);
                        }
                        Some(_) => {
                            let tensor = tensors.read(key, device, kind)?;
                            if tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                                self.problems.push(format!(
                                    "`{key}` holds values that are no finite numbers"
                                ));
                            }
                            pair.push(tensor);
                        }
                    }
                }
                let Ok(pair) = <[Tensor; 2]>::try_from(pair) else {
                    return Ok(None);
                };
                (rank, config.alpha(chosen), config.rslora, pair)
            }
        };
        let [a, b] = pair;
        for (matrix, tensor) in Matrix::ALL.into_iter().zip([&a, &b]) {
            self.parameters.push(Parameter {
                name: name(matrix),
                tensor: tensor.shallow_clone(),
                group: module.group,
                decay: true,
                reachable: true,
                adapter: Some(AdapterPart {
                    matrix,
                    module: module.name.to_owned(),
                    weight: format!("{}.weight", module.published),
                    alpha,
                    rslora,
                    dropout: Arc::clone(&self.dropout),
                }),
            });
        }
        Ok(Some(LoraLayer {
            a,
            b,
            scale: scale(alpha, rank, rslora),
            dropout: Arc::clone(&self.dropout),
            number: key(module.name),
        }))
    }

    /// A and B of all layers, in the order of the layers.
    pub fn finish(mut self) -> Result<Vec<Parameter>, AdapterError> {
        match &self.source {
            AdapterSource::Fresh { lora, .. } => {
                let missed = (0..lora.targets.len()).find(|at| !self.hit.contains(at));
                if let Some(target) = missed.map(|at| &lora.targets[at]) {
                    return Err(AdapterError::NoTarget {
                        target: target.clone(),
                        nearest: nearest(target, &self.seen),
                    });
                }
            }
            AdapterSource::Folder { config, tensors } => {
                self.problems
                    .extend(tensors.unread().map(|key| left_over(key, &self.seen)));
                if !self.problems.is_empty() || self.parameters.is_empty() {
                    if self.problems.is_empty() {
                        self.problems
                            .push("its `target_modules` match no linear layer of it".to_owned());
                    }
                    let folder = config
                        .path()
                        .parent()
                        .map_or_else(PathBuf::new, Path::to_owned);
                    return Err(AdapterError::Tensors {
                        folder,
                        problems: self.problems,
                    });
                }
            }
        }
        Ok(self.parameters)
    }
}

fn shapes(module: &Module<'_>, rank: i64) -> [[i64; 2]; 2] {
    [[rank, module.inputs], [module.outputs, rank]]
}

/// A tensor of another rank, or for a layer of another size.
fn misfit(key: &str, found: &[i64], expected: &[i64; 2], rank: i64) -> String {
    let side = usize::from(!key.ends_with(Matrix::A.ending()));
    let same_layer = found.len() == 2 && found[1 - side] == expected[1 - side];
    if same_layer {
        return format!(
            "`{key}` has rank {}, its `adapter_config.json` says {rank}",
            found[side]
        );
    }
    format!("`{key}` has shape {found:?}, expected {expected:?}")
}

/// A tensor that no layer took.
fn left_over(key: &str, seen: &[String]) -> String {
    let kind = [
        (
            "lora_embedding_",
            "an adapter of an embedding is not supported",
        ),
        ("lora_magnitude_vector", "DoRA is not supported"),
        ("modules_to_save", "`modules_to_save` is not supported"),
        (".bias", "a bias is not supported"),
    ];
    if let Some((_, why)) = kind.iter().find(|(part, _)| key.contains(part)) {
        return format!("`{key}` is unexpected: {why}");
    }
    let inner = key.strip_prefix(PREFIX).unwrap_or(key);
    let module = inner.split(".lora_").next().unwrap_or(inner);
    if seen.iter().any(|name| name == module) {
        return format!("`{key}` is unexpected: its `target_modules` do not name that layer");
    }
    if module.contains("patch_embed") {
        return format!("`{key}` is unexpected: an adapter of a convolution is not supported");
    }
    if module == "lm_head" {
        return format!("`{key}` is unexpected: an adapter of the head is not supported");
    }
    let hint = corpus::nearest(module, seen.iter().map(String::as_str));
    let hint = hint.map_or_else(String::new, |name| format!("; the nearest is `{name}`"));
    format!("`{key}` is unexpected: this model has no such linear layer{hint}")
}

/// The group, or the end of a layer's name, that is nearest to `target`.
fn nearest(target: &str, seen: &[String]) -> Option<String> {
    let parts = target.split('.').count();
    let ends: BTreeSet<String> = seen
        .iter()
        .map(|name| {
            let all: Vec<&str> = name.split('.').collect();
            all[all.len().saturating_sub(parts)..].join(".")
        })
        .collect();
    let groups = Group::ALL.iter().map(|group| group.as_str());
    corpus::nearest(target, ends.iter().map(String::as_str).chain(groups)).map(str::to_owned)
}
