//! One group: packed prefill, then one token a step for every request that has not ended.
//!
//! Shapes: b requests, d model width, v vocabulary.

use corpus::seed::{Rng, hash};
use corpus::{Completion, Decoding, FinishReason, Request};
use model::{Batch, Cache, Mllm};
use processor::{Encoded, Processor};
use torch::Tensor;

use crate::draw::{self, logits};
use crate::error::Error;
use crate::stop;

/// What all groups of a run share.
pub(crate) struct Settings<'a> {
    pub model: &'a dyn Mllm,
    pub processor: &'a dyn Processor,
    pub seed: u64,
    pub prefill_tokens: usize,
}

/// A request that can be run.
pub(crate) struct Job<'a> {
    /// Its place in the group.
    pub index: usize,
    pub request: &'a Request,
    pub encoded: &'a Encoded,
    /// The most tokens that it may get.
    pub limit: usize,
}

impl Job<'_> {
    /// Tokens of prompt and answer.
    pub fn capacity(&self) -> usize {
        self.encoded.ids.len() + self.limit
    }
}

/// A request that is being written.
struct Row<'a> {
    job: Job<'a>,
    rng: Rng,
    ids: Vec<i64>,
    logprobs: Vec<f64>,
    end: Option<End>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    StopToken,
    StopString,
    Length,
    Failed(String),
}

/// Completes jobs together; gives each completion with its place in the group.
pub(crate) fn complete(
    settings: &Settings,
    jobs: Vec<Job>,
) -> Result<Vec<(usize, Completion)>, Error> {
    let _guard = torch::no_grad_guard();
    let mut rows: Vec<Row> = jobs.into_iter().map(|job| row(settings, job)).collect();
    let mut live = waiting(&rows);
    if !live.is_empty() {
        let (mut cache, hidden_bd) = match prefill(settings, &rows, &live) {
            Ok(started) => started,
            // One bad request must not take the others with it.
            Err(error) if isolate(settings, &mut rows, &live) => {
                live = waiting(&rows);
                if live.is_empty() {
                    return Ok(finished(settings, rows));
                }
                drop(error);
                prefill(settings, &rows, &live)?
            }
            Err(error) => return Err(error),
        };
        let mut logits_bv = logits(settings.model, settings.processor, &hidden_bd)?;
        loop {
            choose(settings, &mut rows, &live, &logits_bv)?;
            let kept: Vec<i64> = (0..live.len())
                .filter(|&i| rows[live[i]].end.is_none())
                .map(|i| i as i64)
                .collect();
            if kept.is_empty() {
                break;
            }
            if kept.len() < live.len() {
                cache.keep(&kept);
                live = waiting(&rows);
            }
            let mut batch = Batch::default();
            for (&r, &length) in live.iter().zip(&cache.lengths) {
                let last = rows[r].ids.len() - 1;
                batch.push(&rows[r].ids[last..], length, &[]);
            }
            let hidden_bd = settings.model.hidden(&batch, Some(&mut cache))?;
            logits_bv = logits(settings.model, settings.processor, &hidden_bd)?;
        }
    }
    Ok(finished(settings, rows))
}

fn row<'a>(settings: &Settings, job: Job<'a>) -> Row<'a> {
    let request = job.request;
    let seed = request.decoding.seed;
    Row {
        rng: Rng::new(seed.unwrap_or_else(|| hash(settings.seed, &request.id))),
        ids: Vec::new(),
        logprobs: Vec::new(),
        end: (job.limit == 0).then_some(End::Length),
        job,
    }
}

/// Rows that go on.
fn waiting(rows: &[Row]) -> Vec<usize> {
    (0..rows.len()).filter(|&r| rows[r].end.is_none()).collect()
}

/// Fills a cache with the prompts; gives it with the hidden state of each prompt's last token `[b, d]`.
fn prefill(settings: &Settings, rows: &[Row], live: &[usize]) -> Result<(Cache, Tensor), Error> {
    let capacity = live.iter().map(|&r| rows[r].job.capacity()).max();
    let capacity = capacity.unwrap_or_default();
    let (mut caches, mut last_hidden) = (Vec::new(), Vec::new());
    let mut left = live;
    while !left.is_empty() {
        let mut batch = Batch::default();
        let mut count = 0;
        while let Some(&r) = left.get(count) {
            let encoded = rows[r].job.encoded;
            if count > 0 && batch.ids.len() + encoded.ids.len() > settings.prefill_tokens {
                break;
            }
            batch.push(&encoded.ids, 0, &encoded.images);
            count += 1;
        }
        left = &left[count..];
        let mut cache = settings.model.new_cache(count, capacity);
        let hidden = settings.model.hidden(&batch, Some(&mut cache))?;
        let ends: Vec<i64> = batch.starts[1..].iter().map(|&s| s as i64 - 1).collect();
        let ends = Tensor::f_from_slice(&ends)?.f_to_device(hidden.device())?;
        last_hidden.push(hidden.f_index_select(0, &ends)?);
        caches.push(cache);
    }
    let cache = Cache::join(caches)?.unwrap_or_else(|| settings.model.new_cache(0, capacity));
    Ok((cache, Tensor::f_cat(&last_hidden, 0)?))
}

/// Runs each prompt alone and ends those that fail; whether there was one.
fn isolate(settings: &Settings, rows: &mut [Row], live: &[usize]) -> bool {
    let mut found = false;
    for &r in live {
        let encoded = rows[r].job.encoded;
        let mut batch = Batch::default();
        batch.push(&encoded.ids, 0, &encoded.images);
        if let Err(error) = settings.model.hidden(&batch, None) {
            rows[r].end = Some(End::Failed(error.to_string()));
            found = true;
        }
    }
    found
}

/// Gives each live row its next token and ends those that are done.
fn choose(
    settings: &Settings,
    rows: &mut [Row],
    live: &[usize],
    logits_bv: &Tensor,
) -> Result<(), Error> {
    let cpu = torch::Device::Cpu;
    let (highest, best) = logits_bv.f_max_dim(1, false)?;
    let highest = Vec::<f32>::try_from(highest.f_to_device(cpu)?)?;
    let best = Vec::<i64>::try_from(best.f_to_device(cpu)?)?;
    let reads = |decoding: &Decoding| decoding.temperature > 0.0 || decoding.logprobs;
    let read: Vec<i64> = (0..live.len())
        .filter(|&i| reads(&rows[live[i]].job.request.decoding))
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
    for (i, &r) in live.iter().enumerate() {
        let row = &mut rows[r];
        let decoding = &row.job.request.decoding;
        let own = if reads(decoding) { values.next() } else { None };
        if !highest[i].is_finite() {
            let problem = "the model's logits are not finite; check its weights".to_owned();
            row.end = Some(End::Failed(problem));
            continue;
        }
        let token = match own {
            Some(own) if decoding.temperature > 0.0 => draw::draw(own, decoding, &mut row.rng),
            _ => best[i],
        };
        if let Some(own) = own.filter(|_| decoding.logprobs) {
            row.logprobs.push(draw::log_probability(own, token));
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

fn finished(settings: &Settings, rows: Vec<Row>) -> Vec<(usize, Completion)> {
    rows.into_iter()
        .map(|row| (row.job.index, completion(settings, row)))
        .collect()
}

fn completion(settings: &Settings, row: Row) -> Completion {
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
    }
}
