//! One answer: its next token, its end, and what is given of it.
//!
//! Shapes: b requests, v vocabulary.

use corpus::seed::{Rng, hash};
use corpus::{Completion, Decoding, FinishReason, LikelyToken, Request};
use model::Mllm;
use processor::{Encoded, Processor};
use torch::{Tensor, decoding, fused};

use crate::draw;
use crate::error::Error;
use crate::options::Options;
use crate::stop;

/// What all blocks of a run share.
pub(crate) struct Settings<'a> {
    pub model: &'a dyn Mllm,
    pub processor: &'a dyn Processor,
    pub options: &'a Options,
}

/// A request that can be run.
pub(crate) struct Job {
    pub request: Request,
    pub encoded: Encoded,
    /// The most tokens that it may get.
    pub limit: usize,
}

impl Job {
    /// Tokens of prompt and answer.
    pub fn need(&self) -> usize {
        self.encoded.ids.len() + self.limit
    }
}

/// A request that is being written.
pub(crate) struct Row {
    pub job: Job,
    pub rng: Rng,
    pub ids: Vec<i64>,
    pub logprobs: Vec<f64>,
    pub top_logprobs: Vec<Vec<LikelyToken>>,
    pub end: Option<End>,
}

/// Why a request is no longer written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    StopToken,
    StopString,
    Length,
    Failed(String),
}

impl Row {
    /// One without a token.
    pub fn new(settings: &Settings, job: Job) -> Self {
        let request = &job.request;
        let seed = request.decoding.seed;
        Self {
            rng: Rng::new(seed.unwrap_or_else(|| hash(settings.options.seed, &request.id))),
            ids: Vec::new(),
            logprobs: Vec::new(),
            top_logprobs: Vec::new(),
            end: (job.limit == 0).then_some(End::Length),
            job,
        }
    }
}

/// Gives each row its next token and ends those that are done.
pub(crate) fn choose(
    settings: &Settings,
    rows: &mut [&mut Row],
    logits_bv: &Tensor,
) -> Result<(), Error> {
    let cpu = torch::Device::Cpu;
    let (highest, best) = if fused::is_fused(logits_bv) {
        decoding::largest(logits_bv)?
    } else {
        logits_bv.f_max_dim(1, false)?
    };
    let highest = Vec::<f32>::try_from(highest.f_to_device(cpu)?)?;
    let best = Vec::<i64>::try_from(best.f_to_device(cpu)?)?;
    let reads = |d: &Decoding| draw::decides(d) || d.logprobs || d.top_logprobs > 0;
    let read: Vec<i64> = (0..rows.len())
        .filter(|&i| reads(&rows[i].job.request.decoding))
        .map(|i| i as i64)
        .collect();
    let width = logits_bv.size()[1] as usize;
    let values = if read.is_empty() {
        Vec::new()
    } else {
        let index = Tensor::f_from_slice(&read)?.f_to_device(logits_bv.device())?;
        let chosen = logits_bv.f_index_select(0, &index)?.f_to_device(cpu)?;
        Vec::<f32>::try_from(chosen.f_reshape([-1])?)?
    };
    let mut values = values.chunks_exact(width.max(1));
    for (i, row) in rows.iter_mut().enumerate() {
        let decoding = &row.job.request.decoding;
        let own = if reads(decoding) { values.next() } else { None };
        if !highest[i].is_finite() {
            let problem = "the model's logits are not finite; check its weights".to_owned();
            row.end = Some(End::Failed(problem));
            continue;
        }
        let token = match own {
            Some(own) if draw::decides(decoding) => {
                let before = row.job.encoded.ids.iter().chain(&row.ids);
                draw::next(own, decoding, before, &mut row.rng)
            }
            _ => best[i],
        };
        if let Some(own) = own.filter(|_| decoding.logprobs) {
            row.logprobs.push(draw::log_probability(own, token));
        }
        if let Some(own) = own.filter(|_| decoding.top_logprobs > 0) {
            let likely = draw::likeliest(own, decoding.top_logprobs).into_iter();
            let token = |id| settings.processor.decode(&[id], false);
            let likely = likely.map(|(id, logprob)| LikelyToken {
                id,
                token: token(id),
                logprob,
            });
            row.top_logprobs.push(likely.collect());
        }
        row.ids.push(token);
        row.end = end(settings, row);
    }
    Ok(())
}

fn end(settings: &Settings, row: &Row) -> Option<End> {
    let decoding = &row.job.request.decoding;
    let stop_ids = if decoding.stop_ids.is_empty() {
        settings.processor.stop_ids()
    } else {
        &decoding.stop_ids
    };
    let decode = |ids: &[i64]| settings.processor.decode(ids, decoding.skip_special_tokens);
    if row.ids.last().is_some_and(|id| stop_ids.contains(id)) {
        Some(End::StopToken)
    } else if stop::reached(&row.ids, &decoding.stop, decode) {
        Some(End::StopString)
    } else {
        (row.ids.len() >= row.job.limit).then_some(End::Length)
    }
}

/// What is given of a row that has ended.
pub(crate) fn completion(settings: &Settings, row: Row) -> Completion {
    let decoding = &row.job.request.decoding;
    let written = match row.end {
        Some(End::StopToken) => &row.ids[..row.ids.len() - 1],
        _ => &row.ids[..],
    };
    let mut text = settings
        .processor
        .decode(written, decoding.skip_special_tokens);
    if let Some(cut) = stop::find(&text, &decoding.stop) {
        text.truncate(cut);
    }
    let (finish_reason, error) = match row.end {
        Some(End::StopToken | End::StopString) => (FinishReason::Stop, None),
        Some(End::Length) | None => (FinishReason::Length, None),
        Some(End::Failed(problem)) => (FinishReason::Error, Some(problem)),
    };
    Completion {
        id: row.job.request.id.clone(),
        text,
        finish_reason,
        prompt_tokens: row.job.encoded.ids.len(),
        completion_tokens: row.ids.len(),
        error,
        logprobs: decoding.logprobs.then_some(row.logprobs),
        top_logprobs: (decoding.top_logprobs > 0).then_some(row.top_logprobs),
    }
}
