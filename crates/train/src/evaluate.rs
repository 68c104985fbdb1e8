//! The loss of samples without training: perplexity.

use model::Mllm;
use processor::Encoded;
use torch::{Kind, Tensor};

use crate::{Error, loss, pack};

/// Summed loss in nats and number of learned tokens of one sample.
pub fn token_loss(model: &dyn Mllm, sample: &Encoded) -> Result<(f64, usize), Error> {
    let all = losses(model, std::slice::from_ref(sample), usize::MAX)?;
    Ok(all.into_iter().next().unwrap_or_default())
}

/// Summed loss in nats and number of learned tokens of each sample.
pub fn losses(
    model: &dyn Mllm,
    samples: &[Encoded],
    micro_tokens: usize,
) -> Result<Vec<(f64, usize)>, Error> {
    let _guard = torch::no_grad_guard();
    let mut out = Vec::with_capacity(samples.len());
    for packed in pack(samples, micro_tokens) {
        let rows = Tensor::f_from_slice(&packed.rows)?.f_to_device(model.device())?;
        let targets = Tensor::f_from_slice(&packed.targets)?.f_to_device(model.device())?;
        let per_row: Vec<f64> = if packed.rows.is_empty() {
            Vec::new()
        } else {
            let hidden_nd = model
                .hidden(&packed.batch, None)?
                .f_index_select(0, &rows)?;
            let values = loss::row_losses(&hidden_nd, model.head(), &targets)?;
            Vec::<f64>::try_from(
                values
                    .f_to_kind(Kind::Double)?
                    .f_to_device(torch::Device::Cpu)?,
            )?
        };
        let mut at = 0;
        for &count in &packed.learned {
            out.push((per_row[at..at + count].iter().sum(), count));
            at += count;
        }
    }
    Ok(out)
}
