//! A layer that a backward may run again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use torch::Tensor;

use crate::error::Error;

/// A layer that the graph of a training may hold as well as its model.
///
/// A tensor may go to another thread, but two must not use it at once, and a backward runs on threads of its own; hence the
/// lock, for which nobody ever waits.
#[derive(Debug)]
pub struct Shared<L>(Arc<Mutex<L>>);

impl<L> Shared<L> {
    /// For one layer.
    pub fn new(layer: L) -> Self {
        Self(Arc::new(Mutex::new(layer)))
    }

    /// The layer, for this thread alone.
    pub fn get(&self) -> MutexGuard<'_, L> {
        // A forward changes nothing of a layer, so one that panicked has broken nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Send + 'static> Shared<L> {
    /// `forward` of the layer and these inputs, of which only the inputs are kept for the backward. It must not use this
    /// layer but by its argument.
    pub fn again<F>(&self, inputs: &[&Tensor], forward: F) -> Result<Tensor, Error>
    where
        F: Fn(&L, &[Tensor]) -> Result<Tensor, Error> + Send + 'static,
    {
        let own = Self(Arc::clone(&self.0));
        torch::recompute(inputs, move |inputs| forward(&own.get(), inputs))
    }
}
