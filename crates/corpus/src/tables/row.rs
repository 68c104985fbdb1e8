//! A row of a table and its pictures.

use serde_json::{Map, Value};

/// A picture in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The picture's file; `None` if the table only names one.
    pub bytes: Option<Vec<u8>>,
    /// Its name where it comes from.
    pub path: Option<String>,
    /// The column that it stands in.
    pub column: String,
}

/// A row of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Every column but the pictures; class numbers are their names where the file tells them.
    pub values: Map<String, Value>,
    /// The pictures in the order of the columns.
    pub pictures: Vec<Picture>,
}
