//! A block: its requests are ordered, what they share is run once, and each that ends makes room for the next one.
//!
//! What runs when depends on the block and the settings alone, so that a block that is done again ends in the same bits.

use corpus::{Completion, Request};
use model::Pool;
use processor::Encoded;

use crate::ahead::Prepared;
use crate::choice;
use crate::decode::{Job, Row, Settings, completion};
use crate::draw;
use crate::error::Error;
use crate::likelihood::Likelihoods;
use crate::phase::Phase;
use crate::room;

/// Completes a block, in any order. `pools` is memory of the block before, for this one to use.
pub(crate) fn complete(
    settings: &Settings,
    block: Vec<Prepared>,
    pools: &mut Vec<Pool>,
    sink: &mut dyn FnMut(Completion) -> Result<(), String>,
) -> Result<(), Error> {
    let _guard = torch::no_grad_guard();
    // Every token of every answer meets the same weights.
    let _repeated = torch::products::repeated();
    let mut jobs = Vec::with_capacity(block.len());
    let budget = settings.options.cache_tokens;
    let mut likelihoods = Likelihoods::new(settings.model, settings.processor, budget);
    for (request, encoded) in block {
        if let (false, Ok(encoded)) = (request.decoding.choices.is_empty(), &encoded) {
            let tokens = encoded.ids.len();
            let found = choice::complete(settings, &mut likelihoods, &request, tokens)?;
            let done = found.unwrap_or_else(|problem| failed(&request, tokens, problem));
            sink(done).map_err(Error::Sink)?;
            continue;
        }
        match job(settings, request, encoded) {
            Ok(job) if job.limit == 0 => {
                let row = Row::new(settings, job);
                sink(completion(settings, row)).map_err(Error::Sink)?;
            }
            Ok(job) => jobs.push(Some(job)),
            Err(failed) => sink(*failed).map_err(Error::Sink)?,
        }
    }
    let needs: Vec<usize> = jobs.iter().flatten().map(Job::need).collect();
    for phase in room::phases(&needs, settings.options.cache_tokens) {
        let jobs: Vec<Job> = phase.iter().filter_map(|&at| jobs[at].take()).collect();
        if !jobs.is_empty() {
            *pools = Phase::new(settings, jobs, std::mem::take(pools)).run(sink)?;
        }
    }
    Ok(())
}

/// A request that can be run, or the completion of one that cannot.
fn job(
    settings: &Settings,
    request: Request,
    encoded: Result<Encoded, String>,
) -> Result<Job, Box<Completion>> {
    let encoded = match encoded {
        Ok(encoded) => encoded,
        Err(problem) => return Err(Box::new(failed(&request, 0, problem))),
    };
    let (prompt, context) = (encoded.ids.len(), settings.model.max_positions());
    let budget = settings.options.cache_tokens;
    let limit = request
        .decoding
        .max_new_tokens
        .min(context.saturating_sub(prompt));
    let problem = draw::problem(&request.decoding);
    let problem = problem.or_else(|| {
        if prompt == 0 {
            Some("the prompt has no tokens".to_owned())
        } else if prompt >= context {
            Some(format!(
                "the prompt has {prompt} tokens, and the model's context of {context} leaves no room for an answer; \
                 shorten the prompt"
            ))
        } else if prompt + limit > budget {
            Some(format!(
                "the prompt has {prompt} tokens and its answer up to {limit}, and the cache holds {budget}; give \
                 `cache_tokens` {} or more, or shorten them",
                prompt + limit
            ))
        } else {
            None
        }
    });
    match problem {
        Some(problem) => Err(Box::new(failed(&request, prompt, problem))),
        None => Ok(Job {
            request,
            encoded,
            limit,
        }),
    }
}

/// The completion of a request that cannot be run.
fn failed(request: &Request, prompt_tokens: usize, problem: String) -> Completion {
    Completion {
        prompt_tokens,
        ..Completion::failed(&request.id, problem)
    }
}
