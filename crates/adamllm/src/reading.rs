//! Flags about data files that several verbs share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use corpus::formats::{self, Format, Kind};

/// How a data file is read.
#[derive(Clone, Debug, Default, Args)]
pub struct Reading {
    /// Folder of relative image paths; the file's folder when absent.
    #[arg(long)]
    pub image_root: Option<PathBuf>,
    /// Our name of a key and the file's, as in `caption=title`; repeatable, the same as `[data.columns]`.
    #[arg(long = "column", value_name = "OURS=THEIRS", value_parser = column)]
    pub columns: Vec<(String, String)>,
}

impl Reading {
    /// The same for the crate that reads.
    pub fn options(&self, check_images: bool) -> formats::Options {
        formats::Options {
            images: self.image_root.clone(),
            columns: self.columns.iter().cloned().collect(),
            check_images,
            unpack: None,
            in_place: false,
        }
    }
}

fn column(text: &str) -> Result<(String, String), String> {
    let (ours, theirs) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not OURS=THEIRS"))?;
    Ok((ours.to_owned(), theirs.to_owned()))
}

/// What records are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum As {
    /// A picture and a caption; of a conversation its first answer.
    Pairs,
    /// Whole conversations.
    Samples,
    /// Captions with tasks.
    Seeds,
}

impl As {
    /// The same for the crate that reads.
    pub fn kind(self) -> Kind {
        match self {
            Self::Pairs => Kind::Pairs,
            Self::Samples => Kind::Samples,
            Self::Seeds => Kind::Seeds,
        }
    }
}

/// A layout by its name.
pub fn layout(name: &str) -> Result<Format, String> {
    Format::named(name).ok_or_else(|| {
        let names = Format::ALL.map(Format::as_str);
        format!("layouts are {}", names.join(", "))
    })
}
