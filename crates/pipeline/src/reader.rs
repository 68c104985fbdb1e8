//! What a stage reads from outside of the stages becomes part of its identity here: values of recipe keys, and the content of
//! files, records, pictures and models. No name of a place enters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::ModelPlace;
use corpus::digest::Growing;
use corpus::digests::{Digests, Together};
use run::Reads;
use run::recipe::Recipe;
use run::recipe::training::PASSING;
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::file_rows::Row;
use crate::pictures::{Laid, PictureStore};
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

    /// Records as they come, and those that cannot be used, by what they say and, apart, by what their pictures show: wherever
    /// either lies.
    ///
    /// Gives what [`Reader::rows`] gives and what `rows` gives, and [`Error::Io`] where a picture cannot be named in the run
    /// folder.
    pub fn records<T: Pictured + Serialize>(
        &mut self,
        role: &str,
        mut rows: impl Iterator<Item = Result<Row<T>>>,
    ) -> Result<()> {
        let (mut identity, mut laid) = (Identity::default(), Laid::default());
        let mut part = Vec::new();
        let mut beside = Growing::default();
        let mut separator = "[";
        loop {
            let row = rows.next().transpose()?;
            let is_last = row.is_none();
            match row {
                Some(Ok(row)) => part.push(row),
                Some(Err(rejected)) => {
                    beside.add(separator);
                    beside.add(serde_json::to_vec(&(&rejected.id, &rejected.reason))?);
                    separator = ",";
                }
                None => {}
            }
            if part.len() < PART && !is_last {
                continue;
            }
            let known = self.digests(role, &part)?;
            // What the stage writes names its pictures by content.
            self.store.lay(&known, &mut laid)?;
            identity.add(&part, &known)?;
            part.clear();
            if is_last {
                break;
            }
        }
        beside.add(if separator == "[" { "[]" } else { "]" });
        self.identified(role, identity, &beside.finish());
        Ok(())
    }

    /// As [`Reader::records`], of rows whose pictures are used where they lie; `beside` is what tells them apart beside what
    /// they say.
    ///
    /// Gives [`Error::Pictures`] and [`Error::Json`].
    pub fn rows<T: Pictured + Serialize>(
        &mut self,
        role: &str,
        rows: &[T],
        beside: &Value,
    ) -> Result<()> {
        let mut identity = Identity::default();
        identity.add(rows, &self.digests(role, rows)?)?;
        let beside = corpus::digest::bytes(beside.to_string().as_bytes());
        self.identified(role, identity, &beside);
        Ok(())
    }

    fn digests<T: Pictured>(
        &mut self,
        role: &str,
        rows: &[T],
    ) -> Result<BTreeMap<PathBuf, String>> {
        let known = self.store.digests(rows, self.digests);
        known.map_err(|source| Error::Pictures {
            role: role.to_owned(),
            source,
        })
    }

    fn identified(&mut self, role: &str, mut identity: Identity, beside: &str) {
        identity.texts.add("", beside);
        let contents = &mut self.reads.contents;
        contents.insert(role.to_owned(), identity.texts.finish());
        contents.insert(format!("pictures of {role}"), identity.shown.finish());
    }

    /// What was read, and the models of it.
    pub fn done(self) -> (Reads, Vec<ModelRead>) {
        (self.reads, self.models)
    }
}

/// Records whose pictures are looked at together.
const PART: usize = 1024;

/// What identifies records: what they say, and what their pictures show.
#[derive(Default)]
struct Identity {
    texts: Together,
    shown: Together,
}

impl Identity {
    fn add<T: Pictured + Serialize>(
        &mut self,
        rows: &[T],
        known: &BTreeMap<PathBuf, String>,
    ) -> Result<()> {
        for row in rows {
            let mut named = row.clone();
            for (nth, image) in named.images_mut().iter_mut().enumerate() {
                let digest = known.get(image).map_or("not there", String::as_str);
                self.shown.add(row.id(), digest);
                *image = PathBuf::from(nth.to_string());
            }
            let text = serde_json::to_vec(&named)?;
            self.texts.add(row.id(), &corpus::digest::bytes(&text));
        }
        Ok(())
    }
}
