//! What a model is made of, for people: how many parameters each part has, and which of them can learn.

use std::collections::BTreeMap;
use std::path::Path;

use corpus::ModelPlace;
use serde_json::{Value, json};

use crate::adapter;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::families;
use crate::mllm::Mllm;
use crate::parameter::{Group, Parameter};

/// One part of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupCount {
    /// The part.
    pub group: Group,
    /// Its tensors.
    pub tensors: usize,
    /// Their values.
    pub values: usize,
    /// Values that the forward never reads, or whose gradient is zero by construction.
    pub unreachable: usize,
}

/// Tower, projector and language model, tied tensors once.
pub fn groups(model: &dyn Mllm) -> Vec<GroupCount> {
    Group::ALL
        .into_iter()
        .map(|group| {
            let mut count = GroupCount {
                group,
                tensors: 0,
                values: 0,
                unreachable: 0,
            };
            for parameter in model.parameters().iter().filter(|p| p.group == group) {
                count.tensors += 1;
                count.values += parameter.tensor.numel();
                count.unreachable += if parameter.reachable {
                    0
                } else {
                    parameter.tensor.numel()
                };
            }
            count
        })
        .collect()
}

/// A tensor that a model is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorEntry {
    /// The published name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<i64>,
    /// The part of the model.
    pub group: Group,
    /// Whether weight decay applies.
    pub decay: bool,
    /// Whether it can get a gradient.
    pub reachable: bool,
}

/// Tensors of one shape whose names differ in a layer's number alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// The name with `N` for the layer.
    pub name: String,
    /// The shape of each.
    pub shape: Vec<i64>,
    /// How many there are.
    pub times: usize,
    /// The values of all.
    pub values: usize,
}

/// A model folder, looked at without its weights.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// `model_type` of the configuration.
    pub family: Value,
    /// Parts with their counts.
    pub groups: Vec<GroupCount>,
    /// Whether the head is the embedding.
    pub tied: bool,
    /// Values by stored dtype; none for a configuration without weights.
    pub dtypes: Option<BTreeMap<String, usize>>,
    /// The longest sequence.
    pub context: usize,
    /// Every tensor, in the model's order.
    pub tensors: Vec<TensorEntry>,
}

/// Looks at a folder with a `config.json`, from which the model is laid out, and the headers of its weight files.
///
/// `BASE+ADAPTER` is looked at as one model, whose adapter is counted with the groups of its layers.
pub fn folder(folder: &Path) -> Result<Inspection, Error> {
    let place = ModelPlace::of(folder);
    let folder = place.base.as_path();
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Io {
        action: "read",
        path: path.clone(),
        source,
    })?;
    let config: Value =
        serde_json::from_str(&text).map_err(|source| Error::Json { path, source })?;
    let (checkpoint, weights) = match Checkpoint::open(folder) {
        Ok(checkpoint) => (Some(checkpoint), Some(folder)),
        // A configuration alone can be looked at too.
        Err(Error::NoWeights { .. }) => (None, None),
        Err(error) => return Err(error),
    };
    let mut model = families::outline(&text, weights)?;
    if let Some(adapter) = &place.adapter {
        model = adapter::put::outlined(model.as_ref(), adapter)?;
    }
    let parameters = model.parameters();
    let entry = |p: &Parameter| TensorEntry {
        name: p.name.clone(),
        shape: p.tensor.size(),
        group: p.group,
        decay: p.decay,
        reachable: p.reachable,
    };
    Ok(Inspection {
        family: config["model_type"].clone(),
        groups: groups(model.as_ref()),
        tied: !parameters.iter().any(|p| p.name.contains("lm_head")),
        dtypes: checkpoint.as_ref().map(Checkpoint::dtypes),
        context: model.max_positions(),
        tensors: parameters.iter().map(entry).collect(),
    })
}

impl Inspection {
    /// Parameters of all parts.
    pub fn parameters(&self) -> usize {
        self.groups.iter().map(|group| group.values).sum()
    }

    /// Names of the tensors that get no gradient.
    pub fn no_gradient(&self) -> Vec<&str> {
        let out = self.tensors.iter().filter(|tensor| !tensor.reachable);
        out.map(|tensor| tensor.name.as_str()).collect()
    }

    /// The same names with their layers' numbers taken out, and how many each stands for.
    pub fn no_gradient_counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for name in self.no_gradient() {
            *counts.entry(pattern(name)).or_default() += 1;
        }
        counts
    }

    /// The tensors with equal layers as one.
    pub fn repeated(&self) -> Vec<Repeated> {
        let mut parts: Vec<Repeated> = Vec::new();
        for tensor in &self.tensors {
            let name = pattern(&tensor.name);
            let values = tensor.shape.iter().product::<i64>() as usize;
            match parts
                .iter_mut()
                .find(|part| part.name == name && part.shape == tensor.shape)
            {
                Some(part) => {
                    part.times += 1;
                    part.values += values;
                }
                None => parts.push(Repeated {
                    name,
                    shape: tensor.shape.clone(),
                    times: 1,
                    values,
                }),
            }
        }
        parts
    }

    /// The same for programs; with `tensors`, every tensor.
    pub fn document(&self, tensors: bool) -> Value {
        let counts: BTreeMap<&str, usize> = self
            .groups
            .iter()
            .map(|g| (g.group.as_str(), g.values))
            .collect();
        let trained: BTreeMap<&str, usize> = self
            .groups
            .iter()
            .map(|g| (g.group.as_str(), g.values - g.unreachable))
            .collect();
        let mut document = json!({
            "family": self.family, "parameters": self.parameters(), "groups": counts, "trainable": trained,
            "tied": self.tied, "dtypes": self.dtypes, "context": self.context, "no_gradient": self.no_gradient(),
        });
        if tensors {
            let shown = |t: &TensorEntry| {
                json!({"name": t.name, "shape": t.shape, "group": t.group.as_str(),
                       "decay": t.decay, "gradient": t.reachable})
            };
            document["tensors"] = self.tensors.iter().map(shown).collect();
        }
        document
    }
}

/// A name with its layer's number taken out.
fn pattern(name: &str) -> String {
    let mut found = false;
    let parts: Vec<&str> = name
        .split('.')
        .map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if is_number && !found && (name.contains("layer") || name.contains("blocks")) {
                found = true;
                "N"
            } else {
                part
            }
        })
        .collect();
    parts.join(".")
}
