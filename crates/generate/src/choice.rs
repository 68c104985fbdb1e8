//! An answer that is one of given ones.
//!
//! Each is ranked as a whole, its end included, and not written token by token: greedy writing would follow the likeliest
//! first token into an answer that is unlikely as a whole.

use corpus::seed::{Rng, hash};
use corpus::{Completion, FinishReason, Request};

use crate::decode::Settings;
use crate::draw;
use crate::error::Error;
use crate::likelihood::{Likelihood, Likelihoods};

/// Answers a request with one of its choices, or says what is wrong with it.
pub(crate) fn complete(
    settings: &Settings,
    likelihoods: &mut Likelihoods<'_>,
    request: &Request,
    prompt_tokens: usize,
) -> Result<Result<Completion, String>, Error> {
    let decoding = &request.decoding;
    if let Some(problem) = draw::problem(decoding) {
        return Ok(Err(problem));
    }
    let found = match likelihoods.score(request, &decoding.choices) {
        Err(Error::Score { problem, .. }) => return Ok(Err(problem)),
        found => found?,
    };
    let Some(chosen) = choose(settings, request, &found) else {
        let problem = "no choice has a finite likelihood; check the model's weights".to_owned();
        return Ok(Err(problem));
    };
    let values = found.iter().map(|one| one.log_probability);
    Ok(Ok(Completion {
        id: request.id.clone(),
        text: decoding.choices[chosen].clone(),
        finish_reason: FinishReason::Stop,
        prompt_tokens,
        completion_tokens: found[chosen].tokens,
        error: None,
        logprobs: decoding.logprobs.then(|| values.collect()),
        top_logprobs: None,
    }))
}

fn choose(settings: &Settings, request: &Request, found: &[Likelihood]) -> Option<usize> {
    let values: Vec<f32> = found.iter().map(|one| one.log_probability as f32).collect();
    if values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let decoding = &request.decoding;
    if decoding.temperature > 0.0 {
        let seed = decoding.seed;
        let seed = seed.unwrap_or_else(|| hash(settings.options.seed, &request.id));
        return Some(draw::draw(&values, decoding, &mut Rng::new(seed)) as usize);
    }
    // The first of equals.
    let better = |best: usize, at: usize| {
        if found[at].log_probability > found[best].log_probability {
            at
        } else {
            best
        }
    };
    (0..found.len()).reduce(better)
}
