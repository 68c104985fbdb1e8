//! A tiny model, a processor of letters, and the slow way to the same answers.

use std::path::Path;
use std::sync::Arc;

use corpus::{Completion, Decoding, Open, Request, Sample, TurnMarkers};
use generate::{Generator as _, LocalGenerator, Options};
use model::{Batch, Mllm};
use processor::{Encoded, Error, ImageGrid, ImageInput, Processor};
use torch::{Device, Kind, Tensor};

const CONFIG: &str = r#"{
  "model_type": "llava_next", "architectures": ["LlavaNextForConditionalGeneration"],
  "image_token_index": 1, "image_grid_pinpoints": [[8, 8]], "vision_feature_layer": -2,
  "vision_feature_select_strategy": "default", "projector_hidden_act": "gelu", "tie_word_embeddings": false,
  "text_config": {"model_type": "llama", "vocab_size": 30, "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "initializer_range": 0.6},
  "vision_config": {"model_type": "clip_vision_model", "hidden_size": 12, "intermediate_size": 20,
    "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 8, "patch_size": 4, "hidden_act": "quick_gelu"}
}"#;

pub const END_OF_TEXT: i64 = 0;
pub const IMAGE: i64 = 1;
pub const BEGIN: i64 = 2;
pub const END_OF_TURN: i64 = 3;
const FIRST_LETTER: i64 = 4;

pub fn model() -> Box<dyn Mllm> {
    model::fresh(CONFIG, 3, Device::Cpu, Kind::Float).expect("model")
}

/// Letters `a` to `z` are tokens whose text is the letter and its capital; `#` is a picture, `!` a broken one, and `?`
/// cannot be encoded.
pub struct Letters;

impl Letters {
    pub fn encode(text: &str) -> Result<(Vec<i64>, Vec<ImageInput>), Error> {
        let (mut ids, mut images) = (Vec::new(), Vec::new());
        for letter in text.chars() {
            match letter {
                '#' | '!' => {
                    ids.extend([IMAGE; 10]);
                    // Sides that the tower does not take.
                    images.push(picture(if letter == '#' { 8 } else { 4 }));
                }
                'a'..='z' => ids.push(FIRST_LETTER + i64::from(letter as u8 - b'a')),
                _ => return Err(Error::Tokenizer(format!("no token for `{letter}`"))),
            }
        }
        Ok((ids, images))
    }
}

/// An overview and one tile of 2 × 2 patches: 4 features, then 2 rows of 2 with a newline each.
fn picture(side: usize) -> ImageInput {
    let shape = vec![2, 3, side, side];
    let count: usize = shape.iter().product();
    ImageInput {
        pixels: Arc::new((0..count).map(|i| (i % 11) as f32 / 11.0 - 0.5).collect()),
        shape,
        grid: ImageGrid::Tiles {
            original: (side, side),
            tiles: (1, 1),
        },
        num_tokens: 10,
    }
}

impl Processor for Letters {
    fn extra_bos(&self) -> bool {
        false
    }

    fn sample(&self, sample: &Sample) -> Result<Encoded, Error> {
        let mut encoded = Encoded {
            ids: vec![BEGIN],
            learn: vec![false],
            images: Vec::new(),
        };
        for turn in &sample.turns {
            let (mut ids, images) = Self::encode(&turn.text)?;
            ids.push(END_OF_TURN);
            encoded.learn.extend(vec![turn.learn; ids.len()]);
            encoded.ids.extend(ids);
            encoded.images.extend(images);
        }
        Ok(encoded)
    }

    fn request(&self, request: &Request) -> Result<Encoded, Error> {
        let Some(prompt) = &request.prompt else {
            let sample = Sample {
                id: String::new(),
                images: Vec::new(),
                turns: request.turns.clone(),
                end: false,
                #[expect(
                    clippy::default_trait_access,
                    reason = "JSON's null, whose crate is not needed otherwise"
                )]
                origin: Default::default(),
            };
            return self.sample(&sample);
        };
        let (ids, images) = Self::encode(prompt)?;
        let learn = vec![false; ids.len()];
        Ok(Encoded { ids, learn, images })
    }

    fn decode(&self, ids: &[i64], skip_special_tokens: bool) -> String {
        let text = |&id: &i64| match id {
            _ if id >= FIRST_LETTER => {
                let letter = char::from(b'a' + (id - FIRST_LETTER) as u8);
                format!("{letter}{}", letter.to_ascii_uppercase())
            }
            _ if skip_special_tokens => String::new(),
            _ => format!("<{id}>"),
        };
        ids.iter().map(text).collect()
    }

    fn stop_ids(&self) -> &[i64] {
        &[END_OF_TEXT, END_OF_TURN]
    }

    fn end_of_text(&self) -> i64 {
        END_OF_TEXT
    }

    fn image_token(&self) -> i64 {
        IMAGE
    }

    fn markers(&self) -> Result<TurnMarkers, Error> {
        Err(Error::Template("letters have no markers".to_owned()))
    }

    fn image(&self, _: &Path) -> Result<ImageInput, Error> {
        Ok(picture(8))
    }
}

pub fn request(prompt: &str, change: impl FnOnce(&mut Decoding)) -> Request {
    let mut decoding = Decoding {
        max_new_tokens: 12,
        // A token that is never written, so that most texts are long.
        stop_ids: vec![IMAGE],
        skip_special_tokens: false,
        ..Decoding::default()
    };
    change(&mut decoding);
    Request {
        id: prompt.to_owned(),
        images: Vec::new(),
        turns: Vec::new(),
        open: Open::None,
        prompt: Some(prompt.to_owned()),
        decoding,
    }
}

/// Completions in the order of the requests.
pub fn run(model: &dyn Mllm, options: Options, requests: &[Request]) -> Vec<Completion> {
    let mut generator = LocalGenerator::new(model, &Letters, options);
    generator.complete(requests).expect("generation")
}

/// Log-probabilities of the next token after ids, by one whole forward. The image token cannot come.
pub fn next(model: &dyn Mllm, ids: &[i64], images: &[ImageInput]) -> Vec<f64> {
    let logits = logits(model, ids, images);
    let _ = logits.narrow(0, IMAGE, 1).fill_(f64::NEG_INFINITY);
    Vec::try_from(logits.log_softmax(0, Kind::Double)).expect("values")
}

/// As [`next`], over the whole vocabulary.
pub fn next_of_all(model: &dyn Mllm, ids: &[i64], images: &[ImageInput]) -> Vec<f64> {
    let logits = logits(model, ids, images);
    Vec::try_from(logits.log_softmax(0, Kind::Double)).expect("values")
}

/// Logits of the next token `[v]`.
pub fn logits(model: &dyn Mllm, ids: &[i64], images: &[ImageInput]) -> Tensor {
    let _guard = torch::no_grad_guard();
    let mut batch = Batch::default();
    batch.push(ids, 0, images);
    let hidden = model.hidden(&batch, None).expect("hidden");
    let logits = model::logits(model, &hidden.narrow(0, ids.len() as i64 - 1, 1)).expect("logits");
    logits.reshape([-1]).to_kind(Kind::Double)
}

/// Greedy ids by whole forwards.
pub fn greedy(model: &dyn Mllm, prompt: &str, count: usize) -> Vec<i64> {
    let (mut ids, images) = Letters::encode(prompt).expect("prompt");
    let start = ids.len();
    while ids.len() < start + count {
        let values = next(model, &ids, &images);
        let best = (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]));
        ids.push(best.expect("a vocabulary") as i64);
    }
    ids.split_off(start)
}
