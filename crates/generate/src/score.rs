//! How likely given answers are: what multiple choice ranks instead of reading a free text.

use corpus::{Open, Request, Role, Sample, Turn};
use model::Mllm;
use processor::{Encoded, Processor};

use crate::error::Error;
use crate::likelihood::{Likelihood, Likelihoods};
use crate::options::Options;

/// How likely each answer is after the request's prompt: [`Likelihoods::score`] for one call.
pub fn score(
    model: &dyn Mllm,
    processor: &dyn Processor,
    request: &Request,
    answers: &[String],
) -> Result<Vec<Likelihood>, Error> {
    let tokens = Options::default().cache_tokens;
    Likelihoods::new(model, processor, tokens).score(request, answers)
}

impl Likelihoods<'_> {
    /// How likely each answer is after the request's prompt, which is run once; the answers are packed behind it.
    ///
    /// After turns, an answer is a whole turn: its end-of-turn token counts, so that "red" is not favoured over
    /// "red brick" for being its beginning. After a raw prompt, the answer's own tokens count alone.
    pub fn score(
        &mut self,
        request: &Request,
        answers: &[String],
    ) -> Result<Vec<Likelihood>, Error> {
        let problem = |problem: String| Error::Score {
            id: request.id.clone(),
            problem,
        };
        let encoded: Vec<Encoded> = answers
            .iter()
            .map(|answer| answered(self.processor, request, answer))
            .collect::<Result<_, _>>()?;
        for (answer, encoded) in answers.iter().zip(&encoded) {
            if !encoded.learn.iter().skip(1).any(|&l| l) {
                return Err(problem(format!("the answer `{answer}` has no tokens")));
            }
            let (found, limit) = (encoded.ids.len(), self.model.max_positions());
            if found > limit {
                return Err(problem(format!(
                    "prompt and answer have {found} tokens, more than the model's context of {limit}"
                )));
            }
        }
        self.of(&encoded)
    }
}

/// A request with one answer to it as a sample, the answer marked as learned; what [`score`] runs, for many requests of one
/// answer each.
pub fn answered(
    processor: &dyn Processor,
    request: &Request,
    answer: &str,
) -> Result<Encoded, Error> {
    let id = &request.id;
    let problem = |problem: String| Error::Score {
        id: id.clone(),
        problem,
    };
    let of = |encoded: Result<Encoded, processor::Error>| match encoded {
        Ok(encoded) => Ok(encoded),
        Err(error) => Err(problem(Error::of_request(id, error)?)),
    };
    if let Some(prompt) = &request.prompt {
        let before = of(processor.request(request))?;
        let whole = Request {
            prompt: Some(format!("{prompt}{answer}")),
            ..request.clone()
        };
        let mut whole = of(processor.request(&whole))?;
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
            let closed = "`open` is `none`: no turn is open for an answer";
            return Err(problem(closed.to_owned()));
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
    of(processor.sample(&sample))
}
