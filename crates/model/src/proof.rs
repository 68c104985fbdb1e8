//! Whether a folder that was just written computes what the model in memory did: logits of one short request, with a
//! picture where the model sees. Equal bytes do not show that names, configuration and processor belong to them.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use corpus::{Decoding, Open, Request, Role, Turn};
use processor::{Encoded, Processor};
use serde_json::Value;
use torch::{Kind, Tensor};

use crate::mllm::{self, Batch, Group, Mllm, Parameter};

/// The request's picture while it is needed; ends as what a kill leaves half written, which the next attempt clears.
const PICTURE: &str = ".proof.png.partial";

/// What a model says to one request.
#[derive(Debug)]
pub struct Proof {
    encoded: Encoded,
    /// Logits of the last token, `[1, v]`.
    logits: Tensor,
}

impl Proof {
    /// Runs `model`, which lies or will lie in `folder`. Without a processor the request is a few ids.
    pub fn of(model: &dyn Mllm, processor: Option<&dyn Processor>, folder: &Path) -> Result<Self> {
        let encoded = match processor {
            Some(processor) => match request(model, processor, folder) {
                Err(error) if is_without_template(&error) => ids(model)?,
                made => made?,
            },
            None => ids(model)?,
        };
        let logits = logits(model, &encoded)?;
        Ok(Self { encoded, logits })
    }

    /// An error unless `other`, of the folder as it is on the disk, says the same.
    pub fn check(&self, other: &Self, folder: &Path) -> Result<()> {
        if self.encoded != other.encoded {
            bail!(
                "the processor of `{}` makes other ids or pixels of a request than the one it was saved with; its \
                 files of tokenizer or pictures do not belong to the model",
                folder.display()
            );
        }
        let difference = difference(&self.logits, &other.logits)?;
        // The same weights on the same device give the same bits; a kernel may still be chosen anew.
        let allowed = if self.logits.kind() == Kind::BFloat16 {
            2e-2
        } else {
            1e-4
        };
        if !difference.is_some_and(|found| found <= allowed) {
            let found = difference.map_or("in number".to_owned(), |d| format!("by {d:.1e}"));
            bail!(
                "`{}` does not compute what the saved model does: logits of one request differ {found} of the largest, \
                 at most {allowed:.0e} is expected; do not use that folder, and save again (is the disk sound?)",
                folder.display()
            );
        }
        Ok(())
    }
}

/// Checks a folder that was saved with the files of `processor`: `model` is run and freed, then `open` gives what is
/// on the disk.
pub fn saved(
    model: Box<dyn Mllm>,
    processor: &dyn Processor,
    folder: &Path,
    open: impl FnOnce() -> Result<(Box<dyn Mllm>, Box<dyn Processor>)>,
) -> Result<()> {
    let expected = Proof::of(model.as_ref(), Some(processor), folder)?;
    drop(model);
    let (model, processor) = open()?;
    let found = Proof::of(model.as_ref(), Some(processor.as_ref()), folder)?;
    expected.check(&found, folder)
}

/// As [`saved`], for a converted model: its processor is the one of `source`, and if that does not open, which a
/// conversion of weights need not care about, the request is a few ids; the warning that is given then says so.
pub fn converted(
    model: Box<dyn Mllm>,
    source: &Path,
    folder: &Path,
    open: impl FnOnce() -> Result<Box<dyn Mllm>>,
) -> Result<Option<String>> {
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
    let model = open().with_context(|| format!("cannot read `{}` back", folder.display()))?;
    let found = Proof::of(model.as_ref(), processor.as_deref(), folder)?;
    expected.check(&found, folder)?;
    Ok(warning)
}

/// Whether the model is one for raw prompts alone.
fn is_without_template(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(processor::Error::NoTemplate { .. })
    )
}

/// A short request, with a picture if the model has a tower.
fn request(model: &dyn Mllm, processor: &dyn Processor, folder: &Path) -> Result<Encoded> {
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
        std::fs::remove_file(&picture)
            .with_context(|| format!("cannot remove `{}`", picture.display()))?;
    }
    Ok(encoded?)
}

/// The first ids of the vocabulary but the one of pictures.
fn ids(model: &dyn Mllm) -> Result<Encoded> {
    let config: Value = serde_json::from_str(model.config_text())?;
    let pictures = ["image_token_index", "image_token_id"].map(|key| config[key].as_i64());
    let rows = model.head().size()[0];
    let ids: Vec<i64> = (0..rows.min(8))
        .filter(|id| !pictures.contains(&Some(*id)))
        .collect();
    Ok(Encoded {
        learn: vec![false; ids.len()],
        ids,
        images: Vec::new(),
    })
}

fn logits(model: &dyn Mllm, encoded: &Encoded) -> Result<Tensor> {
    let _guard = torch::no_grad_guard();
    let mut batch = Batch::default();
    batch.push(&encoded.ids, 0, &encoded.images);
    let hidden = model.hidden(&batch, None)?;
    let last = hidden.f_narrow(0, hidden.size()[0] - 1, 1)?;
    Ok(mllm::logits(model, &last)?.copy())
}

/// The largest difference over the largest value; none for other lengths or values that are no finite numbers.
fn difference(a: &Tensor, b: &Tensor) -> Result<Option<f64>> {
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
        let message = |found: &Proof| {
            proof
                .check(found, folder.path())
                .expect_err("differs")
                .to_string()
        };

        // A weight of the tower: only a request with a picture can tell.
        let tower = model
            .parameters()
            .iter()
            .find(|p| p.group == Group::VisionTower)
            .expect("a tower");
        let _ = tower.tensor.shallow_clone().f_neg_().expect("negated");
        crate::save::save(model.as_ref(), folder.path(), None, Kind::Float).expect("saved");
        let told = message(&of(folder.path()).1);
        assert!(
            told.contains("does not compute what the saved model does"),
            "{told}"
        );

        // Another size of text, so another number of ids.
        let mut other = of(folder.path()).1;
        other.encoded.ids.push(1);
        assert!(message(&other).contains("makes other ids or pixels"));
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
