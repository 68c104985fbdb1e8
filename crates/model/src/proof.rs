//! Whether a folder that was just written computes what the model in memory did: logits of one short request, with a
//! picture where the model sees. Equal bytes do not show that names, configuration and processor belong to them.

use std::error::Error;
use std::path::{Path, PathBuf};

use corpus::images::ImageError;
use corpus::{Decoding, Open, Request, Role, Turn};
use processor::{Encoded, Processor};
use serde_json::Value;
use torch::{Kind, TchError, Tensor};

use crate::mllm::{self, Batch, Group, Mllm, Parameter};

/// The request's picture while it is needed; ends as what a kill leaves half written, which the next attempt clears.
const PICTURE: &str = ".proof.png.partial";

/// Why a folder is not known to be sound.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Its tokenizer or its pictures' settings are others.
    #[error(
        "the processor of `{}` makes other ids or pixels of a request than the one it was saved with; its files of \
         tokenizer or pictures do not belong to the model",
        folder.display()
    )]
    Encoding {
        /// The folder.
        folder: PathBuf,
    },
    /// Its model computes something else.
    #[error(
        "`{}` does not compute what the saved model does: logits of one request differ {} of the largest, at most \
         {allowed:.0e} is expected; do not use that folder, and save again (is the disk sound?)",
        folder.display(),
        difference.map_or("in number".to_owned(), |found| format!("by {found:.1e}"))
    )]
    Logits {
        /// The folder.
        folder: PathBuf,
        /// The largest difference over the largest value; none for other lengths or values that are no finite numbers.
        difference: Option<f64>,
        /// What would be no difference.
        allowed: f64,
    },
    /// It cannot be opened.
    #[error("cannot read `{}` back", folder.display())]
    Back {
        /// The folder.
        folder: PathBuf,
        /// What the caller's way to open it gave.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The request's picture cannot be written.
    #[error(transparent)]
    Picture(#[from] ImageError),
    /// The request's picture cannot be removed.
    #[error("cannot remove `{}`", path.display())]
    Remove {
        /// The picture.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The processor refused the request.
    #[error(transparent)]
    Processor(#[from] processor::Error),
    /// The model refused the request.
    #[error(transparent)]
    Model(#[from] crate::Error),
}

impl From<TchError> for ProofError {
    fn from(error: TchError) -> Self {
        Self::Model(error.into())
    }
}

/// What a model says to one request.
#[derive(Debug)]
pub struct Proof {
    encoded: Encoded,
    /// Logits of the last token, `[1, v]`.
    logits: Tensor,
}

impl Proof {
    /// Runs `model`, which lies or will lie in `folder`. Without a processor the request is a few ids.
    ///
    /// Gives [`ProofError::Picture`], [`ProofError::Remove`], [`ProofError::Processor`] and [`ProofError::Model`].
    pub fn of(
        model: &dyn Mllm,
        processor: Option<&dyn Processor>,
        folder: &Path,
    ) -> Result<Self, ProofError> {
        let encoded = match processor {
            Some(processor) => match request(model, processor, folder) {
                // The model is one for raw prompts alone.
                Err(ProofError::Processor(processor::Error::NoTemplate { .. })) => ids(model),
                made => made?,
            },
            None => ids(model),
        };
        let logits = logits(model, &encoded)?;
        Ok(Self { encoded, logits })
    }

    /// An error unless `other`, of the folder as it is on the disk, says the same: [`ProofError::Encoding`],
    /// [`ProofError::Logits`], or [`ProofError::Model`].
    pub fn check(&self, other: &Self, folder: &Path) -> Result<(), ProofError> {
        if self.encoded != other.encoded {
            return Err(ProofError::Encoding {
                folder: folder.to_owned(),
            });
        }
        let difference = difference(&self.logits, &other.logits)?;
        // The same weights on the same device give the same bits; a kernel may still be chosen anew.
        let allowed = if self.logits.kind() == Kind::BFloat16 {
            2e-2
        } else {
            1e-4
        };
        if !difference.is_some_and(|found| found <= allowed) {
            return Err(ProofError::Logits {
                folder: folder.to_owned(),
                difference,
                allowed,
            });
        }
        Ok(())
    }
}

/// Checks a folder that was saved with the files of `processor`: `model` is run and freed, then `open` gives what is
/// on the disk. Its error is given as it is, beside every variant of [`ProofError`] but [`ProofError::Back`].
pub fn saved<E: From<ProofError>>(
    model: Box<dyn Mllm>,
    processor: &dyn Processor,
    folder: &Path,
    open: impl FnOnce() -> Result<(Box<dyn Mllm>, Box<dyn Processor>), E>,
) -> Result<(), E> {
    let expected = Proof::of(model.as_ref(), Some(processor), folder)?;
    drop(model);
    let (model, processor) = open()?;
    let found = Proof::of(model.as_ref(), Some(processor.as_ref()), folder)?;
    Ok(expected.check(&found, folder)?)
}

/// As [`saved`], for a converted model: its processor is the one of `source`, and if that does not open, which a
/// conversion of weights need not care about, the request is a few ids; the warning that is given then says so.
///
/// Gives every variant of [`ProofError`].
pub fn converted<E: Into<Box<dyn Error + Send + Sync>>>(
    model: Box<dyn Mllm>,
    source: &Path,
    folder: &Path,
    open: impl FnOnce() -> Result<Box<dyn Mllm>, E>,
) -> Result<Option<String>, ProofError> {
    let (processor, warning) = match processor::load(source, &processor::Options::default()) {
        Ok(processor) => (Some(processor), None),
        Err(error) => {
            let warning = format!(
                "`{}` was compared by logits of a few ids only, since its processor does not open: {error}",
                folder.display()
            );
            (None, Some(warning))
        }
    };
    let expected = Proof::of(model.as_ref(), processor.as_deref(), folder)?;
    drop(model);
    let model = open().map_err(|error| ProofError::Back {
        folder: folder.to_owned(),
        source: error.into(),
    })?;
    let found = Proof::of(model.as_ref(), processor.as_deref(), folder)?;
    expected.check(&found, folder)?;
    Ok(warning)
}

/// A short request, with a picture if the model has a tower.
fn request(
    model: &dyn Mllm,
    processor: &dyn Processor,
    folder: &Path,
) -> Result<Encoded, ProofError> {
    let is_tower = |p: &Parameter| p.group == Group::VisionTower;
    let sees = model.parameters().iter().any(is_tower);
    let (text, picture) = ("What is shown here?", folder.join(PICTURE));
    let (turn, images) = if sees {
        // Longer than high: two tiles and an overview where pictures are cut.
        let drawn = image::RgbImage::from_fn(80, 40, |x, y| {
            image::Rgb([
                (x * 3) as u8,
                (y * 6) as u8,
                ((x / 8 + y / 8) % 2 * 200) as u8,
            ])
        });
        corpus::images::encode_png(&drawn, &picture)?;
        let turn = Turn::new(Role::User, corpus::image_marks(1) + text).with_marks();
        (turn, vec![picture.clone()])
    } else {
        (Turn::new(Role::User, text), Vec::new())
    };
    let request = Request {
        id: "proof".to_owned(),
        images,
        turns: vec![turn],
        open: Open::Assistant,
        prompt: None,
        decoding: Decoding::default(),
    };
    let encoded = processor.request(&request);
    if sees {
        std::fs::remove_file(&picture).map_err(|source| ProofError::Remove {
            path: picture.clone(),
            source,
        })?;
    }
    Ok(encoded?)
}

/// The first ids of the vocabulary but the one of pictures.
fn ids(model: &dyn Mllm) -> Encoded {
    // A model that no configuration describes has no token for pictures.
    let config: Value = serde_json::from_str(model.config_text()).unwrap_or_default();
    let pictures = ["image_token_index", "image_token_id"].map(|key| config[key].as_i64());
    let rows = model.head().size()[0];
    let ids: Vec<i64> = (0..rows.min(8))
        .filter(|id| !pictures.contains(&Some(*id)))
        .collect();
    Encoded {
        learn: vec![false; ids.len()],
        ids,
        images: Vec::new(),
    }
}

fn logits(model: &dyn Mllm, encoded: &Encoded) -> Result<Tensor, crate::Error> {
    let _guard = torch::no_grad_guard();
    let mut batch = Batch::default();
    batch.push(&encoded.ids, 0, &encoded.images);
    let hidden = model.hidden(&batch, None)?;
    let last = hidden.f_narrow(0, hidden.size()[0] - 1, 1)?;
    Ok(mllm::logits(model, &last)?.copy())
}

/// The largest difference over the largest value; none for other lengths or values that are no finite numbers.
fn difference(a: &Tensor, b: &Tensor) -> Result<Option<f64>, TchError> {
    if a.size() != b.size() {
        return Ok(None);
    }
    let (a, b) = (a.f_to_kind(Kind::Double)?, b.f_to_kind(Kind::Double)?);
    let largest = |t: &Tensor| t.f_abs()?.f_max()?.f_double_value(&[]);
    let difference = largest(&a.f_sub(&b)?)? / largest(&a)?.max(f64::MIN_POSITIVE);
    Ok(difference.is_finite().then_some(difference))
}

#[cfg(test)]
mod tests {
    use torch::Device;

    use super::*;

    /// The shipped base, in a folder of its own.
    fn base(folder: &Path) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/base-model");
        for entry in std::fs::read_dir(shipped).expect("folder") {
            let entry = entry.expect("entry");
            std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("copy");
        }
    }

    fn of(folder: &Path) -> (Box<dyn Mllm>, Proof) {
        let model = crate::families::load(folder, Device::Cpu, Kind::Float).expect("model");
        let processor = processor::load(folder, &processor::Options::default()).expect("processor");
        let proof = Proof::of(model.as_ref(), Some(processor.as_ref()), folder).expect("proof");
        (model, proof)
    }

    #[test]
    fn a_folder_that_computes_something_else_is_an_error() {
        let folder = tempfile::tempdir().expect("folder");
        base(folder.path());
        let (model, proof) = of(folder.path());
        assert!(!proof.encoded.images.is_empty(), "the base sees");
        proof
            .check(&of(folder.path()).1, folder.path())
            .expect("the same");
        assert!(!folder.path().join(PICTURE).exists());
        let differs = |found: &Proof| proof.check(found, folder.path()).expect_err("differs");

        // A weight of the tower: only a request with a picture can tell.
        let tower = model
            .parameters()
            .iter()
            .find(|p| p.group == Group::VisionTower)
            .expect("a tower");
        let _ = tower.tensor.shallow_clone().f_neg_().expect("negated");
        crate::save::save(model.as_ref(), folder.path(), None, Kind::Float).expect("saved");
        let error = differs(&of(folder.path()).1);
        assert!(
            matches!(error, ProofError::Logits { difference: Some(found), allowed, .. } if found > allowed),
            "{error:?}"
        );
        let told = error.to_string();
        assert!(
            told.contains("does not compute what the saved model does"),
            "{told}"
        );

        // Another size of text, so another number of ids.
        let mut other = of(folder.path()).1;
        other.encoded.ids.push(1);
        let error = differs(&other);
        assert!(matches!(error, ProofError::Encoding { .. }), "{error:?}");
        assert!(error.to_string().contains("makes other ids or pixels"));
    }

    #[test]
    fn what_keeps_a_folder_from_being_compared_is_told() {
        let folder = tempfile::tempdir().expect("folder");
        base(folder.path());
        let (model, _) = of(folder.path());
        let processor =
            processor::load(folder.path(), &processor::Options::default()).expect("processor");
        let nowhere = folder.path().join("nowhere");
        let error = Proof::of(model.as_ref(), Some(processor.as_ref()), &nowhere);
        let error = error.expect_err("no room for the picture");
        assert!(matches!(error, ProofError::Picture(_)), "{error:?}");

        // A model with fewer tokens than its tokenizer has.
        let mut config: Value = serde_json::from_str(model.config_text()).expect("json");
        config["text_config"]["vocab_size"] = 8.into();
        config["image_token_index"] = 7.into();
        let small = crate::fresh(&config.to_string(), 1, Device::Cpu, Kind::Float).expect("model");
        let error = Proof::of(small.as_ref(), Some(processor.as_ref()), folder.path());
        let error = error.expect_err("ids that it does not have");
        assert!(matches!(error, ProofError::Model(_)), "{error:?}");

        let open = || crate::load(&nowhere, Device::Cpu, Kind::Float);
        let error = converted(model, folder.path(), folder.path(), open).expect_err("not there");
        assert!(
            matches!(&error, ProofError::Back { folder: own, .. } if own == folder.path()),
            "{error:?}"
        );
        let told = corpus::causes(&error);
        assert!(told.contains("back: cannot read `"), "{told}");
    }

    #[test]
    fn a_difference_is_told_whatever_it_is() {
        let row = |values: [f32; 2]| Tensor::from_slice(&values);
        assert_eq!(
            difference(&row([1.0, -4.0]), &row([1.0, -3.0])).expect("tensors"),
            Some(0.25)
        );
        assert_eq!(
            difference(&row([0.0; 2]), &row([0.0; 2])).expect("tensors"),
            Some(0.0)
        );
        let nan = row([1.0, f32::NAN]);
        assert_eq!(difference(&nan, &nan).expect("tensors"), None);
        let longer = Tensor::from_slice(&[1.0f32; 3]);
        assert_eq!(difference(&longer, &row([1.0; 2])).expect("tensors"), None);
    }
}
