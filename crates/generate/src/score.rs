//! Log-likelihoods of given answers: what multiple choice ranks instead of reading a free text.
//!
//! Shapes: r scored rows, d model width, v vocabulary.

use corpus::{Open, Request, Role, Sample, Turn};
use model::{Batch, Mllm};
use processor::{Encoded, Processor};
use torch::{Kind, Tensor};

use crate::draw::logits;
use crate::error::Error;

/// The log-likelihood in nats of each answer after the request's prompt.
///
/// After turns, an answer is a whole turn: its end-of-turn token counts, so that "red" is not favoured over
/// "red brick" for being its beginning. After a raw prompt, the answer's own tokens count alone. The prompt is run once.
pub fn score(
    model: &dyn Mllm,
    processor: &dyn Processor,
    request: &Request,
    answers: &[String],
) -> Result<Vec<f64>, Error> {
    let problem = |problem: String| Error::Score {
        id: request.id.clone(),
        problem,
    };
    if answers.is_empty() {
        return Ok(Vec::new());
    }
    let encoded: Vec<Encoded> = answers
        .iter()
        .map(|answer| encode(processor, request, answer).map_err(&problem))
        .collect::<Result<_, _>>()?;
    for (answer, encoded) in answers.iter().zip(&encoded) {
        if !encoded.learn.iter().skip(1).any(|&l| l) {
            return Err(problem(format!("the answer `{answer}` has no tokens")));
        }
        let (found, limit) = (encoded.ids.len(), model.max_positions());
        if found > limit {
            return Err(problem(format!(
                "prompt and answer have {found} tokens, more than the model's context of {limit}"
            )));
        }
    }
    let _guard = torch::no_grad_guard();
    let shared = shared(&encoded, processor.image_token());
    let mut batch = Batch::default();
    for one in &encoded {
        let images = if shared == 0 { &one.images[..] } else { &[] };
        batch.push(&one.ids[shared..], shared, images);
    }
    let hidden = if shared == 0 {
        model.hidden(&batch, None)?
    } else {
        let longest = encoded.iter().map(|e| e.ids.len()).max();
        let mut cache = model.new_cache(1, longest.unwrap_or_default());
        let mut prompt = Batch::default();
        prompt.push(&encoded[0].ids[..shared], 0, &encoded[0].images);
        let _ = model.hidden(&prompt, Some(&mut cache))?;
        cache.keep(&vec![0; encoded.len()]);
        model.hidden(&batch, Some(&mut cache))?
    };
    let (mut rows, mut targets, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for (one, &start) in encoded.iter().zip(&batch.starts) {
        let scored = (shared + 1..one.ids.len()).filter(|&i| one.learn[i]);
        let before = rows.len();
        for i in scored {
            rows.push((start + i - shared - 1) as i64);
            targets.push(one.ids[i]);
        }
        counts.push(rows.len() - before);
    }
    let values = log_probabilities(model, processor, &hidden, &rows, &targets)?;
    let mut left = values.as_slice();
    Ok(counts
        .into_iter()
        .map(|count| {
            let (own, rest) = left.split_at(count);
            left = rest;
            own.iter().sum()
        })
        .collect())
}

/// Prompt and answer, with the answer marked as learned.
fn encode(processor: &dyn Processor, request: &Request, answer: &str) -> Result<Encoded, String> {
    if let Some(prompt) = &request.prompt {
        let before = processor.request(request).map_err(|e| e.to_string())?;
        let whole = Request {
            prompt: Some(format!("{prompt}{answer}")),
            ..request.clone()
        };
        let mut whole = processor.request(&whole).map_err(|e| e.to_string())?;
        // Prompt and answer can share a token; then it belongs to the answer.
        let same = before
            .ids
            .iter()
            .zip(&whole.ids)
            .take_while(|(a, b)| a == b);
        let start = same.count();
        whole.learn = (0..whole.ids.len()).map(|i| i >= start).collect();
        return Ok(whole);
    }
    let role = match request.open {
        Open::Assistant => Role::Assistant,
        Open::User => Role::User,
        Open::None => {
            return Err("`open` is `none`: no turn is open for an answer".to_owned());
        }
    };
    let mut turns: Vec<Turn> = request.turns.clone();
    for turn in &mut turns {
        turn.learn = false;
    }
    turns.push(Turn::new(role, answer).learned());
    let sample = Sample {
        id: request.id.clone(),
        images: request.images.clone(),
        turns,
        end: false,
        #[expect(
            clippy::default_trait_access,
            reason = "JSON's null, whose crate is not needed otherwise"
        )]
        origin: Default::default(),
    };
    processor.sample(&sample).map_err(|e| e.to_string())
}

/// How many tokens can be run once for all: the same in all, none scored or needed to predict a scored one, with all
/// pictures among them; 0 when there is no such part.
fn shared(encoded: &[Encoded], image_token: i64) -> usize {
    let first = &encoded[0];
    let unscored = |e: &Encoded| e.learn.iter().position(|&l| l).unwrap_or(0);
    let mut length = encoded.iter().map(unscored).min().unwrap_or(0);
    for other in &encoded[1..] {
        let same = first.ids.iter().zip(&other.ids).take_while(|(a, b)| a == b);
        length = length.min(same.count());
    }
    let length = length.saturating_sub(1);
    let pictures = |ids: &[i64]| ids.contains(&image_token);
    let rest_is_text = encoded.iter().all(|e| !pictures(&e.ids[length..]));
    if rest_is_text { length } else { 0 }
}

/// Log-probabilities of the targets after the rows, in chunks of 64 rows.
fn log_probabilities(
    model: &dyn Mllm,
    processor: &dyn Processor,
    hidden: &Tensor,
    rows: &[i64],
    targets: &[i64],
) -> Result<Vec<f64>, Error> {
    let mut out = Vec::with_capacity(rows.len());
    for (rows, targets) in rows.chunks(64).zip(targets.chunks(64)) {
        let rows = Tensor::f_from_slice(rows)?.f_to_device(hidden.device())?;
        let targets_r1 = Tensor::f_from_slice(targets)?
            .f_to_device(hidden.device())?
            .f_unsqueeze(1)?;
        let logits_rv = logits(model, processor, &hidden.f_index_select(0, &rows)?)?;
        let chosen_r1 = logits_rv.f_gather(1, &targets_r1, false)?;
        let values_r1 = chosen_r1.f_sub(&logits_rv.f_logsumexp([1], true)?)?;
        let values = values_r1
            .f_reshape([-1])?
            .f_to_kind(Kind::Double)?
            .f_to_device(torch::Device::Cpu)?;
        out.extend(Vec::<f64>::try_from(values)?);
    }
    Ok(out)
}
