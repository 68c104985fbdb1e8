//! How much models at endpoints would be asked. Prompts are measured on some of the run's pairs; answers are taken to be as long as
//! elsewhere in a plan, or as long as those that are there already.

use std::collections::BTreeMap;

use corpus::seed::Rng;
use corpus::{Completion, IMAGE_MARK, Pair, Request, jsonl};
use processor::Processor;
use run::StageFolder;
use run::plan::EndpointCost;
use run::recipe::{EndpointPlace, Recipe};

/// Estimated share of the allowed tokens that an answer takes.
pub const SHARE: f64 = 0.5;

/// Pairs whose prompts are measured.
const PAIRS: usize = 64;

/// Bytes of text that are taken for a token where there is no tokenizer.
const BYTES: f64 = 4.0;

/// What is known of prompts and answers before models at endpoints are asked.
pub struct Prompts {
    /// Some of the pairs, drawn by the run's seed.
    pub pairs: Vec<Pair>,
    /// Renders prompts as the general model reads them.
    processor: Option<Box<dyn Processor>>,
    picture_tokens: u64,
    /// Tokens of a synthesized task: what a judge reads beside its own prompt.
    pub task_tokens: f64,
    /// What answers that are there took, by stage.
    answered: BTreeMap<String, Lengths>,
}

/// Mean tokens of a request and of its answer.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lengths {
    read: f64,
    written: f64,
}

/// What a stage asks a model at an endpoint.
pub struct Asked<'a> {
    /// The stage's name.
    pub stage: &'a str,
    /// The section of the recipe that names the endpoint.
    pub section: &'static str,
    /// The model.
    pub place: &'a EndpointPlace,
    /// Answers that the stage is to get.
    pub answers: usize,
    /// Requests for an answer: its own, and one that asks how likely another one is.
    pub requests_each: u64,
    /// Some of its requests.
    pub few: &'a [Request],
    /// Tokens that a request has beside what `few` show.
    pub beside: f64,
    /// Most tokens of an answer.
    pub max_new_tokens: usize,
}

impl Prompts {
    /// Which of so many pairs are measured, drawn by the run's seed.
    pub fn drawn(recipe: &Recipe, pairs: usize) -> Vec<usize> {
        let mut drawn: Vec<usize> = (0..pairs).collect();
        Rng::new(recipe.seed).shuffle(&mut drawn);
        drawn.truncate(PAIRS);
        drawn
    }

    /// Of a recipe, with pairs that were [drawn](Prompts::drawn) and the general model's processor, if it can be opened.
    pub fn new(recipe: &Recipe, pairs: Vec<Pair>, processor: Option<Box<dyn Processor>>) -> Self {
        let sends = recipe.endpoint_places().any(|(_, place)| place.send_images);
        Self {
            pairs,
            processor,
            picture_tokens: if sends {
                recipe.endpoints.picture_tokens
            } else {
                0
            },
            task_tokens: SHARE * recipe.synthesizer.max_new_tokens as f64,
            answered: BTreeMap::new(),
        }
    }

    /// Takes note of the answers that a stage has by now, if they are to what would be asked: those of the same key. `is_task` is
    /// whether a judge reads them.
    pub fn look(&mut self, folder: &StageFolder, key: &str, completions: &str, is_task: bool) {
        if !folder.is_begun_on(key) {
            return;
        }
        let read = jsonl::read_lenient::<Completion>(&folder.path.join(completions));
        let Some(lengths) = read.ok().and_then(|(rows, _)| lengths(&rows)) else {
            return;
        };
        if is_task {
            self.task_tokens = lengths.written;
        }
        self.answered.insert(folder.stage.clone(), lengths);
    }

    /// What the numbers rest on, in a sentence.
    pub fn basis(&self) -> String {
        let by = match self.processor {
            Some(_) => "by the general model's tokenizer".to_owned(),
            None => format!(
                "by their bytes, {BYTES} for a token, since the general model has no tokenizer here"
            ),
        };
        let pictures = match self.picture_tokens {
            0 => String::new(),
            tokens => format!(", {tokens} tokens for a picture that is sent"),
        };
        let mut out = format!(
            "endpoints: prompts of {} pairs are measured {by}{pictures}; answers take {:.0} % of the tokens that they may",
            self.pairs.len(),
            SHARE * 100.0
        );
        if !self.answered.is_empty() {
            let stages: Vec<&str> = self.answered.keys().map(String::as_str).collect();
            out += "; of ";
            out += &stages.join(" and ");
            out += " what is answered already tells";
        }
        out
    }

    /// Mean tokens of requests.
    fn mean(&self, requests: &[Request]) -> f64 {
        let all = requests.iter().map(|request| {
            self.text_tokens(request) + (request.images.len() as u64 * self.picture_tokens) as f64
        });
        all.sum::<f64>() / requests.len().max(1) as f64
    }

    fn text_tokens(&self, request: &Request) -> f64 {
        let mut text = request.clone();
        text.images.clear();
        for turn in text.turns.iter_mut().filter(|turn| turn.marks) {
            turn.text = turn.text.replace(&format!("{IMAGE_MARK}\n"), "");
            turn.text = turn.text.replace(IMAGE_MARK, "");
            turn.marks = false;
        }
        // What cannot be rendered, such as a conversation by a base without a template, is counted roughly.
        let encoded = self.processor.as_ref().and_then(|p| p.request(&text).ok());
        encoded.map_or_else(|| rough(&text), |encoded| encoded.ids.len() as f64)
    }

    /// What a stage would take.
    pub fn cost(&self, asked: &Asked<'_>) -> EndpointCost {
        let place = asked.place;
        let answered = self.answered.get(asked.stage).copied();
        let Lengths { read, written } = answered.unwrap_or_else(|| Lengths {
            read: self.mean(asked.few) + asked.beside,
            written: SHARE * asked.max_new_tokens as f64,
        });
        let answers = asked.answers as f64;
        let requests = asked.answers as u64 * asked.requests_each;
        // Who says how likely a text is writes a token at most.
        let written = written + (asked.requests_each - 1) as f64;
        let prompt_tokens = (read * requests as f64).ceil() as u64;
        let completion_tokens = (written * answers).ceil() as u64;
        let prices = place.prices.as_ref();
        EndpointCost {
            place: asked.section.to_owned(),
            requests,
            prompt_tokens,
            completion_tokens,
            cost: prices.map(|prices| prices.cost(requests, prompt_tokens, completion_tokens)),
            max_cost: place.max_cost,
            max_tokens: place.max_tokens,
        }
    }
}

/// Tokens of a request by its bytes.
fn rough(request: &Request) -> f64 {
    let turns = request.turns.iter().map(|turn| turn.text.len());
    let bytes: usize = turns.sum::<usize>() + request.prompt.as_ref().map_or(0, String::len);
    bytes as f64 / BYTES
}

/// What answers took; none where there are none.
fn lengths(completions: &[Completion]) -> Option<Lengths> {
    let sound: Vec<&Completion> = completions.iter().filter(|c| c.error.is_none()).collect();
    let number = sound.len() as f64;
    let sum = |of: fn(&Completion) -> usize| sound.iter().map(|c| of(c)).sum::<usize>() as f64;
    (!sound.is_empty()).then(|| Lengths {
        read: sum(|c| c.prompt_tokens) / number,
        written: sum(|c| c.completion_tokens) / number,
    })
}

#[cfg(test)]
mod tests {
    use corpus::{Decoding, FinishReason, Open, Role, Turn};
    use run::recipe::EndpointPrices;

    use super::*;

    fn prompts() -> Prompts {
        Prompts {
            pairs: Vec::new(),
            processor: None,
            picture_tokens: 100,
            task_tokens: 20.0,
            answered: BTreeMap::new(),
        }
    }

    fn place() -> EndpointPlace {
        EndpointPlace {
            addresses: vec!["http://one".to_owned()],
            model: "m".to_owned(),
            key_variable: None,
            send_images: true,
            max_cost: None,
            max_tokens: Some(9),
            prices: Some(EndpointPrices {
                input: 2.0,
                output: 10.0,
                cached_input: None,
                request: 0.5,
            }),
        }
    }

    fn request(text: &str, images: usize, prompt: Option<&str>) -> Request {
        Request {
            id: "one".to_owned(),
            images: (0..images).map(|n| n.to_string().into()).collect(),
            turns: vec![Turn::new(Role::User, text).with_marks()],
            open: Open::User,
            prompt: prompt.map(str::to_owned),
            decoding: Decoding::default(),
        }
    }

    /// By hand: 8 bytes without the mark are 2 tokens, with a picture 102; 4 bytes are 1. Their mean is 51.5.
    #[test]
    fn without_a_tokenizer_bytes_are_counted() {
        let few = [
            request("<image>\n12345678", 1, None),
            request("1234", 0, None),
        ];
        let asked = |few, requests_each, beside| {
            prompts().cost(&Asked {
                stage: "filter",
                section: "filter",
                place: &place(),
                answers: 10,
                requests_each,
                few,
                beside,
                max_new_tokens: 8,
            })
        };
        let cost = asked(&few, 1, 0.0);
        assert_eq!(
            (cost.requests, cost.prompt_tokens, cost.completion_tokens),
            (10, 515, 40)
        );
        // 10 requests at 0.5, 515 and 40 millionths of 2 and 10.
        let expected = 5.0 + 0.001_03 + 0.000_4;
        assert!(
            cost.cost
                .is_some_and(|cost| (cost - expected).abs() < 1e-12),
            "{cost:?}"
        );
        assert_eq!((cost.max_cost, cost.max_tokens), (None, Some(9)));
        // A raw prompt of 40 bytes beside an empty turn, with 20 tokens more: 30 a request, two of them an answer.
        let raw = [request(
            "",
            0,
            Some("0123456789012345678901234567890123456789"),
        )];
        let cost = asked(&raw, 2, 20.0);
        assert_eq!(
            (cost.requests, cost.prompt_tokens, cost.completion_tokens),
            (20, 600, 50)
        );
        assert!(prompts().basis().contains("by their bytes, 4 for a token"));
    }

    /// Answers of 10 and 30 tokens to prompts of 200 and 300 tell more than any estimate; one that failed tells nothing.
    #[test]
    fn what_is_answered_tells_what_the_rest_takes() {
        let answer = |id: &str, prompt_tokens, completion_tokens, error: Option<&str>| Completion {
            id: id.to_owned(),
            text: String::new(),
            finish_reason: FinishReason::Stop,
            prompt_tokens,
            completion_tokens,
            error: error.map(str::to_owned),
            logprobs: None,
            top_logprobs: None,
        };
        let rows = [
            answer("a", 200, 10, None),
            answer("b", 300, 30, None),
            answer("c", 0, 0, Some("no")),
        ];
        let found = lengths(&rows).expect("answers");
        assert_eq!((found.read, found.written), (250.0, 20.0));
        assert_eq!(lengths(&rows[2..]), None);
        let mut prompts = prompts();
        prompts.answered.insert("synthesize".to_owned(), found);
        let cost = prompts.cost(&Asked {
            stage: "synthesize",
            section: "synthesizer",
            place: &place(),
            answers: 4,
            requests_each: 1,
            few: &[],
            beside: 0.0,
            max_new_tokens: 512,
        });
        assert_eq!((cost.prompt_tokens, cost.completion_tokens), (1000, 80));
        assert!(
            prompts
                .basis()
                .contains("of synthesize what is answered already tells")
        );
    }
}
