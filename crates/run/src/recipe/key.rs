//! What a key of a recipe is.

use super::shape::Shape;

/// One key.
#[derive(Debug)]
pub struct Key {
    /// The dotted name.
    pub name: &'static str,
    /// What values it takes.
    pub shape: Shape,
    /// What it is where a recipe says nothing.
    pub preset: Preset,
    /// What it does, in one line.
    pub help: &'static str,
}

/// What a key is where a recipe says nothing, as TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// It stays absent.
    Absent,
    /// A value, and where it comes from.
    Value(&'static str, &'static str),
    /// A value of the paper's table 9, which has one column: LLaVA-v1.6.
    Table9(&'static str),
    /// A value that all columns of the paper's table 10 have.
    Table10(&'static str),
    /// The values of the columns of table 10, in the order of the families.
    Columns([&'static str; 3]),
    /// How the paper's evaluation asks each family, in their order; of another family the first counts.
    Evaluation([&'static str; 3]),
}

impl Preset {
    /// A value of ours.
    pub const fn ours(value: &'static str) -> Self {
        Self::Value(value, OURS)
    }
}

pub(super) const OURS: &str = "our choice";

/// More than any count.
pub(super) const MANY: i64 = 1_000_000_000;

macro_rules! key {
    ($name:expr, $shape:expr, $help:expr) => {
        key!($name, $shape, preset Preset::Absent, $help)
    };
    ($name:expr, $shape:expr, preset $preset:expr, $help:expr) => {
        Key {
            name: $name,
            shape: $shape,
            preset: $preset,
            help: $help,
        }
    };
    ($name:expr, $shape:expr, $preset:expr, $source:expr, $help:expr) => {
        key!($name, $shape, preset Preset::Value($preset, $source), $help)
    };
}
pub(super) use key;
