//! Checkpoints that resume exactly.
//!
//! A checkpoint folder holds the weights and `config.json` as a Hugging Face folder, `optimizer.safetensors` with the
//! moments as they are kept (and the f32 master weights where the model computes in less and has any, or A and B of an adapter
//! instead of all weights), and `state.json` with cursor, plan, generator, what was chosen of the optimizer, and the checksum of
//! every file. The cursor's unit is the optimizer step: which samples come next follows
//! from it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use model::checkpoint::Checkpoint;
use serde::{Deserialize, Serialize};
use torch::{Device, Tensor};

use crate::choices::Choices;
use crate::fit::Dropped;
use crate::spike;
use crate::state_file::{self, Stored, from_hex, hex};
use crate::{Error, Trainer};

/// What is written. Before version 2 all was in f32, and no choices were noted.
const VERSION: u32 = 2;
const OLDEST: u32 = 1;
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.json";

/// `state.json`: the state beside the checksum of its own text.
#[derive(Serialize, Deserialize)]
struct Sealed {
    sha256: String,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    /// Optimizer steps done.
    step: usize,
    plan: String,
    /// The CPU generator of libtorch, in hexadecimal.
    generator: String,
    /// Updates done of each trained parameter.
    updates: BTreeMap<String, u32>,
    dropped: Vec<Dropped>,
    /// Absent in version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choices: Option<Choices>,
    #[serde(default, skip_serializing_if = "spike::Watch::is_new")]
    spikes: spike::Watch,
    /// SHA-256 of every other file.
    files: BTreeMap<String, String>,
}

impl State {
    fn sealed(self) -> Sealed {
        Sealed {
            sha256: self.digest(),
            state: self,
        }
    }

    fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        corpus::digest::bytes(text.as_bytes())
    }
}

impl Trainer<'_> {
    /// Writes `folder` (by convention `checkpoint-N`): beside its place, read back, then renamed. What was there before
    /// stays until the new one is complete.
    pub fn save_checkpoint(&self, folder: &Path) -> Result<(), Error> {
        let aside = beside(folder, "part");
        let saved = self.save_beside(folder, &aside);
        if saved.is_err() {
            // The first error is the one to tell; what is left of the attempt would only fill the disk.
            let _ = fs::remove_dir_all(&aside);
        }
        saved
    }

    fn save_beside(&self, folder: &Path, aside: &Path) -> Result<(), Error> {
        let aside = aside.to_owned();
        remove(&aside)?;
        fs::create_dir_all(&aside).map_err(writing(&aside))?;
        let mut files = BTreeMap::new();
        if self.has_weight_files() {
            model::save(self.model, &aside, None, self.model.kind())?;
            for entry in fs::read_dir(&aside).map_err(reading(&aside))? {
                let path = entry.map_err(reading(&aside))?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let digest = corpus::digest::file(&path).map_err(reading(&path))?;
                files.insert(name.into_owned(), digest);
            }
        }
        let path = aside.join(OPTIMIZER);
        let tensors = self.tensors()?;
        let meant = state_file::write(&path, &tensors)?;
        if corpus::digest::file(&path).map_err(reading(&path))? != meant {
            return Err(Error::Checkpoint {
                path,
                problem: "what was read back is not what was written; is the disk sound?"
                    .to_owned(),
            });
        }
        files.insert(OPTIMIZER.to_owned(), meant);
        let generator = Vec::<u8>::try_from(torch::rng_state()?)?;
        let mut updates = BTreeMap::new();
        for slot in &self.optimizer.slots {
            updates.insert(slot.name.clone(), slot.updates());
        }
        let state = State {
            version: VERSION,
            step: self.done,
            plan: self.plan.digest().to_owned(),
            generator: hex(&generator),
            updates,
            dropped: self.dropped.clone(),
            choices: Some(self.choices()),
            spikes: self.spikes.clone(),
            files,
        };
        let path = aside.join(STATE);
        let text = serde_json::to_string(&state.sealed()).unwrap_or_default();
        fs::write(&path, text).map_err(writing(&path))?;
        sync(&path)?;
        sync(&aside)?;
        let old = beside(folder, "old");
        remove(&old)?;
        if folder.exists() {
            fs::rename(folder, &old).map_err(writing(folder))?;
        }
        fs::rename(&aside, folder).map_err(writing(folder))?;
        if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
            sync(parent)?;
        }
        remove(&old)
    }

    /// Goes on from a checkpoint of the same plan and model, after checking every checksum; nothing is changed when it
    /// cannot be used.
    pub fn resume(&mut self, folder: &Path) -> Result<(), Error> {
        let unusable = |problem: String| Error::Checkpoint {
            path: folder.to_owned(),
            problem,
        };
        let state = read_state(folder).map_err(unusable)?;
        if let Some(problem) = self.choices().difference(state.choices.unwrap_or_default()) {
            return Err(unusable(problem));
        }
        if state.plan != self.plan.digest() {
            return Err(unusable(
                "it belongs to other settings or other data; train anew, or use those it was made with".to_owned(),
            ));
        }
        for (name, expected) in &state.files {
            let path = folder.join(name);
            if corpus::digest::file(&path).map_err(reading(&path))? != *expected {
                return Err(unusable(damaged(name)));
            }
        }
        let stored = Stored::open(&folder.join(OPTIMIZER)).map_err(unusable)?;
        let wanted = self.tensors()?;
        for (name, tensor) in &wanted {
            stored.check(name, tensor).map_err(unusable)?;
        }
        let mut weights = None;
        if self.has_weight_files() {
            let stored = Checkpoint::open(folder)?;
            for parameter in self.model.parameters() {
                check_shape(&stored, &parameter.name, &parameter.tensor).map_err(unusable)?;
            }
            weights = Some(stored);
        }
        let slots = &self.optimizer.slots;
        if slots.iter().any(|s| !state.updates.contains_key(&s.name)) {
            return Err(unusable("other parameters were trained in it".to_owned()));
        }
        let generator = from_hex(&state.generator)
            .ok_or_else(|| unusable("its generator state is not hexadecimal".to_owned()))?;

        let _guard = torch::no_grad_guard();
        torch::set_rng_state(&Tensor::from_slice(&generator))?;
        if let Some(mut weights) = weights {
            for parameter in self.model.parameters() {
                let tensor = parameter.tensor.f_detach()?;
                copy(&mut weights, &parameter.name, tensor)?;
            }
        }
        self.optimizer.take_over()?;
        for (name, tensor) in wanted {
            stored.copy(&name, &tensor)?;
        }
        for slot in &mut self.optimizer.slots {
            slot.set_updates(state.updates[&slot.name])?;
        }
        self.optimizer.write_back()?;
        self.optimizer.clear()?;
        self.done = state.step;
        self.dropped = state.dropped;
        self.spikes = state.spikes;
        self.feed.clear();
        Ok(())
    }

    /// A model without a configuration cannot be saved as a folder; its trained weights go beside the moments. So do an
    /// adapter's, whose base is not written again.
    fn has_weight_files(&self) -> bool {
        !self.model.config_text().is_empty() && !model::adapter::has_adapter(self.model)
    }

    /// What `optimizer.safetensors` holds.
    fn tensors(&self) -> Result<Vec<(String, Tensor)>, Error> {
        let mut all = Vec::new();
        for slot in &self.optimizer.slots {
            let tensors = slot.tensors(self.has_weight_files())?.into_iter();
            all.extend(tensors.map(|(kind, tensor)| (format!("{kind}.{}", slot.name), tensor)));
        }
        Ok(all)
    }

    fn choices(&self) -> Choices {
        self.config.choices()
    }
}

fn read_state(folder: &Path) -> Result<State, String> {
    let text = fs::read_to_string(folder.join(STATE))
        .map_err(|e| format!("`{STATE}` cannot be read ({e})"))?;
    let sealed: Sealed =
        serde_json::from_str(&text).map_err(|e| format!("`{STATE}` does not parse ({e})"))?;
    if sealed.state.digest() != sealed.sha256 {
        return Err(damaged(STATE));
    }
    if !(OLDEST..=VERSION).contains(&sealed.state.version) {
        return Err(format!(
            "it has version {}, this program knows {OLDEST} to {VERSION}",
            sealed.state.version
        ));
    }
    Ok(sealed.state)
}

fn damaged(name: &str) -> String {
    format!("`{name}` does not have its checksum; it is damaged, so go on from an earlier one")
}

fn check_shape(stored: &Checkpoint, name: &str, tensor: &Tensor) -> Result<(), String> {
    match stored.shape(name) {
        Some(shape) if shape == tensor.size() => Ok(()),
        Some(shape) => Err(format!(
            "`{name}` has shape {shape:?}, the model needs {:?}",
            tensor.size()
        )),
        None => Err(format!("it has no `{name}`; was it made of another model?")),
    }
}

fn copy(stored: &mut Checkpoint, name: &str, mut tensor: Tensor) -> Result<(), Error> {
    let values = stored.read(name, Device::Cpu, tensor.kind())?;
    Ok(tensor.f_copy_(&values)?)
}

/// `folder` with something appended to its name.
fn beside(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(writing(folder))?;
    }
    Ok(())
}

fn sync(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(writing(path))
}

fn writing(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action: "write",
        path: path.clone(),
        source,
    }
}

fn reading(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action: "read",
        path: path.clone(),
        source,
    }
}
