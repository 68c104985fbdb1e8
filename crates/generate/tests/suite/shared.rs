//! A beginning that is run once gives what each text gives by itself, in every family.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use corpus::{Request, Sample, TurnMarkers};
use generate::Likelihoods;
use model::init::hashed;
use model::{Batch, Cache, Error, Mllm, Parameter, Picture, Pool};
use processor::{Encoded, ImageGrid, ImageInput, Processor};
use torch::{Device, Kind, Tensor};

use crate::golden_models::{fill, made_picture};

/// Knows which token stands for pictures, and nothing else.
struct Tokens(i64);

impl Processor for Tokens {
    fn extra_bos(&self) -> bool {
        false
    }
    fn sample(&self, _: &Sample) -> Result<Encoded, processor::Error> {
        unreachable!("texts are given as tokens")
    }
    fn request(&self, _: &Request) -> Result<Encoded, processor::Error> {
        unreachable!("texts are given as tokens")
    }
    fn decode(&self, _: &[i64], _: bool) -> String {
        String::new()
    }
    fn stop_ids(&self) -> &[i64] {
        &[]
    }
    fn end_of_text(&self) -> i64 {
        0
    }
    fn image_token(&self) -> i64 {
        self.0
    }
    fn markers(&self) -> Result<TurnMarkers, processor::Error> {
        unreachable!("no turns")
    }
    fn image(&self, _: &Path) -> Result<ImageInput, processor::Error> {
        unreachable!("no files")
    }
}

/// Notes the tokens and pictures of each forward.
struct Counting {
    inner: Box<dyn Mllm>,
    forwards: RefCell<Vec<(usize, usize)>>,
}

impl Mllm for Counting {
    fn hidden(&self, batch: &Batch, cache: Option<&mut Cache>) -> Result<Tensor, Error> {
        let pictures = if batch.pictures.is_empty() {
            batch.images.len()
        } else {
            0
        };
        self.forwards.borrow_mut().push((batch.ids.len(), pictures));
        self.inner.hidden(batch, cache)
    }
    fn image_features(&self, images: &[ImageInput]) -> Result<Tensor, Error> {
        self.inner.image_features(images)
    }
    fn pictures(&self, images: &[ImageInput]) -> Result<Vec<Picture>, Error> {
        self.forwards.borrow_mut().push((0, images.len()));
        self.inner.pictures(images)
    }
    fn head(&self) -> &Tensor {
        self.inner.head()
    }
    fn parameters(&self) -> &[Parameter] {
        self.inner.parameters()
    }
    fn new_pool(&self, slots: usize, capacity: usize) -> Pool {
        self.inner.new_pool(slots, capacity)
    }
    fn max_positions(&self) -> usize {
        self.inner.max_positions()
    }
    fn device(&self) -> Device {
        self.inner.device()
    }
    fn kind(&self) -> Kind {
        self.inner.kind()
    }
}

impl Counting {
    fn counted(&self) -> Vec<(usize, usize)> {
        self.forwards.take()
    }
}

/// A family's model of `crates/model/tests/golden` with random weights, gates and biases included, and its picture.
fn family(family: &str, case: &str) -> (Counting, Tokens, Option<ImageInput>) {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../model/tests/golden", family]
        .iter()
        .collect();
    let golden = std::fs::read_to_string(folder.join(format!("{case}.json"))).expect("golden file");
    let golden: serde_json::Value = serde_json::from_str(&golden).expect("JSON");
    let config = &golden["config"];
    let inner = model::fresh(&config.to_string(), 0, Device::Cpu, Kind::Float).expect("a model");
    fill(inner.as_ref());
    let token = config["image_token_index"]
        .as_i64()
        .or(config["image_token_id"].as_i64());
    let all = golden["sequences"].as_array().expect("sequences").iter();
    let picture = all
        .flat_map(|s| s["images"].as_array().expect("pictures"))
        .next()
        .map(input);
    let forwards = RefCell::default();
    (
        Counting { inner, forwards },
        Tokens(token.unwrap_or(-1)),
        picture,
    )
}

fn input(picture: &serde_json::Value) -> ImageInput {
    let number = |value: &serde_json::Value| value.as_u64().expect("a number") as usize;
    let pair = |key: &str| picture.get(key).map(|v| (number(&v[0]), number(&v[1])));
    let shape: Vec<usize> = picture["shape"]
        .as_array()
        .expect("a shape")
        .iter()
        .map(number)
        .collect();
    let grid = match (
        pair("original").zip(pair("tiles")),
        pair("patches"),
        pair("canvas"),
    ) {
        (Some((original, tiles)), _, _) => ImageGrid::Tiles { original, tiles },
        (_, Some(patches), _) => ImageGrid::Patches { patches },
        (_, _, Some(tiles)) => ImageGrid::Canvas { tiles },
        _ => ImageGrid::Whole,
    };
    let (name, tokens) = (&picture["name"], &picture["num_tokens"]);
    made_picture(name.as_str().expect("a name"), shape, grid, number(tokens))
}

/// So many tokens, as different as they get.
fn text(name: &str, count: usize) -> Vec<i64> {
    (0..count as u64)
        .map(|i| 4 + ((hashed(name, i) + 1.0) * 45.0) as i64)
        .collect()
}

/// A text behind a beginning, of which the last `learned` tokens are learned.
fn sample(
    beginning: &[i64],
    images: &[ImageInput],
    name: &str,
    count: usize,
    learned: usize,
) -> Encoded {
    let ids = [beginning, &text(name, count)].concat();
    Encoded {
        learn: (0..ids.len()).map(|i| i + learned >= ids.len()).collect(),
        ids,
        images: images.to_vec(),
    }
}

fn check(name: &str, case: &str) {
    let (model, processor, picture) = family(name, case);
    let images: Vec<ImageInput> = picture.into_iter().collect();
    let tokens: usize = images.iter().map(|image| image.num_tokens).sum();
    let beginning = [
        text("before", 5),
        vec![processor.0; tokens],
        text("behind", 11),
    ]
    .concat();
    // A pass in two parts, then options that are one or two tokens, then one that begins otherwise behind the picture.
    let pass: Vec<Encoded> = (0..6)
        .map(|i| {
            sample(
                &beginning,
                &images,
                &format!("own {i}"),
                4 + 3 * (i % 3),
                2 + i % 2,
            )
        })
        .collect();
    let options: Vec<Encoded> = (0..9)
        .map(|i| {
            sample(
                &beginning,
                &images,
                &format!("option {i}"),
                1 + i % 2,
                1 + i % 2,
            )
        })
        .collect();
    let other = [&beginning[..beginning.len() - 6], &text("other", 6)].concat();
    let others: Vec<Encoded> = (0..3)
        .map(|i| sample(&other, &images, &format!("another {i}"), 5, 2))
        .collect();
    // By themselves: no cache holds anything.
    let mut alone = Likelihoods::new(&model, &processor, 0);
    let mut shared = Likelihoods::new(&model, &processor, 1 << 10);
    let mut compare = |samples: &[Encoded]| {
        let expected: Vec<_> = samples
            .iter()
            .map(|one| alone.of(std::slice::from_ref(one)).expect("alone")[0])
            .collect();
        let _ = model.counted();
        let found = shared.of(samples).expect("shared");
        let counted = model.counted();
        for (found, expected) in found.iter().zip(&expected) {
            let (a, b) = (found.log_probability, expected.log_probability);
            assert_eq!(found.tokens, expected.tokens);
            assert!(
                (a - b).abs() < 1e-5 * b.abs().max(1.0),
                "{name}: {a} for {b}"
            );
        }
        counted
    };
    let own = |samples: &[Encoded], shared: usize| -> usize {
        samples.iter().map(|one| one.ids.len() - shared).sum()
    };
    let length = beginning.len();
    let pictures = images.len();
    assert_eq!(
        compare(&pass[..4]),
        [(length, pictures), (own(&pass[..4], length), 0)],
        "{name}"
    );
    assert_eq!(
        compare(&pass[4..]),
        [(own(&pass[4..], length), 0)],
        "{name}"
    );
    // A single one goes on from it too.
    assert_eq!(
        compare(&pass[..1]),
        [(own(&pass[..1], length), 0)],
        "{name}"
    );
    // Its last token predicts the first of an option, so it is run with each.
    assert_eq!(
        compare(&options),
        [(own(&options, length - 1), 0)],
        "{name}"
    );
    let found = compare(&others);
    assert_eq!(found, [(6, 0), (own(&others, length), 0)], "{name}");
}

#[test]
fn a_llama_runs_a_common_beginning_once() {
    check("llama", "grouped-tied");
}

#[test]
fn a_llava_next_runs_a_common_beginning_once() {
    check("llava_next", "grouped-tied");
}

#[test]
fn a_qwen2_vl_runs_a_common_beginning_once() {
    check("qwen2_vl", "grouped-tied");
}

#[test]
fn an_mllama_runs_a_common_beginning_once() {
    check("mllama", "padded-tiles");
}

#[test]
fn a_picture_behind_other_words_is_encoded_once() {
    let (model, processor, picture) = family("llava_next", "grouped-tied");
    let images = [picture.expect("a picture")];
    let place = vec![processor.0; images[0].num_tokens];
    let samples: Vec<Encoded> = ["one", "another"]
        .iter()
        .map(|name| {
            sample(
                &[text(name, 3), place.clone()].concat(),
                &images,
                name,
                6,
                2,
            )
        })
        .collect();
    let alone: Vec<f64> = samples
        .iter()
        .map(|one| {
            let found = Likelihoods::new(&model, &processor, 0).of(std::slice::from_ref(one));
            found.expect("alone")[0].log_probability
        })
        .collect();
    let _ = model.counted();
    let found = Likelihoods::new(&model, &processor, 1 << 10)
        .of(&samples)
        .expect("together");
    let tokens = samples.iter().map(|one| one.ids.len()).sum();
    assert_eq!(model.counted(), [(0, 1), (tokens, 0)]);
    for (found, alone) in found.iter().zip(alone) {
        assert!((found.log_probability - alone).abs() < 1e-5 * alone.abs());
    }
}
