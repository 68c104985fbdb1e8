//! LLaVA-NeXT (LLaVA-v1.6): any-resolution tiles and a chat template over a Llama-shaped tokenizer.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use corpus::{Request, Sample, Turn};
use serde_json::{Map, Value};

use super::read_json;
use crate::chat::{Chat, Piece, count_marks};
use crate::pixels::Tiling;
use crate::{Encoded, Error, ImageInput, Options, Processor, Template, Tokens, TurnMarkers};

/// Prepared pictures are kept up to so many values.
const CACHE_VALUES: usize = 128 << 20;

/// The processor of one checkpoint.
pub(super) struct LlavaNext {
    tokens: Tokens,
    template: Template,
    tiling: Tiling,
    image_token: i64,
    end_of_text: i64,
    end_of_text_text: String,
    stop_ids: Vec<i64>,
    extra_bos: Option<i64>,
    cache: Mutex<HashMap<PathBuf, ImageInput>>,
}

impl LlavaNext {
    pub fn load(folder: &Path, config: &Value, options: &Options) -> Result<Self, Error> {
        let tokens = Tokens::load(&folder.join("tokenizer.json"))?;
        let settings_path = folder.join("tokenizer_config.json");
        let settings = read_json(&settings_path, true)?;
        let mut special = Map::new();
        for key in ["bos_token", "eos_token", "pad_token", "unk_token"] {
            let value = settings[key].as_str().or_else(|| settings[key]["content"].as_str());
            special.insert(key.to_owned(), Value::from(value.unwrap_or_default()));
        }
        let source = Template::find(folder)?.ok_or_else(|| Error::File {
            path: settings_path.clone(),
            problem: "has no `chat_template`, and there is no `chat_template.jinja` beside it".to_owned(),
        })?;
        let template = Template::new(&source, Value::Object(special.clone()), &options.template_date)?;
        let processor_path = folder.join("preprocessor_config.json");
        let mut pictures = read_json(&processor_path, true)?;
        if pictures.is_null() {
            pictures = read_json(&folder.join("processor_config.json"), true)?["image_processor"].take();
        }
        let tiling =
            Tiling::parse(&pictures, config).map_err(|problem| Error::File { path: processor_path, problem })?;
        let image_token = config["image_token_index"].as_i64().or_else(|| config["image_token_id"].as_i64()).or_else(|| tokens.id("<image>"));
        let image_token = image_token.ok_or_else(|| Error::File {
            path: folder.join("config.json"),
            problem: "has no `image_token_index`, and the tokenizer has no `<image>`".to_owned(),
        })?;
        let eos = special["eos_token"].as_str().unwrap_or_default();
        let end_of_text_text = ["<|end_of_text|>", "<|endoftext|>", "</s>", eos]
            .into_iter()
            .find(|token| tokens.id(token).is_some())
            .unwrap_or_default()
            .to_owned();
        let end_of_text = tokens.id(&end_of_text_text).ok_or_else(|| Error::File {
            path: settings_path,
            problem: "names no end-of-text token that the tokenizer knows".to_owned(),
        })?;
        let generation = read_json(&folder.join("generation_config.json"), true)?;
        let mut stop_ids: Vec<i64> = match &generation["eos_token_id"] {
            Value::Array(list) => list.iter().filter_map(Value::as_i64).collect(),
            other => other.as_i64().into_iter().collect(),
        };
        if stop_ids.is_empty() {
            stop_ids.extend(tokens.id(eos));
            stop_ids.extend(tokens.id("<|eot_id|>"));
            stop_ids.push(end_of_text);
            stop_ids.sort_unstable();
            stop_ids.dedup();
        }
        let bos = special["bos_token"].as_str().and_then(|token| tokens.id(token));
        Ok(Self {
            extra_bos: bos.filter(|_| options.extra_bos),
            tokens,
            template,
            tiling,
            image_token,
            end_of_text,
            end_of_text_text,
            stop_ids,
            cache: Mutex::new(HashMap::new()),
        })
    }

    fn chat(&self) -> Chat<'_> {
        Chat { template: &self.template, tokens: &self.tokens }
    }

    fn pictures(&self, id: &str, turns: &[Turn], images: &[PathBuf]) -> Result<Vec<ImageInput>, Error> {
        let marks: usize = turns.iter().map(count_marks).sum();
        if marks != images.len() {
            return Err(Error::Marks { id: id.to_owned(), marks, images: images.len() });
        }
        images.iter().map(|path| self.image(path)).collect()
    }

    fn assemble(&self, pieces: Vec<Piece>, images: Vec<ImageInput>) -> Encoded {
        let mut encoded = Encoded { ids: Vec::new(), learn: Vec::new(), images };
        if let Some(bos) = self.extra_bos {
            encoded.ids.push(bos);
            encoded.learn.push(false);
        }
        let mut next = 0;
        for (piece, learned) in pieces {
            let (id, count) = match piece {
                Some(id) => (id, 1),
                None => {
                    next += 1;
                    (self.image_token, encoded.images[next - 1].num_tokens)
                }
            };
            encoded.ids.extend(std::iter::repeat_n(id, count));
            encoded.learn.extend(std::iter::repeat_n(learned, count));
        }
        encoded
    }
}

impl Processor for LlavaNext {
    fn sample(&self, sample: &Sample) -> Result<Encoded, Error> {
        if sample.turns.is_empty() {
            return Err(Error::Empty { id: sample.id.clone() });
        }
        let images = self.pictures(&sample.id, &sample.turns, &sample.images)?;
        let mut pieces = self.chat().pieces(&sample.turns, None)?;
        if sample.end {
            pieces.push((Some(self.end_of_text), true));
        }
        Ok(self.assemble(pieces, images))
    }

    fn request(&self, request: &Request) -> Result<Encoded, Error> {
        if let Some(prompt) = &request.prompt {
            if !request.images.is_empty() {
                return Err(Error::Marks { id: request.id.clone(), marks: 0, images: request.images.len() });
            }
            let ids = self.tokens.encode_raw(prompt)?;
            return Ok(Encoded { learn: vec![false; ids.len()], ids, images: Vec::new() });
        }
        if request.turns.is_empty() {
            return Err(Error::Empty { id: request.id.clone() });
        }
        let images = self.pictures(&request.id, &request.turns, &request.images)?;
        let pieces = self.chat().pieces(&request.turns, Some(request.open))?;
        let mut encoded = self.assemble(pieces, images);
        encoded.learn.fill(false);
        Ok(encoded)
    }

    fn decode(&self, ids: &[i64], skip_special_tokens: bool) -> String {
        self.tokens.decode(ids, skip_special_tokens)
    }

    fn stop_ids(&self) -> &[i64] {
        &self.stop_ids
    }

    fn end_of_text(&self) -> i64 {
        self.end_of_text
    }

    fn image_token(&self) -> i64 {
        self.image_token
    }

    fn markers(&self) -> Result<TurnMarkers, Error> {
        self.chat().markers(self.end_of_text_text.clone())
    }

    fn image(&self, path: &Path) -> Result<ImageInput, Error> {
        if let Ok(cache) = self.cache.lock()
            && let Some(found) = cache.get(path)
        {
            return Ok(found.clone());
        }
        let input = self.tiling.input(&corpus::images::decode(path)?)?;
        if let Ok(mut cache) = self.cache.lock() {
            if cache.values().map(|i| i.pixels.len()).sum::<usize>() + input.pixels.len() > CACHE_VALUES {
                cache.clear();
            }
            cache.insert(path.to_owned(), input.clone());
        }
        Ok(input)
    }
}
