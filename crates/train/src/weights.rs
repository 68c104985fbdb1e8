//! The trained weights of one step, to be taken back at the end: no moments, no cursor.

use std::path::Path;

use model::checkpoint::Checkpoint;
use torch::{Device, Tensor};

use crate::{Error, Trainer, state_file};

impl Trainer<'_> {
    /// Writes the trained parameters as they are into a file, and syncs it; gives the SHA-256 of what was meant to be
    /// written. Frozen ones are not in it.
    pub fn save_weights(&self, file: &Path) -> Result<String, Error> {
        let slots = self.optimizer.slots.iter();
        let tensors: Vec<(String, Tensor)> = slots
            .map(|slot| (slot.name.clone(), slot.weight().shallow_clone()))
            .collect();
        state_file::write(file, &tensors)
    }

    /// Ends the training with the weights of a file of [`Trainer::save_weights`] in the model. The optimizer's state would
    /// not be theirs, so there is no going on.
    ///
    /// Gives [`Error::Checkpoint`] where the file has other parameters.
    pub fn end_with_weights(self, file: &Path) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        let unusable = |problem: String| Error::Checkpoint {
            path: file.to_owned(),
            problem,
        };
        let mut stored = Checkpoint::open_file(file)?;
        for slot in &self.optimizer.slots {
            if stored.shape(&slot.name) != Some(slot.weight().size()) {
                return Err(unusable(format!("it has no `{}` of this model", slot.name)));
            }
        }
        for slot in &self.optimizer.slots {
            let values = stored.read(&slot.name, Device::Cpu, slot.weight().kind())?;
            slot.weight().f_detach()?.f_copy_(&values)?;
        }
        Ok(())
    }
}
