//! LLaVA-NeXT (LLaVA-v1.6): any-resolution tiles and a chat template over a Llama-shaped tokenizer.

mod tiles;

use std::path::{Path, PathBuf};

use corpus::{Open, Request, Sample, Turn};
use serde_json::Value;

use self::tiles::Tiling;
use super::read_json;
use crate::chat::Chat;
use crate::rendering::count_marks;
use crate::shelf::{Shelf, version};
use crate::special::Special;
use crate::{
    Encoded, Error, ImageInput, Options, Processor, TurnMarkers, template::Template, tokens::Tokens,
};

/// The processor of one checkpoint.
pub(super) struct LlavaNext {
    chat: Chat,
    special: Special,
    tiling: Tiling,
    image_token: i64,
    extra_bos: bool,
    shelf: Shelf,
}

impl LlavaNext {
    pub fn load(folder: &Path, config: &Value, options: &Options) -> Result<Self, Error> {
        let config_path = folder.join("config.json");
        let tokenizer_path = folder.join("tokenizer.json");
        let bad = |path: &Path, problem: String| Error::File {
            path: path.to_owned(),
            problem,
        };
        let stated = config["image_token_index"]
            .as_i64()
            .or_else(|| config["image_token_id"].as_i64());
        let tokens = Tokens::load(&tokenizer_path, stated)?;
        let image_token = stated.or_else(|| tokens.id("<image>")).ok_or_else(|| {
            bad(
                &config_path,
                "has no `image_token_index`, and the tokenizer has no `<image>`".to_owned(),
            )
        })?;
        if tokens.control(image_token).is_none() {
            let problem = format!(
                "has no added token of id {image_token}, which `config.json` calls the image token"
            );
            return Err(bad(&tokenizer_path, problem));
        }
        if let Some(rows) = config["text_config"]["vocab_size"]
            .as_u64()
            .filter(|&rows| tokens.size() > rows)
        {
            let problem = format!(
                "has {} ids, but the model embeds only {rows}",
                tokens.size()
            );
            return Err(bad(&tokenizer_path, problem));
        }
        let special = Special::load(folder, &tokens)?;
        let source = Template::find(folder)?.ok_or_else(|| Error::File {
            path: folder.join("chat_template.jinja"),
            problem: "is missing, and neither `chat_template.json` nor `tokenizer_config.json` has a `chat_template`; \
                      add one of them"
                .to_owned(),
        })?;
        let template_problem =
            |problem: String| bad(folder, format!("has a chat template that {problem}"));
        let template = Template::new(&source, special.names.clone(), &options.template_date)
            .map_err(template_problem)?;
        let chat = Chat::new(
            tokens,
            template,
            image_token,
            special.begin,
            options.parse_texts,
        )
        .map_err(|problem| template_problem(format!("cannot be used: {problem}")))?;
        let (settings_path, settings) = image_settings(folder)?;
        let tiling =
            Tiling::parse(&settings, config).map_err(|problem| bad(&settings_path, problem))?;
        Ok(Self {
            chat,
            special,
            tiling,
            image_token,
            extra_bos: options.extra_bos,
            shelf: Shelf::default(),
        })
    }

    /// The conversation's ids with each picture's token repeated.
    fn encode(
        &self,
        id: &str,
        turns: &[Turn],
        images: &[PathBuf],
        open: Open,
    ) -> Result<Encoded, Error> {
        if turns.is_empty() {
            return Err(Error::Empty { id: id.to_owned() });
        }
        let marks: usize = turns.iter().map(count_marks).sum();
        if marks != images.len() {
            return Err(Error::Marks {
                id: id.to_owned(),
                marks,
                images: images.len(),
            });
        }
        let ids = self.chat.encode(id, turns, open)?;
        let extra = self
            .special
            .begin
            .filter(|_| self.extra_bos)
            .map(|begin| (begin, false));
        Ok(self.expand(extra.into_iter().chain(ids), self.pictures(images)?))
    }

    fn pictures(&self, images: &[PathBuf]) -> Result<Vec<ImageInput>, Error> {
        images.iter().map(|path| self.image(path)).collect()
    }

    /// Repeats each image token as often as its picture needs; there is one for each picture.
    fn expand(&self, ids: impl Iterator<Item = (i64, bool)>, images: Vec<ImageInput>) -> Encoded {
        let mut counts = images.iter().map(|image| image.num_tokens);
        let (ids, learn) = ids
            .flat_map(|(id, learned)| {
                let count = if id == self.image_token {
                    counts.next().unwrap_or(0)
                } else {
                    1
                };
                std::iter::repeat_n((id, learned), count)
            })
            .unzip();
        Encoded { ids, learn, images }
    }
}

impl Processor for LlavaNext {
    fn sample(&self, sample: &Sample) -> Result<Encoded, Error> {
        let mut encoded = self.encode(&sample.id, &sample.turns, &sample.images, Open::None)?;
        if sample.end {
            encoded.ids.push(self.special.end_of_text);
            encoded.learn.push(true);
        }
        Ok(encoded)
    }

    fn request(&self, request: &Request) -> Result<Encoded, Error> {
        let Some(prompt) = &request.prompt else {
            let mut encoded =
                self.encode(&request.id, &request.turns, &request.images, request.open)?;
            encoded.learn.fill(false);
            return Ok(encoded);
        };
        let ids = self.chat.tokens.encode_raw(prompt)?;
        let marks = ids.iter().filter(|&&id| id == self.image_token).count();
        if marks != request.images.len() {
            return Err(Error::Marks {
                id: request.id.clone(),
                marks,
                images: request.images.len(),
            });
        }
        Ok(self.expand(
            ids.into_iter().map(|id| (id, false)),
            self.pictures(&request.images)?,
        ))
    }

    fn decode(&self, ids: &[i64], skip_special_tokens: bool) -> String {
        self.chat.tokens.decode(ids, skip_special_tokens)
    }

    fn stop_ids(&self) -> &[i64] {
        &self.special.stop_ids
    }

    fn end_of_text(&self) -> i64 {
        self.special.end_of_text
    }

    fn image_token(&self) -> i64 {
        self.image_token
    }

    fn markers(&self) -> Result<TurnMarkers, Error> {
        self.chat.markers(self.special.end_of_text_name.clone())
    }

    fn image(&self, path: &Path) -> Result<ImageInput, Error> {
        let version = version(path);
        if let Some(found) = self.shelf.get(path, version) {
            return Ok(found);
        }
        let input = self.tiling.input(&corpus::images::decode(path)?);
        self.shelf.put(path, version, &input);
        Ok(input)
    }
}

/// The image processor's settings and the file that has them.
fn image_settings(folder: &Path) -> Result<(PathBuf, Value), Error> {
    let path = folder.join("preprocessor_config.json");
    let settings = read_json(&path, true)?;
    if !settings.is_null() {
        return Ok((path, settings));
    }
    let path = folder.join("processor_config.json");
    match &read_json(&path, true)?["image_processor"] {
        Value::Null => Err(Error::File {
            path: folder.join("preprocessor_config.json"),
            problem:
                "is missing, and `processor_config.json` has no `image_processor`; add one of them"
                    .to_owned(),
        }),
        settings => Ok((path, settings.clone())),
    }
}
