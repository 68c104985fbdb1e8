//! Cross-entropy on the learned rows only, in chunks, with the gradient made in the forward.
//!
//! Shapes: n learned rows, d model width, v vocabulary. The `[n, v]` logits exist one chunk at a time.

use torch::{Kind, Tensor, fused, products};

use crate::Error;

/// Logits of one chunk may take so many bytes.
const CHUNK_BYTES: usize = 64 << 20;

/// In what sums of numbers of this kind are made: f32, and f64 for f64.
pub(crate) fn summed_in(kind: Kind) -> Kind {
    match kind {
        Kind::Double => Kind::Double,
        _ => Kind::Float,
    }
}

fn chunk_rows(vocabulary: usize) -> usize {
    (CHUNK_BYTES / (4 * vocabulary.max(1))).max(1)
}

/// The summed loss in nats, and the gradients of (that sum × `scale`) with respect to the hidden rows and, if asked
/// for, the head; the latter is added into `head_gradient` (`[v, d]`, f32 or f64).
pub(crate) fn backward(
    hidden_nd: &Tensor,
    head_vd: &Tensor,
    targets: &Tensor,
    scale: f64,
    mut head_gradient: Option<&mut Tensor>,
) -> Result<(f64, Tensor), Error> {
    let _guard = torch::no_grad_guard();
    let mut sum = 0.0;
    let gradient_nd = hidden_nd.f_zeros_like()?;
    for (start, length) in chunks(hidden_nd, head_vd) {
        let rows = hidden_nd.f_narrow(0, start, length)?;
        let target = targets.f_narrow(0, start, length)?;
        let (losses, logits) = of_chunk(&rows, head_vd, &target)?;
        sum += losses;
        let errors = logits.f_to_kind(head_vd.kind())?;
        drop(logits);
        if let Some(gradient) = head_gradient.as_deref_mut() {
            products::add_transposed_times(gradient, &errors, &rows.f_mul_scalar(scale)?)?;
        }
        let mut narrowed = products::times_weight(&errors, head_vd)?;
        gradient_nd
            .f_narrow(0, start, length)?
            .f_copy_(&narrowed.f_mul_scalar_(scale)?)?;
    }
    Ok((sum, gradient_nd))
}

/// The summed loss in nats alone, as [`backward`] computes it.
pub(crate) fn of(hidden_nd: &Tensor, head_vd: &Tensor, targets: &Tensor) -> Result<f64, Error> {
    let _guard = torch::no_grad_guard();
    let mut sum = 0.0;
    for (start, length) in chunks(hidden_nd, head_vd) {
        let rows = hidden_nd.f_narrow(0, start, length)?;
        let target = targets.f_narrow(0, start, length)?;
        sum += of_chunk(&rows, head_vd, &target)?.0;
    }
    Ok(sum)
}

/// The summed loss of a chunk, and its softmax minus the one-hot target.
fn of_chunk(rows: &Tensor, head_vd: &Tensor, target: &Tensor) -> Result<(f64, Tensor), Error> {
    let mut logits = torch::linear(rows, head_vd, None)?;
    let losses = if fused::is_fused(&logits) {
        fused::cross_entropy(&mut logits, target)?
    } else {
        logits = logits.f_to_kind(summed_in(logits.kind()))?;
        composed(&mut logits, target)?
    };
    let sum = losses.f_sum(Kind::Double)?.f_double_value(&[])?;
    Ok((sum, logits))
}

/// Losses of the rows; the logits become softmax minus the one-hot target.
fn composed(logits_nv: &mut Tensor, targets: &Tensor) -> Result<Tensor, Error> {
    let target = targets.f_unsqueeze(1)?;
    let normaliser = logits_nv.f_logsumexp([1], true)?;
    let losses = normaliser.f_sub(&logits_nv.f_gather(1, &target, false)?)?;
    let _ = logits_nv.f_sub_(&normaliser)?;
    let _ = logits_nv.f_exp_()?;
    let ones = Tensor::f_full(target.size(), -1.0, (logits_nv.kind(), logits_nv.device()))?;
    let _ = logits_nv.f_scatter_add_(1, &target, &ones)?;
    Ok(losses)
}

fn chunks(hidden_nd: &Tensor, head_vd: &Tensor) -> Vec<(i64, i64)> {
    let (rows, step) = (
        hidden_nd.size()[0],
        chunk_rows(head_vd.size()[0] as usize) as i64,
    );
    (0..rows)
        .step_by(step as usize)
        .map(|start| (start, step.min(rows - start)))
        .collect()
}
