//! Checkpoints that resume exactly: weights, master weights, moments, generator state, cursor and plan.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use model::checkpoint::Checkpoint;
use serde::{Deserialize, Serialize};
use torch::{Device, Kind, Tensor};

use crate::{Error, Trainer};

const TENSORS: &str = "state.safetensors";
const STATE: &str = "state.json";

#[derive(Serialize, Deserialize)]
struct State {
    /// Optimizer steps done.
    step: usize,
    plan: String,
    /// Digest of the tensor file.
    sha256: String,
    /// The CPU generator of libtorch, in hexadecimal.
    generator: String,
}

impl Trainer<'_> {
    /// Writes `folder` (named `checkpoint-N` by the program): aside first, then renamed.
    pub fn save_checkpoint(&self, folder: &Path) -> Result<(), Error> {
        let aside = folder.with_extension("part");
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(writing(&aside))?;
        }
        fs::create_dir_all(&aside).map_err(writing(&aside))?;
        let mut tensors: Vec<(String, Tensor)> = Vec::new();
        for slot in &self.optimizer.slots {
            tensors.push((format!("master.{}", slot.name), slot.master.shallow_clone()));
            tensors.push((format!("average.{}", slot.name), slot.average.shallow_clone()));
            tensors.push((format!("square.{}", slot.name), slot.square.shallow_clone()));
            tensors.push((format!("step.{}", slot.name), slot.step.shallow_clone()));
        }
        let path = aside.join(TENSORS);
        Tensor::write_safetensors(&tensors, &path)?;
        File::open(&path).and_then(|f| f.sync_all()).map_err(writing(&path))?;
        let generator = Vec::<u8>::try_from(torch::rng_state()?)?;
        let state = State {
            step: self.done,
            plan: self.plan.digest(),
            sha256: corpus::digest::file(&path).map_err(reading(&path))?,
            generator: generator.iter().map(|b| format!("{b:02x}")).collect(),
        };
        let path = aside.join(STATE);
        let text = serde_json::to_string(&state).unwrap_or_default();
        fs::write(&path, text).map_err(writing(&path))?;
        File::open(&path).and_then(|f| f.sync_all()).map_err(writing(&path))?;
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(writing(folder))?;
        }
        fs::rename(&aside, folder).map_err(writing(folder))
    }

    /// Goes on from a checkpoint of the same plan and model, after checking its digest.
    pub fn resume(&mut self, folder: &Path) -> Result<(), Error> {
        let unusable = |problem: String| Error::Checkpoint { path: folder.to_owned(), problem };
        let path = folder.join(STATE);
        let text = fs::read_to_string(&path).map_err(reading(&path))?;
        let state: State = serde_json::from_str(&text).map_err(|e| unusable(format!("`{STATE}`: {e}")))?;
        if state.plan != self.plan.digest() {
            return Err(unusable("it belongs to other settings or other data".to_owned()));
        }
        let path = folder.join(TENSORS);
        if corpus::digest::file(&path).map_err(reading(&path))? != state.sha256 {
            return Err(unusable(format!("`{TENSORS}` does not have its checksum; it is damaged")));
        }
        let _guard = torch::no_grad_guard();
        let mut stored = Checkpoint::open_file(&path)?;
        for slot in &self.optimizer.slots {
            for (kind, tensor) in
                [("master", &slot.master), ("average", &slot.average), ("square", &slot.square), ("step", &slot.step)]
            {
                let name = format!("{kind}.{}", slot.name);
                if stored.shape(&name) != Some(tensor.size()) {
                    return Err(unusable(format!("it has no `{name}` of shape {:?}", tensor.size())));
                }
                tensor.shallow_clone().f_copy_(&stored.read(&name, Device::Cpu, Kind::Float)?)?;
            }
            if slot.weight.kind() != Kind::Float {
                slot.weight.f_detach()?.f_copy_(&slot.master)?;
            }
        }
        let bytes: Option<Vec<u8>> = (0..state.generator.len())
            .step_by(2)
            .map(|i| state.generator.get(i..i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect();
        let bytes = bytes.ok_or_else(|| unusable("its generator state is not hexadecimal".to_owned()))?;
        torch::set_rng_state(&Tensor::from_slice(&bytes))?;
        self.done = state.step;
        Ok(())
    }
}

fn writing(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path: PathBuf = path.to_owned();
    move |source| Error::Io { action: "write", path: path.clone(), source }
}

fn reading(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path: PathBuf = path.to_owned();
    move |source| Error::Io { action: "read", path: path.clone(), source }
}
