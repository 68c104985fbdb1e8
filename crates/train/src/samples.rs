//! Samples as they lie in a file, encoded when their step comes.

use corpus::Sample;
use processor::{Encoded, Processor};

use crate::SampleSource;

/// Samples with the processor of the model that they train.
#[derive(Clone, Copy)]
pub struct Samples<'a> {
    samples: &'a [Sample],
    processor: &'a dyn Processor,
}

impl<'a> Samples<'a> {
    /// Nothing is read yet: a picture is when its step comes.
    pub fn new(samples: &'a [Sample], processor: &'a dyn Processor) -> Self {
        Self { samples, processor }
    }
}

impl SampleSource for Samples<'_> {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.samples[index].id
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        self.processor
            .sample(&self.samples[index])
            .map_err(|e| e.to_string())
    }
}
