//! The rows of Parquet and Arrow, read through their own crates.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch, types};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Number, Value};

use super::row::{Picture, Row};
use crate::Error;

/// Rows that are decoded at once.
const BATCH: usize = 64;

/// The rows of a table.
pub struct Rows {
    path: PathBuf,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>,
    batch: Option<RecordBatch>,
    at: usize,
    /// Columns of class numbers with their names.
    classes: Map<String, Value>,
    is_parquet: bool,
    lenient: bool,
}

impl Rows {
    /// Opens a Parquet file or an Arrow stream or file, told by its first bytes.
    pub fn open(path: &Path) -> Result<Self, Error> {
        guarded(path, || Self::open_unguarded(path))?
    }

    fn open_unguarded(path: &Path) -> Result<Self, Error> {
        let broken = |problem: String| Error::file(path, problem);
        let mut file = File::open(path).map_err(Error::reading(path))?;
        let mut head = [0; 6];
        let length = file.read(&mut head).map_err(Error::reading(path))?;
        let file = File::open(path).map_err(Error::reading(path))?;
        let (schema, batches): (SchemaRef, Box<dyn Iterator<Item = _>>) =
            if head.starts_with(b"PAR1") {
                let builder = ParquetRecordBatchReaderBuilder::try_new(file)
                    .map_err(|e| broken(format!("not a sound Parquet file: {e}")))?;
                let schema = builder.schema().clone();
                let reader = builder
                    .with_batch_size(BATCH)
                    .build()
                    .map_err(|e| broken(format!("not a sound Parquet file: {e}")))?;
                (schema, Box::new(reader))
            } else if &head == b"ARROW1" {
                let reader = FileReader::try_new(BufReader::new(file), None)
                    .map_err(|e| broken(format!("not a sound Arrow file: {e}")))?;
                (reader.schema(), Box::new(reader))
            } else if length > 0 {
                let reader = StreamReader::try_new(BufReader::new(file), None)
                    .map_err(|e| broken(format!("neither Parquet nor an Arrow stream: {e}")))?;
                (reader.schema(), Box::new(reader))
            } else {
                return Err(broken("the file is empty".to_owned()));
            };
        Ok(Self {
            path: path.to_owned(),
            batches,
            batch: None,
            at: 0,
            classes: class_names(schema.metadata().get("huggingface").map(String::as_str)),
            is_parquet: head.starts_with(b"PAR1"),
            lenient: false,
        })
    }

    /// Leaves out columns of kinds that are not read, instead of giving an error.
    #[must_use]
    pub fn lenient(self) -> Self {
        Self {
            lenient: true,
            ..self
        }
    }

    /// Whether the file is Parquet, and not Arrow.
    pub fn is_parquet(&self) -> bool {
        self.is_parquet
    }

    fn row(&self, batch: &RecordBatch) -> Result<Row, Error> {
        let mut row = Row::default();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            if let Some(found) = pictures(column, self.at) {
                row.pictures
                    .extend(found.into_iter().map(|(bytes, path)| Picture {
                        bytes,
                        path,
                        column: field.name().clone(),
                    }));
                continue;
            }
            let value = match value(column, self.at) {
                Ok(value) => value,
                Err(_) if self.lenient => continue,
                Err(kind) => {
                    let name = field.name();
                    let problem =
                        format!("column `{name}` is of the kind {kind}, which is not read");
                    return Err(Error::file(&self.path, problem));
                }
            };
            let name = value.as_u64().and_then(|class| {
                self.classes
                    .get(field.name())?
                    .get(usize::try_from(class).ok()?)
            });
            row.values
                .insert(field.name().clone(), name.cloned().unwrap_or(value));
        }
        Ok(row)
    }
}

impl Iterator for Rows {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.batch.take().filter(|batch| self.at < batch.num_rows()) {
                let row = guarded(&self.path, || self.row(&batch)).and_then(|row| row);
                self.at += 1;
                self.batch = Some(batch);
                return Some(row);
            }
            self.at = 0;
            let batches = &mut self.batches;
            let problem = match guarded(&self.path, || batches.next()) {
                Ok(None) => return None,
                Ok(Some(Ok(batch))) => {
                    self.batch = Some(batch);
                    continue;
                }
                Ok(Some(Err(error))) => Error::file(&self.path, error.to_string()),
                Err(error) => error,
            };
            // Nothing after a broken part can be trusted.
            self.batches = Box::new(std::iter::empty());
            return Some(Err(problem));
        }
    }
}

/// A picture of a Parquet table, which `file` is: the one of this number in the cell of a row. Only the parts of the file are read
/// that hold it.
pub fn picture(
    path: &Path,
    file: File,
    row: u64,
    column: &str,
    nth: u64,
) -> Result<Option<Vec<u8>>, Error> {
    let broken = |e: &dyn std::fmt::Display| Error::file(path, e.to_string());
    let read = || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| broken(&e))?;
        let Ok(root) = builder.schema().index_of(column) else {
            return Ok(None);
        };
        let only = ProjectionMask::roots(builder.parquet_schema(), [root]);
        let mut rows = builder
            .with_projection(only)
            .with_offset(usize::try_from(row).unwrap_or(usize::MAX))
            .with_limit(1)
            .build()
            .map_err(|e| broken(&e))?;
        let Some(batch) = rows.next().transpose().map_err(|e| broken(&e))? else {
            return Ok(None);
        };
        let found = pictures(batch.column(0), 0).unwrap_or_default();
        let found = found
            .into_iter()
            .nth(usize::try_from(nth).unwrap_or(usize::MAX));
        Ok(found.and_then(|(bytes, _)| bytes))
    };
    guarded(path, read)?
}

/// What `read` gives. The readers of Arrow and Parquet panic where offsets of a damaged file lead out of it.
fn guarded<T>(path: &Path, read: impl FnOnce() -> T) -> Result<T, Error> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).map_err(|_| {
        Error::file(
            path,
            "the table is damaged: it points to what it does not hold",
        )
    })
}

/// Names of class columns from the note that `datasets` leaves in the schema.
fn class_names(note: Option<&str>) -> Map<String, Value> {
    let note: Value = note
        .and_then(|note| serde_json::from_str(note).ok())
        .unwrap_or_default();
    let features = note
        .pointer("/info/features")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    features
        .into_iter()
        .filter_map(|(column, feature)| Some((column, feature.get("names")?.clone())))
        .collect()
}

/// Bytes and path of a picture.
type Cell = (Option<Vec<u8>>, Option<String>);

/// The pictures of a cell; `None` if the column holds none. A cell without a picture gives an empty list.
fn pictures(column: &ArrayRef, at: usize) -> Option<Vec<Cell>> {
    match column.data_type() {
        DataType::Binary | DataType::LargeBinary => {
            let bytes = bytes(column, at);
            Some(bytes.map(|bytes| (Some(bytes), None)).into_iter().collect())
        }
        DataType::Struct(fields) if fields.iter().any(|field| field.name() == "bytes") => {
            if column.is_null(at) {
                return Some(Vec::new());
            }
            let cell = column.as_struct();
            let bytes = cell
                .column_by_name("bytes")
                .and_then(|bytes| self::bytes(bytes, at));
            let path = cell
                .column_by_name("path")
                .and_then(|path| value(path, at).ok())
                .and_then(|path| path.as_str().map(str::to_owned));
            let empty = bytes.is_none() && path.is_none();
            Some((!empty).then_some((bytes, path)).into_iter().collect())
        }
        DataType::List(_) | DataType::LargeList(_) => {
            let items = elements(column, at);
            // Whether a list holds pictures is told by its kind, also where it is empty.
            let kind = match column.data_type() {
                DataType::List(field) | DataType::LargeList(field) => field.data_type(),
                _ => return None,
            };
            let holds = matches!(kind, DataType::Binary | DataType::LargeBinary)
                || matches!(kind, DataType::Struct(fields) if fields.iter().any(|f| f.name() == "bytes"));
            holds.then(|| {
                let items = items.unwrap_or_else(|| arrow_array::new_empty_array(kind));
                (0..items.len())
                    .filter_map(|i| pictures(&items, i))
                    .flatten()
                    .collect()
            })
        }
        _ => None,
    }
}

fn bytes(column: &ArrayRef, at: usize) -> Option<Vec<u8>> {
    if column.is_null(at) {
        return None;
    }
    match column.data_type() {
        DataType::Binary => Some(column.as_binary::<i32>().value(at).to_vec()),
        DataType::LargeBinary => Some(column.as_binary::<i64>().value(at).to_vec()),
        _ => None,
    }
}

/// The elements of a list; `None` for a null.
fn elements(column: &ArrayRef, at: usize) -> Option<ArrayRef> {
    if column.is_null(at) {
        return None;
    }
    match column.data_type() {
        DataType::List(_) => Some(column.as_list::<i32>().value(at)),
        DataType::LargeList(_) => Some(column.as_list::<i64>().value(at)),
        DataType::FixedSizeList(..) => Some(column.as_fixed_size_list().value(at)),
        _ => None,
    }
}

/// A cell as JSON; the kind's name if it cannot be read.
fn value(column: &ArrayRef, at: usize) -> Result<Value, String> {
    if column.is_null(at) {
        return Ok(Value::Null);
    }
    macro_rules! number {
        ($kind:ident) => {
            Value::from(column.as_primitive::<types::$kind>().value(at))
        };
    }
    Ok(match column.data_type() {
        DataType::Null => Value::Null,
        DataType::Utf8 => column.as_string::<i32>().value(at).into(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(at).into(),
        DataType::Utf8View => column.as_string_view().value(at).into(),
        DataType::Boolean => column.as_boolean().value(at).into(),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => {
            let value = column.as_primitive::<types::Float32Type>().value(at);
            Number::from_f64(f64::from(value)).map_or(Value::Null, Value::Number)
        }
        DataType::Float64 => {
            let value = column.as_primitive::<types::Float64Type>().value(at);
            Number::from_f64(value).map_or(Value::Null, Value::Number)
        }
        DataType::Dictionary(..) => {
            let coded = column.as_any_dictionary();
            let key = coded.normalized_keys()[at];
            return value(coded.values(), key);
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            match elements(column, at) {
                None => Value::Null,
                Some(items) => (0..items.len())
                    .map(|i| value(&items, i))
                    .collect::<Result<Vec<_>, _>>()?
                    .into(),
            }
        }
        DataType::Struct(fields) => {
            let cell = column.as_struct();
            let values = fields
                .iter()
                .zip(cell.columns())
                .map(|(field, column)| Ok((field.name().clone(), value(column, at)?)));
            Value::Object(values.collect::<Result<Map<_, _>, String>>()?)
        }
        other => return Err(other.to_string()),
    })
}
