//! A record with its place.

use serde::Serialize;

use super::fields::Inside;

/// What the records of a file are, by the keys of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Image-caption pairs, or conversations, which can be read as pairs.
    Pairs,
    /// Our training samples, with `turns`.
    Samples,
    /// Seed data, with `tasks`.
    Seeds,
}

/// A record of a data file.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<T> {
    /// The record; paths of pictures start where the program runs.
    pub record: T,
    /// Its place in the file, counted from 1.
    pub line: usize,
    /// Its pictures that lie inside the data file, under the paths that the record has for them.
    pub inside: Vec<Inside>,
}
