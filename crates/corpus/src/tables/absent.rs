//! What stands for the reader of tables in a build without them.

use std::convert::Infallible;
use std::fs::File;
use std::path::Path;

use super::row::Row;
use crate::Error;
use crate::absent::TABLES;

/// The rows of a table, of which a build without the feature `tables` has none.
#[derive(Debug)]
pub struct Rows(Infallible);

impl Rows {
    /// Always an error that says how a build that reads tables is made.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Err(Error::file(path, TABLES))
    }

    /// Leaves out columns of kinds that are not read, instead of giving an error.
    #[must_use]
    pub fn lenient(self) -> Self {
        self
    }

    /// Whether the file is Parquet, and not Arrow.
    pub fn is_parquet(&self) -> bool {
        match self.0 {}
    }
}

impl Iterator for Rows {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0 {}
    }
}

/// Always an error that says how a build that reads tables is made.
pub fn picture(path: &Path, _: File, _: u64, _: &str, _: u64) -> Result<Option<Vec<u8>>, Error> {
    Err(Error::file(path, TABLES))
}
