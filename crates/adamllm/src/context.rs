//! What every stage of one invocation shares.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use corpus::{Rejected, formats};
use indicatif::ProgressBar;
use model::Mllm;
use processor::Processor;
use run::recipe::{DEMO, Dtype, Recipe};
use synthesis::Prompts;
use torch::{Device, Kind};

use crate::hub;
use crate::progress;
use crate::run_folder::RunFolder;
use corpus::digests::Digests;

/// One invocation of the road.
pub struct Context<'a> {
    /// The checked recipe.
    pub recipe: &'a Recipe,
    /// Where everything goes.
    pub run: &'a RunFolder,
    /// The run's prompts.
    pub prompts: Prompts,
    /// At most so many pairs and seeds; everything when absent.
    pub limit: Option<usize>,
    /// Where models run.
    pub device: Device,
    /// Whether only errors are printed.
    pub quiet: bool,
    /// Content digests of files, remembered between runs.
    pub digests: RefCell<Digests>,
}

impl Context<'_> {
    /// A line for the person who waits.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    /// Progress; hidden when quiet.
    pub fn bar(&self, length: usize, what: &str) -> ProgressBar {
        progress::bar(self.quiet, what, Some(length))
    }

    /// How files of seeds and samples are read; pictures inside them get files in the run folder.
    pub fn reading(&self, check_images: bool) -> formats::Options {
        formats::Options {
            check_images,
            unpack: Some(self.run.path.join("pictures")),
            ..formats::Options::default()
        }
    }

    /// How the recipe's pairs are read.
    pub fn reading_pairs(&self, check_images: bool) -> formats::Options {
        formats::Options {
            images: self.recipe.images.clone(),
            columns: self.recipe.columns.clone(),
            ..self.reading(check_images)
        }
    }

    /// The folder of a model that the recipe names; `demo` is the shipped one.
    pub fn model_folder(&self, checkpoint: &Path) -> PathBuf {
        if checkpoint == Path::new(DEMO) {
            self.run.path.join("demo/base-model")
        } else {
            checkpoint.to_owned()
        }
    }

    /// The general model's folder.
    pub fn base_folder(&self) -> PathBuf {
        self.model_folder(&self.recipe.checkpoint)
    }

    /// Opens a model and its processor.
    pub fn open(&self, folder: &Path, dtype: Dtype) -> Result<(Box<dyn Mllm>, Box<dyn Processor>)> {
        let kind = pipeline::settings::kind(dtype);
        open(folder, self.device, kind, &self.processing())
    }

    /// Opens a model's processor alone.
    pub fn processor(&self, folder: &Path) -> Result<Box<dyn Processor>> {
        processor::load(folder, &self.processing())
            .with_context(|| format!("cannot open the processor of `{}`", folder.display()))
    }

    /// What the recipe says of processors.
    fn processing(&self) -> processor::Options {
        processor::Options {
            extra_bos: self.recipe.extra_bos,
            template_date: self.recipe.template_date.clone(),
            min_pixels: self.recipe.min_pixels,
            max_pixels: self.recipe.max_pixels,
            ..processor::Options::default()
        }
    }

    /// A white picture in the run folder, for blank images; one that is not what was written is written anew.
    pub fn blank(&self) -> Result<PathBuf> {
        let path = self.run.path.join(BLANK);
        if path.exists() && !holds(&path, &blank_png()?)? {
            self.say(&format!(
                "`{BLANK}` was changed or damaged; it is written anew"
            ));
        }
        blank_picture(&path)
    }

    /// Mends the picture of [`Context::blank`] where a run has one.
    pub fn mend_blank(&self) -> Result<()> {
        if self.run.path.join(BLANK).exists() {
            self.blank()?;
        }
        Ok(())
    }
}

const BLANK: &str = "blank.png";

/// A white picture at a path, written if what is there is not it.
pub fn blank_picture(path: &Path) -> Result<PathBuf> {
    let png = blank_png()?;
    if !path.exists() || !holds(path, &png)? {
        // A picture that was cut off by a kill must not be taken for the whole one.
        let aside = path.with_extension("part");
        std::fs::write(&aside, &png)
            .and_then(|()| std::fs::rename(&aside, path))
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(path.to_owned())
}

fn blank_png() -> Result<Vec<u8>> {
    // The size of the reference's blank picture.
    let white = image::RgbImage::from_pixel(237, 150, image::Rgb([255; 3]));
    let mut png = std::io::Cursor::new(Vec::new());
    white.write_to(&mut png, image::ImageFormat::Png)?;
    Ok(png.into_inner())
}

fn holds(path: &Path, content: &[u8]) -> Result<bool> {
    let found = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(found == content)
}

/// Opens a model and its processor.
pub fn open(
    folder: &Path,
    device: Device,
    kind: Kind,
    options: &processor::Options,
) -> Result<(Box<dyn Mllm>, Box<dyn Processor>)> {
    let folder = &hub::resolve(folder)?;
    let processor = processor::load(folder, options)
        .with_context(|| format!("cannot open the processor of `{}`", folder.display()))?;
    let model = model::load(folder, device, kind)
        .with_context(|| format!("cannot open the model `{}`", folder.display()))?;
    Ok((model, processor))
}

/// Writes a stage's rejects.
pub fn write_rejected(folder: &Path, rejected: &[Rejected]) -> Result<()> {
    Ok(corpus::jsonl::write(
        &folder.join("rejected.jsonl"),
        rejected,
    )?)
}

/// Reads a stage's rejects; none if it wrote no such file.
pub fn read_rejected(folder: &Path) -> Result<Vec<Rejected>> {
    read_if_there(&folder.join("rejected.jsonl"))
}

/// Records of a file that not every run has; a file that is there must be sound.
pub fn read_if_there<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    if path.exists() {
        Ok(corpus::jsonl::read(path)?)
    } else {
        Ok(Vec::new())
    }
}
