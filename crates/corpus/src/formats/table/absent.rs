//! What stands for the writer of tables in a build without them.

use std::convert::Infallible;
use std::path::Path;

use crate::absent::TABLES;
use crate::error::Error;
use crate::formats::content::Content;
use crate::formats::format::Format;
use crate::{Pair, Role};

/// A table that is being written, of which there is none.
pub(in crate::formats) struct Table(Infallible);

impl Table {
    pub(in crate::formats) fn new(path: &Path, _format: Format) -> Result<Self, Error> {
        Err(Error::file(path, TABLES))
    }

    pub(in crate::formats) fn pair(
        &mut self,
        _pair: &Pair,
        _pictures: Vec<Content>,
    ) -> Result<(), Error> {
        match self.0 {}
    }

    pub(in crate::formats) fn sample(
        &mut self,
        _id: &str,
        _turns: &[(Role, String)],
        _pictures: Vec<Content>,
    ) -> Result<(), Error> {
        match self.0 {}
    }

    pub(in crate::formats) fn finish(self) -> Result<(), Error> {
        match self.0 {}
    }
}
