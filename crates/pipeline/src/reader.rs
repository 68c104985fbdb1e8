//! What a stage reads from outside of the stages becomes part of its identity here: values of recipe keys, and the content of
//! files, records, pictures and models. No name of a place enters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::ModelPlace;
use corpus::digests::{Digests, together};
use corpus::formats::Loaded;
use run::Reads;
use run::recipe::Recipe;
use run::recipe::training::PASSING;
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::pictures::PictureStore;
use crate::records::Pictured;

/// The recipe key of the general model.
const GENERAL: &str = "model.checkpoint";

/// A model that a stage reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRead {
    /// The recipe key that names it.
    pub key: &'static str,
    /// Its folder.
    pub folder: PathBuf,
}

/// Collects what a stage reads.
pub struct Reader<'a> {
    /// None where only contents are asked for.
    recipe: Option<&'a Recipe>,
    store: &'a PictureStore,
    digests: &'a mut Digests,
    reads: Reads,
    models: Vec<ModelRead>,
}

impl<'a> Reader<'a> {
    /// For one stage.
    pub fn new(recipe: &'a Recipe, store: &'a PictureStore, digests: &'a mut Digests) -> Self {
        Self {
            recipe: Some(recipe),
            ..Self::of_contents(store, digests)
        }
    }

    /// For contents alone: recipe keys are passed over.
    pub fn of_contents(store: &'a PictureStore, digests: &'a mut Digests) -> Self {
        Self {
            recipe: None,
            store,
            digests,
            reads: Reads::default(),
            models: Vec::new(),
        }
    }

    /// Recipe keys and sections.
    pub fn keys(&mut self, names: &[&str]) {
        if let Some(recipe) = self.recipe {
            self.reads.recipe.extend(recipe.values(names));
        }
    }

    /// Recipe keys of a training but for those that change no result, and for the word that says which stages there are.
    pub fn training(&mut self, section: &str) {
        let mut passing = PASSING.map(|key| format!("{section}.{key}")).to_vec();
        passing.push(format!("{section}.pipeline"));
        let all = self.recipe.map(|recipe| recipe.values(&[section]));
        let all = all.into_iter().flatten();
        let lasting = all.filter(|(key, _)| !passing.contains(key));
        self.reads.recipe.extend(lasting);
    }

    /// Recipe keys that say how any model is run. What `model.family` is changes presets, which have their own keys.
    pub fn model_settings(&mut self) {
        self.keys(&[
            "model.dtype",
            "model.template_date",
            "model.min_pixels",
            "model.max_pixels",
            "run.seed",
        ]);
    }

    /// What is said on the command line, or what tells two stages of one kind apart.
    pub fn setting(&mut self, name: &str, value: impl Into<Value>) {
        self.reads.recipe.insert(name.to_owned(), value.into());
    }

    /// A model that holds conversations, by the files of its folder; `key` is the recipe key that names it.
    ///
    /// Gives [`Error::ModelRole`] where it has no chat template, and [`Error::Corpus`].
    pub fn model(&mut self, role: &str, key: &'static str, folder: &Path) -> Result<()> {
        // Without a tokenizer there is nothing yet that a template could belong to; a plan does without both.
        let texts = ModelPlace::texts(folder);
        if texts.join("tokenizer.json").exists() && !processor::has_chat_template(&texts)? {
            let folder = texts;
            return Err(Error::ModelRole {
                key,
                role: role.to_owned(),
                source: processor::Error::NoTemplate { folder },
            });
        }
        self.raw_model(role, key, folder)
    }

    /// A model of which only tokenizer and templates are used.
    ///
    /// Gives [`Error::ModelRole`] where it has no chat template, and [`Error::Corpus`].
    pub fn texts(&mut self, role: &str, key: &'static str, folder: &Path) -> Result<()> {
        let texts = ModelPlace::texts(folder);
        if !processor::has_chat_template(&texts)? {
            return Err(Error::ModelRole {
                key,
                role: role.to_owned(),
                source: processor::Error::NoTemplate { folder: texts },
            });
        }
        let digest = self.digests.model(folder)?;
        self.reads.contents.insert(role.to_owned(), digest);
        Ok(())
    }

    /// A model that is given raw prompts, for which it needs no chat template.
    ///
    /// Gives [`Error::Corpus`].
    pub fn raw_model(&mut self, role: &str, key: &'static str, folder: &Path) -> Result<()> {
        if key == GENERAL {
            self.keys(&["model.extra_bos"]);
        }
        let digest = self.digests.model(folder)?;
        self.reads.contents.insert(role.to_owned(), digest);
        self.models.push(ModelRead {
            key,
            folder: folder.to_owned(),
        });
        Ok(())
    }

    /// A model that is asked at an endpoint, by the name that it has there: the only thing that tells one from another. `section`
    /// is that of the recipe; how pictures are sent counts where any are.
    pub fn endpoint(&mut self, section: &str, sends_pictures: bool) {
        self.keys(&[&format!("{section}.endpoint_model")]);
        if sends_pictures {
            self.keys(&["endpoints.picture_format", "endpoints.max_picture_side"]);
        }
    }

    /// A file, by its bytes.
    ///
    /// Gives [`Error::Corpus`].
    pub fn file(&mut self, role: &str, path: &Path) -> Result<()> {
        let digest = self.digests.file(path)?;
        self.reads.contents.insert(role.to_owned(), digest);
        Ok(())
    }

    /// A file by its bytes, or a folder by its files.
    ///
    /// Gives [`Error::Corpus`].
    pub fn data(&mut self, role: &str, path: &Path) -> Result<()> {
        let digest = if path.is_dir() {
            self.digests.tree(path)?
        } else {
            self.digests.file(path)?
        };
        self.reads.contents.insert(role.to_owned(), digest);
        Ok(())
    }

    /// Records, by what they say and, apart, by what their pictures show: wherever either lies.
    ///
    /// Gives what [`Reader::rows`] gives, and [`Error::Io`] where a picture cannot be named in the run folder.
    pub fn records<T: Pictured + Serialize>(
        &mut self,
        role: &str,
        loaded: &Loaded<T>,
    ) -> Result<()> {
        let rejected = loaded.rejected.iter().map(|r| (&r.id, &r.reason));
        let rejected: Vec<_> = rejected.collect();
        let known = self.rows(role, &loaded.rows, &serde_json::to_value(rejected)?)?;
        // What the stage writes names its pictures by content.
        self.store.lay(&known)
    }

    /// As [`Reader::records`], of rows whose pictures are used where they lie; gives these with their digests.
    ///
    /// Gives [`Error::Pictures`] and [`Error::Json`].
    pub fn rows<T: Pictured + Serialize>(
        &mut self,
        role: &str,
        rows: &[T],
        beside: &Value,
    ) -> Result<BTreeMap<PathBuf, String>> {
        let known = self
            .store
            .digests(rows, self.digests)
            .map_err(|source| Error::Pictures {
                role: role.to_owned(),
                source,
            })?;
        let (mut texts, mut shown) = (Vec::new(), Vec::new());
        for row in rows {
            let mut named = row.clone();
            for (nth, image) in named.images_mut().iter_mut().enumerate() {
                let digest = known.get(image).cloned();
                *image = PathBuf::from(nth.to_string());
                shown.push((row.id(), digest.unwrap_or_else(|| "not there".to_owned())));
            }
            let text = serde_json::to_vec(&named)?;
            texts.push((row.id(), corpus::digest::bytes(&text)));
        }
        let beside = corpus::digest::bytes(beside.to_string().as_bytes());
        let texts = texts.into_iter().chain(std::iter::once(("", beside)));
        let contents = &mut self.reads.contents;
        contents.insert(role.to_owned(), together(texts));
        contents.insert(format!("pictures of {role}"), together(shown.into_iter()));
        Ok(known)
    }

    /// What was read, and the models of it.
    pub fn done(self) -> (Reads, Vec<ModelRead>) {
        (self.reads, self.models)
    }
}
