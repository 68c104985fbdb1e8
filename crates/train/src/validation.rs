//! The loss of samples that are not trained on, under the weights as they are.
//!
//! They are packed as a step's are, in their order and a batch at a time, so that the loss is a function of weights and
//! samples. No gradient is kept and no random number is drawn.

use std::sync::atomic::{AtomicBool, Ordering};

use torch::Tensor;

use crate::balance::Share;
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
    ///
    /// Several processes share the samples, so that all of them call it.
    pub fn validate(
        &self,
        source: &dyn SampleSource,
        stop: &AtomicBool,
    ) -> Result<Validation, Error> {
        let own = self.validate_own(source, stop);
        let mut numbers = match &own {
            Ok(Some((sum, tokens))) => [*sum, *tokens as f64, 0.0],
            Ok(None) => [0.0, 0.0, 1.0],
            Err(_) => [0.0; 3],
        };
        self.team.sum_unless(own, &mut numbers)?;
        let [sum, tokens, stopped] = numbers;
        if stopped > 0.0 {
            return Err(Error::Stopped {
                step: self.done + 1,
            });
        }
        if tokens < 1.0 {
            return Err(Error::NothingToValidate);
        }
        Ok(Validation {
            loss: sum / tokens,
            tokens: tokens as usize,
        })
    }

    /// Nats and learned tokens of this process's samples; nothing when it was stopped.
    fn validate_own(
        &self,
        source: &dyn SampleSource,
        stop: &AtomicBool,
    ) -> Result<Option<(f64, usize)>, Error> {
        let _guard = torch::no_grad_guard();
        let config = Config {
            epochs: 1.0,
            max_steps: None,
            shuffle: false,
            ..self.config.clone()
        };
        let plan = Plan::new((0..source.len()).map(|i| source.id(i)), &config);
        let prepare = |index| prepared(source, &config, index);
        let mut feed = Feed::of_machine();
        feed.share(Share::of(self.team.rank(), self.team.size(), Vec::new()));
        let (mut sum, mut tokens) = (0.0, 0);
        for batch in 0..plan.total_steps() {
            feed.ask(&plan, batch);
            let (computed, _) = feed.during(&prepare, || -> Result<Option<()>, Error> {
                let Some((taken, _)) = feed.take(&prepare, stop)? else {
                    return Ok(None);
                };
                let samples: Vec<_> = taken.into_iter().flatten().collect();
                let packed = pack(&samples, config.micro_tokens, |image| {
                    self.model.patches(image).computed
                });
                drop(samples);
                for packed in packed {
                    if stop.load(Ordering::Relaxed) {
                        return Ok(None);
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
                Ok(Some(()))
            });
            if computed?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some((sum, tokens)))
    }
}
