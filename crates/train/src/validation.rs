//! The loss of samples that are not trained on, under the weights as they are.
//!
//! They are packed as a step's are, in their order and a batch at a time, so that the loss is a function of weights and
//! samples. No gradient is kept and no random number is drawn.

use std::sync::atomic::{AtomicBool, Ordering};

use torch::Tensor;

use crate::feed::{self, Feed, prepared};
use crate::{Config, Error, Plan, SampleSource, Trainer, loss, pack};

/// The loss of samples that are not trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    /// Nats per learned token of all of them.
    pub loss: f64,
    /// Learned tokens.
    pub tokens: usize,
}

impl Trainer<'_> {
    /// The loss of a source's samples; those that do not fit are passed over as in training. Ends with
    /// [`Error::Stopped`] after the microbatch in which `stop` was set, and with [`Error::NothingToValidate`] where no
    /// token carries loss.
    pub fn validate(
        &self,
        source: &dyn SampleSource,
        stop: &AtomicBool,
    ) -> Result<Validation, Error> {
        let _guard = torch::no_grad_guard();
        let config = Config {
            epochs: 1.0,
            max_steps: None,
            shuffle: false,
            ..self.config.clone()
        };
        let plan = Plan::new((0..source.len()).map(|i| source.id(i)), &config);
        let prepare = |index| prepared(source, &config, index);
        let stopped = || Error::Stopped {
            step: self.done + 1,
        };
        let mut feed = Feed::of_machine();
        let (mut sum, mut tokens) = (0.0, 0);
        for batch in 0..plan.total_steps() {
            feed.ask(&plan, batch);
            let (computed, _) = feed.during(&prepare, || -> Result<(), Error> {
                let Some((taken, _)) = feed.take(&prepare, stop)? else {
                    return Err(stopped());
                };
                let samples: Vec<_> = taken.into_iter().flatten().collect();
                let packed = pack(&samples, config.micro_tokens, |image| {
                    self.model.patches(image).computed
                });
                drop(samples);
                for packed in packed {
                    if stop.load(Ordering::Relaxed) {
                        return Err(stopped());
                    }
                    let device = self.model.device();
                    let rows = Tensor::f_from_slice(&packed.rows)?.f_to_device(device)?;
                    let targets = Tensor::f_from_slice(&packed.targets)?.f_to_device(device)?;
                    let hidden_nd = self
                        .model
                        .hidden(&packed.batch, None)?
                        .f_index_select(0, &rows)?;
                    feed.computed(feed::bytes(&packed.batch.images));
                    sum += loss::of(&hidden_nd, &self.model.head().f_detach()?, &targets)?;
                    tokens += packed.rows.len();
                }
                Ok(())
            });
            computed?;
        }
        if tokens == 0 {
            return Err(Error::NothingToValidate);
        }
        Ok(Validation {
            loss: sum / tokens as f64,
            tokens,
        })
    }
}
