//! Checkpoints that resume exactly.
//!
//! A checkpoint folder holds the weights and `config.json` as a Hugging Face folder, `optimizer.safetensors` with the
//! moments as they are kept (and the f32 master weights where the model computes in less and has any, or A and B of an adapter
//! instead of all weights), and `state.json` with cursor, plan, generator, what was chosen of the optimizer, and the checksum of
//! every file. The cursor's unit is the optimizer step: which samples come next follows
//! from it.
//!
//! Several processes write a file of the optimizer's state each, `optimizer-00001-of-00004.safetensors`, and `state.json` says
//! which file has which elements of which parameter. So any number of processes goes on from what any number wrote. What was
//! written by one process is as it ever was.

mod disk;
mod format;
mod parts;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use model::checkpoint::Checkpoint;
use serde::{Deserialize, Serialize};
use torch::{Device, Tensor};

use self::disk::{beside, reading, remove, sync, writing};
use self::format::{OF_ONE, OF_SEVERAL, OPTIMIZER, Part, STATE, State, damaged, read_state};
use self::parts::{Filling, ToWrite, to_write};
use crate::choices::Choices;
use crate::state_file::{self, from_hex, hex};
use crate::{Error, Trainer};

/// What the names of the optimizer's files begin with where several processes write one each.
const OTHERS: &str = "optimizer-";

/// What a process has written.
#[derive(Serialize, Deserialize)]
struct Written {
    /// SHA-256 of each of its files.
    files: BTreeMap<String, String>,
    part: Part,
}

/// A checkpoint that can be gone on from.
struct Found {
    state: State,
    /// The checksum of the state's text.
    seal: String,
    weights: Option<Checkpoint>,
    filling: Filling,
    generator: Vec<u8>,
}

impl Trainer<'_> {
    /// Writes `folder` (by convention `checkpoint-N`): beside its place, read back, then renamed. What was there before
    /// stays until the new one is complete.
    ///
    /// Of several processes, which must see one file system, each writes its part, and the first one renames the folder when all
    /// have read theirs back. Where one of them cannot write, all give an error.
    pub fn save_checkpoint(&self, folder: &Path) -> Result<(), Error> {
        let aside = beside(folder, "part");
        let saved = self.save_beside(folder, &aside);
        if saved.is_err() && self.team.rank() == 0 {
            // The first error is the one to tell; what is left of the attempt would only fill the disk.
            let _ = fs::remove_dir_all(&aside);
        }
        saved
    }

    fn save_beside(&self, folder: &Path, aside: &Path) -> Result<(), Error> {
        let is_first = self.team.rank() == 0;
        let begun = if is_first {
            remove(aside).and_then(|()| fs::create_dir_all(aside).map_err(writing(aside)))
        } else {
            Ok(())
        };
        self.team.agree(begun)?;
        let written = self.team.agree(self.write_own(aside))?;
        let all = self.team.gather_values(&written)?;
        let committed = if is_first {
            self.commit(folder, aside, all)
        } else {
            Ok(())
        };
        self.team.agree(committed)
    }

    /// Writes what this process has to write, and reads it back.
    fn write_own(&self, aside: &Path) -> Result<Written, Error> {
        let (rank, size) = (self.team.rank(), self.team.size());
        let unusable = |path: &Path, problem: &str| Error::Checkpoint {
            path: path.to_owned(),
            problem: problem.to_owned(),
        };
        if !aside.is_dir() {
            return Err(unusable(
                aside,
                "the folder that the process of rank 0 made is not there; processes that train together write to one file \
                 system, so put the run folder where all of them see it",
            ));
        }
        let mut files = BTreeMap::new();
        if rank == 0 && self.has_weight_files() {
            model::save(self.model, aside, None, self.model.kind())?;
            for entry in fs::read_dir(aside).map_err(reading(aside))? {
                let path = entry.map_err(reading(aside))?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if name.starts_with(OTHERS) {
                    continue;
                }
                let digest = corpus::digest::file(&path).map_err(reading(&path))?;
                files.insert(name.into_owned(), digest);
            }
        }
        let (file, piece) = if self.team.is_alone() {
            (OPTIMIZER.to_owned(), None)
        } else {
            let file = format!("{OTHERS}{:05}-of-{size:05}.safetensors", rank + 1);
            (file, Some(rank))
        };
        let path = aside.join(&file);
        let ToWrite { tensors, ranges } =
            to_write(&self.optimizer, self.has_weight_files(), piece)?;
        let meant = state_file::write(&path, &tensors)?;
        if corpus::digest::file(&path).map_err(reading(&path))? != meant {
            return Err(unusable(
                &path,
                "what was read back is not what was written; is the disk sound?",
            ));
        }
        files.insert(file.clone(), meant);
        let part = Part { file, ranges };
        Ok(Written { files, part })
    }

    /// Adds the state to what was written, and puts the folder in its place.
    fn commit(&self, folder: &Path, aside: &Path, written: Vec<Written>) -> Result<(), Error> {
        let generator = Vec::<u8>::try_from(torch::rng_state()?)?;
        let mut updates = BTreeMap::new();
        for slot in &self.optimizer.slots {
            updates.insert(slot.name.clone(), slot.updates());
        }
        let (mut files, mut parts) = (BTreeMap::new(), Vec::new());
        for written in written {
            files.extend(written.files);
            parts.push(written.part);
        }
        let is_alone = self.team.is_alone();
        let state = State {
            version: if is_alone { OF_ONE } else { OF_SEVERAL },
            step: self.done,
            plan: self.plan.digest().to_owned(),
            generator: hex(&generator),
            updates,
            dropped: self.dropped.clone(),
            choices: Some(self.choices()),
            spikes: self.spikes.clone(),
            parts: if is_alone { Vec::new() } else { parts },
            files,
        };
        let path = aside.join(STATE);
        let text = serde_json::to_string(&state.sealed()).unwrap_or_default();
        fs::write(&path, text).map_err(writing(&path))?;
        sync(&path)?;
        sync(aside)?;
        let old = beside(folder, "old");
        remove(&old)?;
        if folder.exists() {
            fs::rename(folder, &old).map_err(writing(folder))?;
        }
        fs::rename(aside, folder).map_err(writing(folder))?;
        if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
            sync(parent)?;
        }
        remove(&old)
    }

    /// Goes on from a checkpoint of the same plan and model, after checking every checksum; nothing is changed when it
    /// cannot be used. It may have been written by any number of processes, with any sharding.
    ///
    /// Several processes share the checking, and one that cannot use it ends the call in all.
    pub fn resume(&mut self, folder: &Path) -> Result<(), Error> {
        let found = self.team.agree(self.find(folder))?;
        let seals = self.team.gather(found.seal.as_bytes())?;
        if let Some(other) = seals.iter().position(|seal| *seal != seals[0]) {
            return Err(Error::Checkpoint {
                path: folder.to_owned(),
                problem: format!(
                    "the process of rank {other} finds another one there than that of rank 0; put the run folder where all \
                     processes see the same"
                ),
            });
        }
        let state = found.state;

        let _guard = torch::no_grad_guard();
        torch::set_rng_state(&Tensor::from_slice(&found.generator))?;
        if let Some(mut weights) = found.weights {
            for parameter in self.model.parameters() {
                let tensor = parameter.tensor.f_detach()?;
                copy(&mut weights, &parameter.name, tensor)?;
            }
        }
        self.optimizer.take_over()?;
        found.filling.fill()?;
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

    /// Looks for all that is needed, and checks this process's share of the files.
    fn find(&self, folder: &Path) -> Result<Found, Error> {
        let unusable = |problem: String| Error::Checkpoint {
            path: folder.to_owned(),
            problem,
        };
        let sealed = read_state(folder).map_err(unusable)?;
        let state = sealed.state;
        if let Some(problem) = self.choices().difference(state.choices.unwrap_or_default()) {
            return Err(unusable(problem));
        }
        if state.plan != self.plan.digest() {
            return Err(unusable(
                "it belongs to other settings or other data; train anew, or use those it was made with".to_owned(),
            ));
        }
        let own = state.files.iter().skip(self.team.rank());
        for (name, expected) in own.step_by(self.team.size()) {
            let path = folder.join(name);
            if corpus::digest::file(&path).map_err(reading(&path))? != *expected {
                return Err(unusable(damaged(name)));
            }
        }
        let has_weight_files = self.has_weight_files();
        let filling = Filling::found(folder, &state, &self.optimizer, has_weight_files);
        let filling = filling.map_err(unusable)?;
        let mut weights = None;
        if has_weight_files {
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
        Ok(Found {
            state,
            seal: sealed.sha256,
            weights,
            filling,
            generator,
        })
    }

    /// A model without a configuration cannot be saved as a folder; its trained weights go beside the moments. So do an
    /// adapter's, whose base is not written again.
    fn has_weight_files(&self) -> bool {
        !self.model.config_text().is_empty() && !model::adapter::has_adapter(self.model)
    }

    fn choices(&self) -> Choices {
        self.config.choices()
    }
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
