//! Who counts the tokens of records.

use crate::Sample;
use crate::formats::Inside;

/// A record as it would be trained on, with its pictures that lie inside the data file.
#[derive(Debug)]
pub struct Measured<'a> {
    /// The record.
    pub sample: Sample,
    /// Its place in the file, counted from 1.
    pub line: usize,
    /// Pictures that have no file, under the paths that the sample has for them.
    pub inside: &'a [Inside],
}

/// Counts tokens, pictures among them; a crate that knows a model's tokenizer implements it.
pub trait Measure: Sync {
    /// The number of tokens.
    fn length(
        &self,
        record: &Measured,
    ) -> Result<u32, Box<dyn std::error::Error + Send + Sync + 'static>>;

    /// The text as the model gets it, in runs of learned and not learned.
    fn spans(
        &self,
        record: &Measured,
    ) -> Result<Vec<(String, bool)>, Box<dyn std::error::Error + Send + Sync + 'static>>;
}
