//! What every generator does.

use std::collections::HashMap;

use corpus::{Completion, Request};

use crate::error::Error;

/// Completes requests.
pub trait Generator {
    /// Gives every request one completion, in any order; a request that fails gets one with the reason and stops nobody else.
    /// An error of `sink` ends the run.
    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<(), Error>;

    /// Completes requests and gives what is written in their order; for so many as fit into memory.
    fn complete(&mut self, requests: &[Request]) -> Result<Vec<Completion>, Error> {
        let mut done = Vec::with_capacity(requests.len());
        self.generate(&mut requests.iter().cloned(), &mut |completion| {
            done.push(completion);
            Ok(())
        })?;
        let places = requests.iter().enumerate().rev();
        let places: HashMap<&str, usize> = places.map(|(at, r)| (r.id.as_str(), at)).collect();
        // Stable, so that requests of one id keep the order in which they were answered.
        done.sort_by_key(|completion| places.get(completion.id.as_str()).copied());
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use corpus::FinishReason;

    use super::*;

    /// Answers with the id, the last request first.
    struct Backwards;

    impl Generator for Backwards {
        fn generate(
            &mut self,
            requests: &mut dyn Iterator<Item = Request>,
            sink: &mut dyn FnMut(Completion) -> Result<(), String>,
        ) -> Result<(), Error> {
            let mut all: Vec<Request> = requests.collect();
            while let Some(request) = all.pop() {
                let completion = Completion {
                    text: format!("re {}", request.id),
                    id: request.id,
                    finish_reason: FinishReason::Stop,
                    prompt_tokens: 1,
                    completion_tokens: 1,
                    error: None,
                    logprobs: None,
                    top_logprobs: None,
                };
                sink(completion).map_err(Error::Sink)?;
            }
            Ok(())
        }
    }

    #[test]
    fn completions_are_in_the_order_of_their_requests() {
        let requests = ["b", "a", "c"].map(|id| Request::question(id, Vec::new(), "What?"));
        let done = Backwards.complete(&requests).expect("completions");
        let texts: Vec<&str> = done.iter().map(|c| c.text.as_str()).collect();
        assert_eq!(texts, ["re b", "re a", "re c"]);
    }
}
