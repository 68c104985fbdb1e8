//! A model that counts what is asked of it.

use std::cell::Cell;

use model::{Batch, Cache, Error, Mllm, Parameter, Picture, Pool};
use processor::ImageInput;
use torch::{Device, Kind, Tensor};

/// Gives everything on to another model.
pub struct Counting<'a> {
    model: &'a dyn Mllm,
    /// Forwards.
    pub forwards: Cell<usize>,
    /// Tokens of all forwards.
    pub tokens: Cell<usize>,
    /// Pictures that were encoded.
    pub pictures: Cell<usize>,
    /// Tokens of all caches.
    pub room: Cell<usize>,
}

impl<'a> Counting<'a> {
    pub fn new(model: &'a dyn Mllm) -> Self {
        Self {
            model,
            forwards: Cell::new(0),
            tokens: Cell::new(0),
            pictures: Cell::new(0),
            room: Cell::new(0),
        }
    }
}

fn add(to: &Cell<usize>, number: usize) {
    to.set(to.get() + number);
}

impl Mllm for Counting<'_> {
    fn hidden(&self, batch: &Batch, cache: Option<&mut Cache>) -> Result<Tensor, Error> {
        add(&self.forwards, 1);
        add(&self.tokens, batch.ids.len());
        assert_eq!(batch.images.len(), batch.pictures.len());
        self.model.hidden(batch, cache)
    }

    fn image_features(&self, images: &[ImageInput]) -> Result<Tensor, Error> {
        self.model.image_features(images)
    }

    fn pictures(&self, images: &[ImageInput]) -> Result<Vec<Picture>, Error> {
        let found = self.model.pictures(images)?;
        add(&self.pictures, found.len());
        Ok(found)
    }

    fn head(&self) -> &Tensor {
        self.model.head()
    }

    fn parameters(&self) -> &[Parameter] {
        self.model.parameters()
    }

    fn new_pool(&self, slots: usize, capacity: usize) -> Pool {
        add(&self.room, slots * capacity);
        self.model.new_pool(slots, capacity)
    }

    fn sees_ahead(&self) -> bool {
        self.model.sees_ahead()
    }

    fn max_positions(&self) -> usize {
        self.model.max_positions()
    }

    fn device(&self) -> Device {
        self.model.device()
    }

    fn kind(&self) -> Kind {
        self.model.kind()
    }
}
