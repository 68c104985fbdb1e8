//! `adamllm inspect model`: what a model is made of, from its configuration and the headers of its weight files.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use model::Parameter;
use model::checkpoint::Checkpoint;
use serde_json::{Value, json};

use crate::cli::Shared;
use crate::commands::print;

/// Shows a folder. No weights are read.
pub fn inspect(shared: &Shared, folder: &Path, tensors: bool) -> Result<()> {
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let config: Value = serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not valid JSON", path.display()))?;
    let (checkpoint, weights) = match Checkpoint::open(folder) {
        Ok(checkpoint) => (Some(checkpoint), Some(folder)),
        // A configuration alone can be looked at too.
        Err(model::Error::NoWeights { .. }) => (None, None),
        Err(error) => return Err(error.into()),
    };
    let model = model::outline(&text, weights)?;
    let parameters = model.parameters();
    let groups = model::inspect::groups(model.as_ref());
    let total: usize = groups.iter().map(|group| group.values).sum();
    let unreachable: Vec<&str> = parameters
        .iter()
        .filter(|p| !p.reachable)
        .map(|p| p.name.as_str())
        .collect();
    let tied = !parameters.iter().any(|p| p.name.contains("lm_head"));
    let dtypes = checkpoint.as_ref().map(Checkpoint::dtypes);
    let counts: BTreeMap<&str, usize> = groups
        .iter()
        .map(|g| (g.group.as_str(), g.values))
        .collect();
    let trained: BTreeMap<&str, usize> = groups
        .iter()
        .map(|g| (g.group.as_str(), g.values - g.unreachable))
        .collect();
    let mut document = json!({
        "family": config["model_type"], "parameters": total, "groups": counts, "trainable": trained,
        "tied": tied, "dtypes": dtypes, "context": model.max_positions(), "no_gradient": unreachable,
    });
    if tensors {
        let shape = |p: &Parameter| {
            json!({"name": p.name, "shape": p.tensor.size(), "group": p.group.as_str(),
                   "decay": p.decay, "gradient": p.reachable})
        };
        document["tensors"] = parameters.iter().map(shape).collect();
    }
    print(shared, &document, || {
        println!(
            "{} of {total} parameters, context {}",
            config["model_type"].as_str().unwrap_or("?"),
            model.max_positions()
        );
        match &dtypes {
            Some(dtypes) => {
                let list: Vec<String> = dtypes
                    .iter()
                    .map(|(k, n)| format!("{k} ({n} values)"))
                    .collect();
                println!("stored as {}", list.join(", "));
            }
            None => println!("no weights beside the configuration"),
        }
        if tied {
            println!("the head is the embedding");
        }
        println!();
        println!(
            "{:<16} {:>14} {:>14}",
            "group", "parameters", "with gradient"
        );
        for group in &groups {
            println!(
                "{:<16} {:>14} {:>14}",
                group.group.as_str(),
                group.values,
                group.values - group.unreachable
            );
        }
        println!();
        for line in tree(parameters, tensors) {
            println!("{line}");
        }
        if !unreachable.is_empty() {
            println!(
                "\nno gradient (the family never reads them, or it is zero by construction), kept out of weight decay:"
            );
            for line in summed(&unreachable) {
                println!("  {line}");
            }
        }
    })
}

/// Parts with their parameters, equal layers as one line; with `tensors`, every tensor.
fn tree(parameters: &[Parameter], tensors: bool) -> Vec<String> {
    if tensors {
        return parameters
            .iter()
            .map(|p| format!("{:<76} {:?}", p.name, p.tensor.size()))
            .collect();
    }
    let mut parts: Vec<(String, usize, Vec<String>)> = Vec::new();
    for parameter in parameters {
        let (pattern, layer) = pattern(&parameter.name);
        let pattern = format!("{pattern} {:?}", parameter.tensor.size());
        let layer = layer.unwrap_or_default();
        let values = parameter.tensor.numel();
        match parts.iter_mut().find(|part| part.0 == pattern) {
            Some(part) => {
                part.1 += values;
                part.2.push(layer);
            }
            None => parts.push((pattern, values, vec![layer])),
        }
    }
    parts
        .into_iter()
        .map(|(pattern, values, layers)| {
            let times = if layers.len() > 1 {
                format!("× {}", layers.len())
            } else {
                String::new()
            };
            format!("{pattern:<84} {times:>6} {values:>14}")
        })
        .collect()
}

/// A name with its layer's number taken out, and that number.
fn pattern(name: &str) -> (String, Option<String>) {
    let mut layer = None;
    let parts: Vec<&str> = name
        .split('.')
        .map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if is_number && layer.is_none() && (name.contains("layer") || name.contains("blocks")) {
                layer = Some(part.to_owned());
                "N"
            } else {
                part
            }
        })
        .collect();
    (parts.join("."), layer)
}

fn summed(names: &[&str]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(pattern(name).0).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(name, count)| {
            if count > 1 {
                format!("{name} × {count}")
            } else {
                name
            }
        })
        .collect()
}
