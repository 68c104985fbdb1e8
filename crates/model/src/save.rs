//! Writes a model as a Hugging Face folder: safetensors with 64-byte aligned data, `config.json`, and the files of
//! tokenizer and processor. Every file is written beside its place, read back, compared, and only then renamed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use torch::{Device, Kind, Tensor};

use crate::adapter::error::AdapterError;
use crate::checkpoint::{Checkpoint, INDEX, SINGLE};
use crate::error::Error;
use crate::mllm::Mllm;
use crate::parameter::Parameter;

/// Data start at a multiple of this many bytes.
const ALIGNMENT: usize = 64;
/// The most that one file holds, in bytes.
const SHARD: usize = 5_000_000_000;
/// What is copied beside the weights, where the source has it.
const COMPANIONS: &[&str] = &[
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    processor::FolderSettings::FILE,
    "LICENSE",
    "LICENSE.txt",
    "NOTICE",
];

/// Writes `model` into `folder` with weights of `kind` (f32 or bf16) under their published names. Tokenizer, processor
/// and generation settings are copied from `source`.
///
/// ```no_run
/// # fn main() -> Result<(), model::Error> {
/// use std::path::Path;
/// let base = Path::new("base");
/// let model = model::load(base, torch::Device::Cpu, torch::Kind::Float)?;
/// model::save(model.as_ref(), Path::new("adapted"), Some(base), torch::Kind::BFloat16)
/// # }
/// ```
pub fn save(
    model: &dyn Mllm,
    folder: &Path,
    source: Option<&Path>,
    kind: Kind,
) -> Result<(), Error> {
    save_sharded(model, folder, source, kind, SHARD)
}

/// As [`save`], with at most `limit` bytes of weights in a file instead of five gigabytes. A tensor is never cut: one
/// that is larger has a file of its own.
pub fn save_sharded(
    model: &dyn Mllm,
    folder: &Path,
    source: Option<&Path>,
    kind: Kind,
    limit: usize,
) -> Result<(), Error> {
    refuse_unsuited(model)?;
    let (parameters, config) = (model.parameters(), model.config_text());
    write(parameters, config, folder, source, kind, limit)
}

fn refuse_unsuited(model: &dyn Mllm) -> Result<(), Error> {
    if model.config_text().is_empty() {
        return Err(Error::NoConfig);
    }
    if model.parameters().iter().any(|p| p.adapter.is_some()) {
        return Err(AdapterError::Unsuited(
            "a model with an adapter is saved as its adapter, or merged; not as it is",
        )
        .into());
    }
    Ok(())
}

/// As [`save`], under the names that every program reads: a CLIP tower's as on the hub, with `vision_model.` in them. vLLM
/// asks for that; `transformers` 5 leaves it out of what it saves and reads both, as this program does.
///
/// What goes on from the folder by the names of a model in memory, as a training does, has to [`save`].
pub fn export(
    model: &dyn Mllm,
    folder: &Path,
    source: Option<&Path>,
    kind: Kind,
) -> Result<(), Error> {
    let parameters = model.parameters();
    refuse_unsuited(model)?;
    match for_every_program(parameters) {
        Some(renamed) => write(&renamed, model.config_text(), folder, source, kind, SHARD),
        None => write(parameters, model.config_text(), folder, source, kind, SHARD),
    }
}

/// As [`export`], for parameters under any names and any text of a `config.json`.
pub fn save_as(
    parameters: &[Parameter],
    config: &str,
    folder: &Path,
    source: Option<&Path>,
    kind: Kind,
) -> Result<(), Error> {
    let renamed = for_every_program(parameters);
    let parameters = renamed.as_deref().unwrap_or(parameters);
    write(parameters, config, folder, source, kind, SHARD)
}

/// A CLIP tower's parameters, and all others, under the hub's names; none where they have these.
fn for_every_program(parameters: &[Parameter]) -> Option<Vec<Parameter>> {
    // DINOv2, which may stand in the same place, was never nested. Only CLIP has this misspelt layer.
    const FLAT: &str = "vision_tower.pre_layrnorm.";
    let is_flat = |p: &Parameter| p.name.trim_start_matches("model.").starts_with(FLAT);
    parameters.iter().any(is_flat).then(|| {
        let nested = |p: &Parameter| Parameter {
            name: (p.name).replacen("vision_tower.", "vision_tower.vision_model.", 1),
            tensor: p.tensor.shallow_clone(),
            adapter: None,
            ..*p
        };
        parameters.iter().map(nested).collect()
    })
}

fn write(
    parameters: &[Parameter],
    config: &str,
    folder: &Path,
    source: Option<&Path>,
    kind: Kind,
    limit: usize,
) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(writing(folder))?;
    let mut finished = companions(folder, source)?;
    finished.push(stage(
        folder,
        "config.json",
        config_for(config, kind)?.as_bytes(),
    )?);
    let weights = save_tensors(parameters, folder, kind, limit)?;
    let kept: Vec<PathBuf> = weights.iter().map(|staged| staged.place.clone()).collect();
    for staged in finished.into_iter().chain(weights) {
        staged.put()?;
    }
    remove_stale(folder, &kept)
}

/// Files of tokenizer and processor of `source`, beside their places in `folder`.
pub(crate) fn companions(folder: &Path, source: Option<&Path>) -> Result<Vec<Staged>, Error> {
    let mut finished = Vec::new();
    for name in COMPANIONS {
        if let Some(from) = source
            .map(|s| s.join(name))
            .filter(|from| from.is_file() && *from != folder.join(name))
        {
            let bytes = fs::read(&from).map_err(|error| Error::Io {
                action: "read",
                path: from.clone(),
                source: error,
            })?;
            finished.push(stage(folder, name, &bytes)?);
        }
    }
    Ok(finished)
}

/// A file that is complete but not yet at its place.
pub(crate) struct Staged {
    written: PathBuf,
    place: PathBuf,
}

impl Staged {
    /// Brings it there.
    pub(crate) fn put(self) -> Result<(), Error> {
        fs::rename(&self.written, &self.place).map_err(writing(&self.place))
    }
}

pub(crate) fn stage(folder: &Path, name: &str, bytes: &[u8]) -> Result<Staged, Error> {
    let staged = Staged {
        written: folder.join(format!(".{name}.partial")),
        place: folder.join(name),
    };
    let mut file = File::create(&staged.written).map_err(writing(&staged.written))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(writing(&staged.written))?;
    Ok(staged)
}

/// `config.json` as it was loaded; only a dtype that it states is brought up to date.
fn config_for(text: &str, kind: Kind) -> Result<String, Error> {
    let json = |source| Error::Json {
        path: "config.json".into(),
        source,
    };
    let mut config: Value = serde_json::from_str(text).map_err(json)?;
    let name = if kind == Kind::Float {
        "float32"
    } else {
        "bfloat16"
    };
    let mut changed = false;
    for key in ["dtype", "torch_dtype"] {
        if let Some(value) = config
            .get_mut(key)
            .filter(|value| value.is_string() && *value != name)
        {
            *value = json!(name);
            changed = true;
        }
    }
    if changed {
        serde_json::to_string_pretty(&config)
            .map(|text| text + "\n")
            .map_err(json)
    } else {
        Ok(text.to_owned())
    }
}

/// Writes the tensors into one file or several with an index, all still under their passing names.
fn save_tensors(
    parameters: &[Parameter],
    folder: &Path,
    kind: Kind,
    limit: usize,
) -> Result<Vec<Staged>, Error> {
    let width = kind.elt_size_in_bytes();
    let shards = shards(parameters, width, limit);
    if let [only] = shards.as_slice() {
        return Ok(vec![write_shard(only, folder, SINGLE, kind)?]);
    }
    let (mut staged, mut map, mut total) = (Vec::new(), BTreeMap::new(), 0);
    for (i, shard) in shards.iter().enumerate() {
        let name = format!("model-{:05}-of-{:05}.safetensors", i + 1, shards.len());
        staged.push(write_shard(shard, folder, &name, kind)?);
        total += shard
            .iter()
            .map(|p| p.tensor.numel() * width)
            .sum::<usize>();
        map.extend(shard.iter().map(|p| (p.name.as_str(), name.clone())));
    }
    let index = json!({"metadata": {"total_size": total}, "weight_map": map});
    staged.push(stage(folder, INDEX, format!("{index:#}\n").as_bytes())?);
    Ok(staged)
}

/// Parameters in their order, cut where a file would grow past its limit.
fn shards(parameters: &[Parameter], width: usize, limit: usize) -> Vec<Vec<&Parameter>> {
    let mut shards: Vec<Vec<&Parameter>> = vec![Vec::new()];
    let mut size = 0;
    for parameter in parameters {
        let bytes = parameter.tensor.numel() * width;
        if size > 0 && size + bytes > limit {
            shards.push(Vec::new());
            size = 0;
        }
        size += bytes;
        if let Some(shard) = shards.last_mut() {
            shard.push(parameter);
        }
    }
    shards
}

fn write_shard(
    parameters: &[&Parameter],
    folder: &Path,
    name: &str,
    kind: Kind,
) -> Result<Staged, Error> {
    write_file(parameters, folder, name, kind, &json!({"format": "pt"}))
}

/// One file of tensors, beside its place and read back, with what `about` says in its header.
pub(crate) fn write_file(
    parameters: &[&Parameter],
    folder: &Path,
    name: &str,
    kind: Kind,
    about: &Value,
) -> Result<Staged, Error> {
    let staged = Staged {
        written: folder.join(format!(".{name}.partial")),
        place: folder.join(name),
    };
    let path = &staged.written;
    let width = kind.elt_size_in_bytes();
    // The format allows no gaps between tensors; those whose sizes keep the alignment come first.
    let mut ordered = parameters.to_vec();
    ordered.sort_by_key(|p| {
        (
            !(p.tensor.numel() * width).is_multiple_of(ALIGNMENT),
            p.name.as_str(),
        )
    });
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), about.clone());
    let mut end = 0;
    for parameter in &ordered {
        let start = end;
        end += parameter.tensor.numel() * width;
        let dtype = match kind {
            Kind::Double => "F64",
            Kind::Float => "F32",
            _ => "BF16",
        };
        header.insert(
            parameter.name.clone(),
            json!({"dtype": dtype, "shape": parameter.tensor.size(), "data_offsets": [start, end]}),
        );
    }
    let mut text = Value::Object(header).to_string();
    let padded = (8 + text.len()).next_multiple_of(ALIGNMENT) - 8;
    text.extend(std::iter::repeat_n(' ', padded - text.len()));
    let file = File::create(path).map_err(writing(path))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.write_all(&(text.len() as u64).to_le_bytes())
        .and_then(|()| out.write_all(text.as_bytes()))
        .map_err(writing(path))?;
    for parameter in &ordered {
        out.write_all(&bytes_of(&parameter.tensor, kind)?)
            .map_err(writing(path))?;
    }
    let file = out.into_inner().map_err(|error| Error::Io {
        action: "write",
        path: path.clone(),
        source: error.into_error(),
    })?;
    file.sync_all().map_err(writing(path))?;
    let back = Checkpoint::open_file(path)?;
    for parameter in &ordered {
        if back.shape(&parameter.name) != Some(parameter.tensor.size())
            || *back.bytes(&parameter.name)? != *bytes_of(&parameter.tensor, kind)?
        {
            return Err(Error::ReadBack {
                path: staged.place,
                tensor: parameter.name.clone(),
            });
        }
    }
    Ok(staged)
}

fn bytes_of(tensor: &Tensor, kind: Kind) -> Result<Vec<u8>, Error> {
    let tensor = tensor
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_to_kind(kind)?
        .f_contiguous()?;
    let mut bytes = vec![0; tensor.numel() * kind.elt_size_in_bytes()];
    tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
    Ok(bytes)
}

/// Weights of an earlier save under other names would be read instead of ours, or beside them.
fn remove_stale(folder: &Path, kept: &[PathBuf]) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(writing(folder))? {
        let path = entry.map_err(writing(folder))?.path();
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let weights = name == INDEX || name.starts_with("model") && name.ends_with(".safetensors");
        if weights && !kept.contains(&path) {
            fs::remove_file(&path).map_err(writing(&path))?;
        }
    }
    Ok(())
}

fn writing(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action: "write",
        path: path.clone(),
        source,
    }
}
