//! What all families share: a tokenizer, a chat template, and pictures whose tokens are repeated in place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use corpus::images::Alpha;
use corpus::{Open, Request, Sample, Turn, TurnMarkers};
use image::RgbImage;

use crate::chat::Chat;
use crate::rendering::count_marks;
use crate::shelf::{Shelf, version};
use crate::special::Special;
use crate::{
    Encoded, Error, FolderSettings, ImageInput, Options, Processor, template::Template,
    tokens::Tokens,
};

/// Stands for the image token of a model that has none; no token has this id.
const NO_TOKEN: i64 = -1;

/// The image token of the models that the paper's authors published in the layout of `transformers`: a token that Llama 3
/// keeps in reserve. Their code puts two begin-of-text tokens before each conversation, and nothing in the folders says so.
const TUNED_WITH_TWO: &str = "<|reserved_special_token_4|>";

/// What a family does to a picture. What is wrong with one is said in words.
pub(super) trait Pictures: Send + Sync {
    /// What `transformers` does to transparent pixels.
    fn alpha(&self) -> Alpha {
        Alpha::White
    }

    fn input(&self, picture: &RgbImage) -> Result<ImageInput, String>;
}

/// What makes a conversation one of a family.
pub(super) struct Family {
    /// The id that `config.json` gives.
    pub image_token: Option<i64>,
    /// The image token's text, for configurations without an id; none for a model that reads text only.
    pub image_token_text: Option<&'static str>,
    /// Rows of the model's embedding.
    pub num_embeddings: Option<u64>,
    pub pictures: Option<Box<dyn Pictures>>,
}

/// The processor of one checkpoint.
pub(super) struct Conversation {
    folder: PathBuf,
    tokens: Arc<Tokens>,
    /// None without a chat template.
    chat: Option<Chat>,
    special: Special,
    pictures: Option<Box<dyn Pictures>>,
    image_token: i64,
    extra_bos: bool,
    shelf: Shelf,
}

impl Conversation {
    pub fn load(folder: &Path, family: Family, options: &Options) -> Result<Self, Error> {
        let config_path = folder.join("config.json");
        let tokenizer_path = folder.join("tokenizer.json");
        let bad = |path: &Path, problem: String| Error::File {
            path: path.to_owned(),
            problem,
        };
        let tokens = Arc::new(Tokens::load(&tokenizer_path, family.image_token)?);
        let image_token = match family.image_token_text {
            None => NO_TOKEN,
            Some(text) => {
                let found = family.image_token.or_else(|| tokens.id(text));
                let token = found.ok_or_else(|| {
                    let problem =
                        format!("has no `image_token_index`, and the tokenizer has no `{text}`");
                    bad(&config_path, problem)
                })?;
                if tokens.control(token).is_none() {
                    let problem = format!(
                        "has no added token of id {token}, which `config.json` calls the image token"
                    );
                    return Err(bad(&tokenizer_path, problem));
                }
                token
            }
        };
        // More rows than ids are padding; more ids than rows could not be embedded.
        if let Some(rows) = family.num_embeddings.filter(|&rows| tokens.size() > rows) {
            let problem = format!(
                "has {} ids, but the model embeds only {rows}",
                tokens.size()
            );
            return Err(bad(&tokenizer_path, problem));
        }
        let special = Special::load(folder, &tokens)?;
        let template_problem =
            |problem: String| bad(folder, format!("has a chat template that {problem}"));
        let chat = match Template::find(folder)? {
            None => None,
            Some(source) => {
                let template =
                    Template::new(&source, special.names.clone(), &options.template_date)
                        .map_err(template_problem)?;
                let chat = Chat::new(
                    tokens.clone(),
                    template,
                    image_token,
                    special.begin,
                    options.parse_texts,
                );
                Some(
                    chat.map_err(|problem| template_problem(format!("cannot be used: {problem}")))?,
                )
            }
        };
        let own = FolderSettings::read(folder)?.extra_bos;
        let extra_bos = options.extra_bos.or(own).unwrap_or_else(|| {
            let image = tokens.control(image_token);
            image.is_some_and(|image| image.text == TUNED_WITH_TWO)
        });
        Ok(Self {
            folder: folder.to_owned(),
            tokens,
            chat,
            special,
            pictures: family.pictures,
            image_token,
            extra_bos,
            shelf: Shelf::default(),
        })
    }

    fn chat(&self) -> Result<&Chat, Error> {
        self.chat.as_ref().ok_or_else(|| Error::NoTemplate {
            folder: self.folder.clone(),
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
        let ids = self.chat()?.encode(id, turns, open)?;
        let extra = self
            .special
            .begin
            .filter(|_| self.extra_bos)
            .map(|begin| (begin, false));
        Ok(self.expand(extra.into_iter().chain(ids), self.inputs(images)?))
    }

    fn inputs(&self, images: &[PathBuf]) -> Result<Vec<ImageInput>, Error> {
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

impl Processor for Conversation {
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
        let ids = self.tokens.encode_raw(prompt)?;
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
            self.inputs(&request.images)?,
        ))
    }

    fn decode(&self, ids: &[i64], skip_special_tokens: bool) -> String {
        self.tokens.decode(ids, skip_special_tokens)
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

    fn extra_bos(&self) -> bool {
        self.extra_bos
    }

    fn markers(&self) -> Result<TurnMarkers, Error> {
        self.chat()?.markers(self.special.end_of_text_name.clone())
    }

    fn control_tokens(&self) -> Vec<String> {
        self.tokens.controls().map(str::to_owned).collect()
    }

    fn image(&self, path: &Path) -> Result<ImageInput, Error> {
        self.shelf.get_or_make(path, version(path), || {
            let pictures = self.pictures.as_ref().ok_or_else(|| Error::TextOnly {
                path: path.to_owned(),
            })?;
            pictures
                .input(&corpus::images::decode_as(path, pictures.alpha())?)
                .map_err(|problem| Error::Picture {
                    path: path.to_owned(),
                    problem,
                })
        })
    }
}
