//! Forward and backward of a step's samples.

use std::sync::atomic::{AtomicBool, Ordering};

use model::adapter::{self, Draw};
use model::{Mllm, Patches};
use processor::Encoded;
use torch::Tensor;

use crate::feed::{self, Feed};
use crate::loss::summed_in;
use crate::optimizer::Optimizer;
use crate::ranks::Team;
use crate::{Config, Error, loss, pack};

/// What microbatches add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    /// Nats.
    pub loss: f64,
    pub patches: Patches,
}

impl Sums {
    /// Of what language model and tower compute, the share that is padding.
    pub fn padding(&self, tokens: usize) -> f64 {
        let Patches { computed, shown } = self.patches;
        computed.saturating_sub(shown) as f64 / (tokens + computed).max(1) as f64
    }
}

/// How a step's samples are computed.
pub(crate) struct Microbatches<'a> {
    pub model: &'a dyn Mllm,
    pub config: &'a Config,
    /// Learned tokens of the whole batch, by which each one's loss is divided.
    pub learned: usize,
    /// Of the first microbatch.
    pub draw: Draw,
    pub stop: &'a AtomicBool,
    pub feed: &'a Feed,
}

impl Microbatches<'_> {
    /// Computes all of them; nothing when it was stopped on the way. Pictures are given up as soon as their microbatch is
    /// computed.
    pub fn compute(
        &self,
        samples: Vec<Encoded>,
        optimizer: &mut Optimizer,
    ) -> Result<Option<Sums>, Error> {
        optimizer.clear()?;
        let (model, mut draw) = (self.model, self.draw);
        let mut sums = Sums::default();
        if samples.is_empty() {
            return Ok(Some(sums));
        }
        let head = model.head().f_detach()?;
        let mut head_gradient = if optimizer.trains(model.head()) {
            let options = (summed_in(head.kind()), head.device());
            Some(Tensor::f_zeros(head.size(), options)?)
        } else {
            None
        };
        let microbatches = pack(&samples, self.config.micro_tokens, |image| {
            model.patches(image).computed
        });
        drop(samples);
        for mut packed in microbatches {
            packed.batch.recompute = self.config.recompute;
            if self.stop.load(Ordering::Relaxed) {
                optimizer.clear()?;
                return Ok(None);
            }
            // Until the backward is done, which may compute parts of the forward again.
            let _dropping = adapter::dropping(model, draw);
            draw.microbatch += 1;
            let rows = Tensor::f_from_slice(&packed.rows)?.f_to_device(model.device())?;
            let targets = Tensor::f_from_slice(&packed.targets)?.f_to_device(model.device())?;
            let hidden_nd = model
                .hidden(&packed.batch, None)?
                .f_index_select(0, &rows)?;
            for image in &packed.batch.images {
                let Patches { computed, shown } = model.patches(image);
                sums.patches.computed += computed;
                sums.patches.shown += shown;
            }
            // The forward has made tensors of them.
            self.feed.computed(feed::bytes(&packed.batch.images));
            drop(packed);
            // The divisor is known before the first backward, so that each row's gradient has its final weight at once.
            let (part, gradient_nd) = loss::backward(
                &hidden_nd.f_detach()?,
                &head,
                &targets,
                1.0 / self.learned as f64,
                head_gradient.as_mut(),
            )?;
            sums.loss += part;
            if hidden_nd.requires_grad() {
                torch::backward_with(&hidden_nd, &gradient_nd)?;
            }
            optimizer.collect()?;
        }
        if let Some(gradient) = head_gradient {
            optimizer.add(model.head(), &gradient)?;
        }
        optimizer.collect_leaves()?;
        Ok(Some(sums))
    }
}

/// The sums of all processes, and in how many each trained parameter has a gradient; nothing where one was stopped.
pub(crate) fn added_up(
    team: &Team<'_>,
    own: Result<Option<Sums>, Error>,
    optimizer: &Optimizer,
) -> Result<Option<(Sums, Vec<f64>)>, Error> {
    let mut numbers = match &own {
        Ok(Some(sums)) => {
            let Patches { computed, shown } = sums.patches;
            let mut numbers = vec![0.0, sums.loss, computed as f64, shown as f64];
            numbers.extend(optimizer.gradient_flags());
            numbers
        }
        Ok(None) => vec![1.0],
        Err(_) => vec![0.0],
    };
    numbers.resize(4 + optimizer.slots.len(), 0.0);
    let computed = team.sum_unless(own, &mut numbers)?;
    let flags = numbers.split_off(4);
    let sums = Sums {
        loss: numbers[1],
        patches: Patches {
            computed: numbers[2] as usize,
            shown: numbers[3] as usize,
        },
    };
    let is_stopped = computed.is_none() || numbers[0] > 0.0;
    Ok((!is_stopped).then_some((sums, flags)))
}
