//! `adamllm inspect checkpoint`: what a model folder or checkpoint holds, by the headers of its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use crate::flags::Shared;
use crate::output::print;

fn read_json(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("`{}` is not sound JSON", path.display()))
}

/// The tensors of a safetensors file, by its header alone: name to dtype and shape.
fn tensors(path: &Path) -> Result<BTreeMap<String, (String, Vec<u64>)>> {
    use std::io::Read as _;
    let reading = || format!("cannot read `{}`", path.display());
    let mut file = std::fs::File::open(path).with_context(reading)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).with_context(reading)?;
    let length = u64::from_le_bytes(length);
    let all = file.metadata().with_context(reading)?.len();
    if length > all.min(100 << 20) {
        bail!(
            "`{}` is no sound safetensors file: its header would be longer than the file",
            path.display()
        );
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).with_context(reading)?;
    let header: Map<String, Value> = serde_json::from_slice(&header)
        .with_context(|| format!("the header of `{}` is not sound", path.display()))?;
    let mut found = BTreeMap::new();
    let mut end = 0;
    for (name, tensor) in header {
        if name == "__metadata__" {
            continue;
        }
        let shape = tensor["shape"].as_array().into_iter().flatten();
        let shape = shape.filter_map(Value::as_u64).collect();
        end = end.max(tensor["data_offsets"][1].as_u64().unwrap_or(0));
        found.insert(
            name,
            (tensor["dtype"].as_str().unwrap_or("?").to_owned(), shape),
        );
    }
    if 8 + length + end > all {
        bail!(
            "`{}` is cut off: it has {all} bytes where {} are needed; copy it again",
            path.display(),
            8 + length + end
        );
    }
    Ok(found)
}

/// What a checkpoint or model folder holds: step, files, parameters by part and dtype. Loads nothing.
pub fn run(shared: &Shared, folder: &Path) -> Result<()> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder `{}`", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    files.sort();
    if files.is_empty() {
        bail!(
            "`{}` has no safetensors files; name a model folder or a `checkpoint-N` of a run",
            folder.display()
        );
    }
    let mut parts: BTreeMap<(String, String, String), (usize, u64)> = BTreeMap::new();
    let mut largest: Vec<(u64, String, Vec<u64>)> = Vec::new();
    for file in &files {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for (tensor, (dtype, shape)) in tensors(file)? {
            let count: u64 = shape.iter().product();
            // Two levels say which part of a model a tensor is of.
            let part: Vec<&str> = tensor.split('.').take(2).collect();
            let entry = parts
                .entry((name.clone(), part.join("."), dtype))
                .or_default();
            *entry = (entry.0 + 1, entry.1 + count);
            largest.push((count, tensor, shape));
        }
    }
    largest.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    largest.truncate(5);
    let known = |name: &str| {
        let path = folder.join(name);
        path.exists().then(|| read_json(&path)).transpose()
    };
    let state = known("state.json")?.map(|sealed| sealed["state"].clone());
    let config = known("config.json")?;
    let step = state.as_ref().map(|state| state["step"].clone());
    let family = config.as_ref().map(|config| config["model_type"].clone());
    let rows: Vec<Value> = parts
        .iter()
        .map(|((file, part, dtype), (tensors, numbers))| {
            json!({"file": file, "part": part, "dtype": dtype, "tensors": tensors, "numbers": numbers})
        })
        .collect();
    let document = json!({
        "step": step, "plan": state.as_ref().map(|s| &s["plan"]), "model_type": family, "parts": rows,
        "largest": largest.iter().map(|(_, name, shape)| json!({"name": name, "shape": shape})).collect::<Vec<_>>(),
    });
    print(shared, &document, || {
        println!("`{}`", folder.display());
        if let Some(family) = &family {
            println!("model type: {}", family.as_str().unwrap_or("unknown"));
        }
        if let Some(step) = &step {
            println!("checkpoint after step {step}");
        }
        println!();
        for ((file, part, dtype), (tensors, numbers)) in &parts {
            println!("{file:<28} {part:<34} {dtype:<5} {tensors:>5} tensors {numbers:>14}");
        }
        println!("\nlargest");
        for (_, name, shape) in &largest {
            println!("  {name} {shape:?}");
        }
    })
}
