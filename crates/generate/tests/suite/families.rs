//! Every family against the greedy tokens of `transformers` in `model`'s golden files, whatever is shared.
//!
//! A prompt with the first tokens of its own answer is a longer prompt, whose answer is the rest. So prompts that begin alike
//! have known answers.

use std::collections::HashMap;
use std::path::Path;

use corpus::{Decoding, Open, Request, Sample, TurnMarkers};
use generate::{Generator as _, LocalGenerator, Options};
use processor::{Encoded, Error, ImageGrid, ImageInput, Processor};
use serde_json::Value;
use torch::{Device, Kind};

use crate::counting::Counting;
use crate::golden_models::{fill, made_picture};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/golden");
/// How much of its answer a prompt has.
const KNOWN: [usize; 5] = [0, 7, 20, 21, 33];
/// Tokens that are asked for.
const NEW: usize = 12;

/// Prompts by the text of their request.
struct Prompts {
    encoded: HashMap<String, Encoded>,
    image_token: i64,
}

impl Processor for Prompts {
    fn extra_bos(&self) -> bool {
        false
    }

    fn sample(&self, _: &Sample) -> Result<Encoded, Error> {
        Err(Error::Tokenizer("there are requests alone".to_owned()))
    }

    fn request(&self, request: &Request) -> Result<Encoded, Error> {
        let prompt = request.prompt.as_deref().unwrap_or_default();
        Ok(self.encoded[prompt].clone())
    }

    fn decode(&self, ids: &[i64], _: bool) -> String {
        ids.iter().map(|id| format!("{id} ")).collect()
    }

    fn stop_ids(&self) -> &[i64] {
        &[]
    }

    fn end_of_text(&self) -> i64 {
        -2
    }

    fn image_token(&self) -> i64 {
        self.image_token
    }

    fn markers(&self) -> Result<TurnMarkers, Error> {
        Err(Error::Template("ids have no markers".to_owned()))
    }

    fn image(&self, _: &Path) -> Result<ImageInput, Error> {
        Err(Error::Tokenizer("there are requests alone".to_owned()))
    }
}

fn integers(value: &Value) -> Vec<i64> {
    let values = value.as_array().map_or(&[][..], Vec::as_slice);
    values.iter().filter_map(Value::as_i64).collect()
}

fn picture(value: &Value) -> ImageInput {
    let pair = |key: &str| {
        let sides = integers(&value[key]);
        (sides.len() == 2).then(|| (sides[0] as usize, sides[1] as usize))
    };
    let grid = match (
        pair("original"),
        pair("tiles"),
        pair("patches"),
        pair("canvas"),
    ) {
        (Some(original), Some(tiles), _, _) => ImageGrid::Tiles { original, tiles },
        (_, _, Some(patches), _) => ImageGrid::Patches { patches },
        (_, _, _, Some(tiles)) => ImageGrid::Canvas { tiles },
        _ => ImageGrid::Whole,
    };
    let shape = integers(&value["shape"])
        .iter()
        .map(|&n| n as usize)
        .collect();
    let tokens = value["num_tokens"].as_u64().expect("a number") as usize;
    made_picture(value["name"].as_str().expect("a name"), shape, grid, tokens)
}

/// A golden file's prompts, lengthened.
struct Case {
    name: String,
    config: String,
    prompts: Prompts,
    requests: Vec<Request>,
    /// The ids of each answer, up to the first that f32 cannot decide.
    expected: Vec<Vec<i64>>,
}

impl Case {
    fn read(family: &str, case: &str) -> Self {
        let path = Path::new(FOLDER).join(family).join(format!("{case}.json"));
        let text = std::fs::read_to_string(path).expect("a golden file");
        let golden: Value = serde_json::from_str(&text).expect("JSON");
        let config = &golden["config"];
        let token = |key: &str| config[key].as_i64();
        let image_token = token("image_token_index").or(token("image_token_id"));
        let image_token = image_token.unwrap_or(-1);
        let mut found = Self {
            name: format!("{family} {case}"),
            config: config.to_string(),
            prompts: Prompts {
                encoded: HashMap::new(),
                image_token,
            },
            requests: Vec::new(),
            expected: Vec::new(),
        };
        for (number, greedy) in golden["greedy"]
            .as_array()
            .expect("prompts")
            .iter()
            .enumerate()
        {
            // As many as are quick: the families' kinds of prompts alternate.
            if number >= 6 {
                break;
            }
            let (ids, new) = (integers(&greedy["ids"]), integers(&greedy["new"]));
            let close = integers(&greedy["close"]);
            let images = greedy["images"].as_array().expect("pictures");
            for known in KNOWN {
                let id = format!("{number}+{known}");
                let ids = [&ids[..], &new[..known]].concat();
                let encoded = Encoded {
                    learn: vec![false; ids.len()],
                    ids,
                    images: images.iter().map(picture).collect(),
                };
                found.prompts.encoded.insert(id.clone(), encoded);
                found.requests.push(Request {
                    id: id.clone(),
                    images: Vec::new(),
                    turns: Vec::new(),
                    open: Open::None,
                    prompt: Some(id),
                    decoding: Decoding {
                        max_new_tokens: NEW,
                        stop_ids: vec![-1],
                        ..Decoding::default()
                    },
                });
                let decided = close.iter().map(|&at| at as usize);
                let decided = decided.filter(|&at| at >= known).min().unwrap_or(new.len());
                found
                    .expected
                    .push(new[known..decided.min(known + NEW)].to_vec());
            }
        }
        found
    }

    /// Compares all answers; gives tokens and pictures that were run.
    fn check(&self, options: &Options) -> (usize, usize) {
        let model = model::fresh(&self.config, 0, Device::Cpu, Kind::Float).expect("a model");
        fill(model.as_ref());
        let counting = Counting::new(model.as_ref());
        let mut generator = LocalGenerator::new(&counting, &self.prompts, options.clone());
        let answers = generator.complete(&self.requests).expect("answers");
        for (answer, expected) in answers.iter().zip(&self.expected) {
            assert_eq!(answer.error, None, "{} {}", self.name, answer.id);
            let found = answer
                .text
                .split_whitespace()
                .map(|id| id.parse().expect("an id"));
            let found: Vec<i64> = found.take(expected.len()).collect();
            assert_eq!(found, *expected, "{} {} {options:?}", self.name, answer.id);
        }
        assert_eq!(answers.len(), self.requests.len());
        (counting.tokens.get(), counting.pictures.get())
    }
}

fn check(family: &str, cases: &[&str]) {
    torch::set_threads(1);
    for name in cases {
        let case = Case::read(family, name);
        let apart = Options {
            share: false,
            group_size: 7,
            ..Options::default()
        };
        let (tokens, pictures) = case.check(&apart);
        let (fewer, once) = case.check(&Options::default());
        assert!(
            4 * fewer < 3 * tokens,
            "{family} {name}: {fewer} of {tokens} tokens"
        );
        assert!(
            5 * once <= pictures,
            "{family} {name}: {once} of {pictures} pictures"
        );
        for (block_size, group_size, prefill_tokens, cache_tokens) in
            [(8, 3, 60, 1 << 17), (30, 32, 1, 700), (1, 1, 8192, 200)]
        {
            let options = Options {
                block_size,
                group_size,
                prefill_tokens,
                cache_tokens,
                ..Options::default()
            };
            case.check(&options);
        }
    }
}

#[test]
fn llama_shares_to_the_same_answers() {
    check("llama", &["grouped-tied", "one-key-head-llama3", "mistral"]);
}

#[test]
fn llava_shares_to_the_same_answers() {
    check("llava", &["clip", "clip-full-last", "dino-other-size"]);
}

#[test]
fn llava_next_shares_to_the_same_answers() {
    check("llava_next", &["grouped-tied", "biases-wide-heads-gelu"]);
}

#[test]
fn qwen2_vl_shares_to_the_same_answers() {
    check(
        "qwen2_vl",
        &["grouped-tied", "two-pictures", "wide-heads-nested"],
    );
}

#[test]
fn mllama_shares_to_the_same_answers() {
    check(
        "mllama",
        &[
            "padded-tiles",
            "odd-tiles-all-outputs",
            "pictures-side-by-side",
        ],
    );
}
