//! What a stage is made of, and what it made.
//!
//! A stage has two identities. Its *key* is the digest of everything that changes its function: stage, version, the recipe
//! keys that it reads, the content of the files, pictures and models that it reads, and the keys of its inputs; it is known
//! before anything runs. What it has *given* is the digest of the files that it wrote. Device, threads, budgets and times are
//! in neither, and nothing in a key names a place: the same recipe and data in two folders have the same keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use corpus::digests::together;
use corpus::sealed::changed_keys;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The layout of what lies in a run folder. Another number is another program's folder.
pub const FORMAT: u32 = 2;

/// What a stage reads from outside of the stages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reads {
    /// Values of the recipe keys, paths aside.
    pub recipe: Map<String, Value>,
    /// Content digests of files, pictures and models by their role, such as `the pairs`.
    pub contents: BTreeMap<String, String>,
}

/// Everything that a stage depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// Digest of the rest.
    pub key: String,
    /// The kind of stage and its version, and the program's.
    pub version: String,
    /// What it reads.
    #[serde(flatten)]
    pub reads: Reads,
    /// The keys of its inputs by their role in it.
    pub inputs: BTreeMap<String, String>,
}

impl Basis {
    /// The basis of a stage of this kind.
    pub fn new(kind: &str, version: u32, reads: Reads, inputs: BTreeMap<String, String>) -> Self {
        let version = format!("{kind} {version}, adamllm {}", env!("CARGO_PKG_VERSION"));
        let text = json!([version, reads.recipe, reads.contents, inputs]);
        Self {
            key: corpus::digest::bytes(text.to_string().as_bytes()),
            version,
            reads,
            inputs,
        }
    }

    /// What is different in a newer basis, in words; at least one.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        let flat = |basis: &Self| Value::Object(basis.reads.recipe.clone());
        let mut out = changed_keys(&flat(self), &flat(new));
        let (old, now) = (&self.reads.contents, &new.reads.contents);
        let roles: BTreeSet<&String> = old.keys().chain(now.keys()).collect();
        for role in roles {
            match (old.get(role), now.get(role)) {
                (Some(was), Some(is)) if was == is => {}
                (Some(_), Some(_)) => out.push(format!("{role} changed")),
                (None, _) => out.push(format!("{role} came in")),
                (_, None) => out.push(format!("{role} fell away")),
            }
        }
        if self.version != new.version {
            out.push(format!(
                "the stage was {}, is {}",
                self.version, new.version
            ));
        }
        if out.is_empty() {
            out.push("a stage before it changed".to_owned());
        }
        out
    }
}

/// A basis as it is noted down when a stage begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub format: u32,
    pub stage: String,
    #[serde(flatten)]
    pub basis: Basis,
    /// What the inputs had given, by their role.
    pub given: BTreeMap<String, String>,
}

/// What a finished stage leaves behind: what it was made from and what it made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
    /// The stage's name in its graph.
    pub stage: String,
    /// What it depends on.
    #[serde(flatten)]
    pub basis: Basis,
    /// What the inputs had given, by their role.
    pub given: BTreeMap<String, String>,
    /// Content digests of the files that it wrote.
    pub outputs: BTreeMap<String, String>,
    /// What it counted.
    pub counts: Value,
    /// Wall time of the attempt that finished the stage, to the millisecond.
    pub seconds: f64,
    /// Device and threads; in no identity.
    #[serde(default)]
    pub machine: Value,
}

impl Manifest {
    /// Digest of what the stage gave. Timings and what a device was planned to take are left out: they differ from run to run. So are
    /// the cards beside a model, which tell people of recipe keys that other recipes with the same stage have otherwise.
    pub fn gave(&self) -> String {
        let passes = |name: &str| {
            [
                "metrics.jsonl",
                "planned-memory.json",
                "model/README.md",
                "model/DATA.md",
            ]
            .iter()
            .any(|told| Path::new(name).ends_with(told))
                || name.contains(".tfevents.")
                || Path::new(name).extension().is_some_and(|e| e == "sums")
        };
        let outputs = self.outputs.iter();
        let lasting = outputs.filter(|(name, _)| !passes(name));
        together(lasting.map(|(name, digest)| (name, digest.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(recipe: &Value, pairs: &str, input: &str) -> Basis {
        let recipe = recipe.as_object().cloned().unwrap_or_default();
        let reads = Reads {
            recipe,
            contents: BTreeMap::from([("the pairs".to_owned(), pairs.to_owned())]),
        };
        let inputs = BTreeMap::from([("pairs".to_owned(), input.to_owned())]);
        Basis::new("mix", 1, reads, inputs)
    }

    #[test]
    fn what_tells_of_a_run_is_nothing_that_a_stage_gave() {
        let manifest = |outputs: &[(&str, &str)]| Manifest {
            format: FORMAT,
            stage: "train".to_owned(),
            basis: basis(&json!({}), "a", "x"),
            given: BTreeMap::new(),
            outputs: outputs
                .iter()
                .map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned()))
                .collect(),
            counts: Value::Null,
            seconds: 1.0,
            machine: Value::Null,
        };
        let weights = ("model/model.safetensors", "w");
        let plain = manifest(&[weights]).gave();
        let told = [
            weights,
            ("metrics.jsonl", "1"),
            ("model/README.md", "2"),
            ("model/DATA.md", "3"),
        ];
        assert_eq!(manifest(&told).gave(), plain);
        assert_ne!(manifest(&[weights, ("samples.jsonl", "4")]).gave(), plain);
    }

    #[test]
    fn differences_are_told_in_words() {
        let old = basis(&json!({"train.keep": 1, "train.eps": 2}), "a", "x");
        let changed = basis(&json!({"train.keep": 3, "train.eps": 2}), "b", "x");
        assert_eq!(
            old.differences(&changed),
            ["`train.keep` was 1, is 3", "the pairs changed"]
        );
        let other = basis(&json!({"train.keep": 1, "train.eps": 2}), "a", "y");
        assert_eq!(old.differences(&other), ["a stage before it changed"]);
        assert_ne!(old.key, other.key);
    }
}
