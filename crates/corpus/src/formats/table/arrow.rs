//! Writes Parquet and Arrow streams in the layout of Hugging Face `datasets`: a note in the schema tells it that `images` is
//! a list of pictures, whose files lie inside.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::json;

use crate::error::Error;
use crate::formats::content::Content;
use crate::formats::format::Format;
use crate::jsonl::Aside;
use crate::{Pair, Role};

/// Rows that are written at once at most, and bytes of pictures.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 32 << 20;

/// A table that is being written.
pub(in crate::formats) struct Table {
    path: PathBuf,
    format: Format,
    /// Made with the first row, which says whether it is of pairs or of conversations.
    out: Option<(SchemaRef, Out)>,
    aside: Option<Aside>,
    ids: StringBuilder,
    images: ListBuilder<StructBuilder>,
    texts: [StringBuilder; 5],
    messages: ListBuilder<StructBuilder>,
    rows: usize,
    bytes: usize,
}

enum Out {
    Parquet(Box<ArrowWriter<Aside>>),
    Arrow(Box<StreamWriter<Aside>>),
}

impl Table {
    pub(in crate::formats) fn new(path: &Path, format: Format) -> Result<Self, Error> {
        let picture = StructBuilder::new(
            picture_fields(),
            vec![
                Box::new(BinaryBuilder::new()),
                Box::new(StringBuilder::new()),
            ],
        );
        let message = StructBuilder::new(
            message_fields(),
            vec![
                Box::new(StringBuilder::new()),
                Box::new(StringBuilder::new()),
            ],
        );
        Ok(Self {
            path: path.to_owned(),
            format,
            out: None,
            aside: Some(Aside::create(path)?),
            ids: StringBuilder::new(),
            images: ListBuilder::new(picture),
            texts: std::array::from_fn(|_| StringBuilder::new()),
            messages: ListBuilder::new(message),
            rows: 0,
            bytes: 0,
        })
    }

    pub(in crate::formats) fn pair(
        &mut self,
        pair: &Pair,
        pictures: Vec<Content>,
    ) -> Result<(), Error> {
        self.begin(false)?;
        let meta =
            (!pair.meta.is_empty()).then(|| serde_json::to_string(&pair.meta).unwrap_or_default());
        let texts = [
            Some(&pair.caption),
            pair.request.as_ref(),
            pair.group.as_ref(),
            pair.source.as_ref(),
            meta.as_ref(),
        ];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.append_option(text);
        }
        self.row(&pair.id, pictures)
    }

    pub(in crate::formats) fn sample(
        &mut self,
        id: &str,
        turns: &[(Role, String)],
        pictures: Vec<Content>,
    ) -> Result<(), Error> {
        self.begin(true)?;
        let messages = self.messages.values();
        for (role, text) in turns {
            append(messages, 0, role.as_str());
            append(messages, 1, text);
            messages.append(true);
        }
        self.messages.append(true);
        self.row(id, pictures)
    }

    fn row(&mut self, id: &str, pictures: Vec<Content>) -> Result<(), Error> {
        self.ids.append_value(id);
        let images = self.images.values();
        for (path, bytes) in pictures {
            self.bytes += bytes.len();
            if let Some(column) = images.field_builder::<BinaryBuilder>(0) {
                column.append_value(&bytes);
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            append(images, 1, &name);
            images.append(true);
        }
        self.images.append(true);
        self.rows += 1;
        if self.rows >= BATCH || self.bytes >= BATCH_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn broken(&self, problem: &dyn std::fmt::Display) -> Error {
        Error::file(
            &self.path,
            format!("the table cannot be written: {problem}"),
        )
    }

    fn begin(&mut self, conversations: bool) -> Result<(), Error> {
        let Some(aside) = self.aside.take() else {
            return Ok(());
        };
        let schema = Arc::new(schema(conversations));
        let out = if self.format == Format::Parquet {
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .build();
            ArrowWriter::try_new(aside, schema.clone(), Some(properties))
                .map(|out| Out::Parquet(Box::new(out)))
                .map_err(|e| self.broken(&e))?
        } else {
            StreamWriter::try_new(aside, &schema)
                .map(|out| Out::Arrow(Box::new(out)))
                .map_err(|e| self.broken(&e))?
        };
        self.out = Some((schema, out));
        Ok(())
    }

    fn write(&mut self) -> Result<(), Error> {
        let Some((schema, mut out)) = self.out.take() else {
            return Ok(());
        };
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(self.ids.finish()), Arc::new(self.images.finish())];
        if schema.fields().len() == 3 {
            columns.push(Arc::new(self.messages.finish()));
        } else {
            for column in &mut self.texts {
                columns.push(Arc::new(column.finish()));
            }
        }
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(|e| self.broken(&e))?;
        match &mut out {
            // A group of rows a batch: whoever reads it needs no more memory than we did.
            Out::Parquet(out) => out
                .write(&batch)
                .and_then(|()| out.flush())
                .map_err(|e| self.broken(&e))?,
            Out::Arrow(out) => out.write(&batch).map_err(|e| self.broken(&e))?,
        }
        self.out = Some((schema, out));
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    pub(in crate::formats) fn finish(mut self) -> Result<(), Error> {
        self.begin(false)?;
        if self.rows > 0 {
            self.write()?;
        }
        let Some((_, out)) = self.out.take() else {
            return Ok(());
        };
        let aside = match out {
            Out::Parquet(out) => out.into_inner().map_err(|e| self.broken(&e))?,
            Out::Arrow(out) => out.into_inner().map_err(|e| self.broken(&e))?,
        };
        aside.commit()
    }
}

fn append(row: &mut StructBuilder, at: usize, text: &str) {
    if let Some(column) = row.field_builder::<StringBuilder>(at) {
        column.append_value(text);
    }
}

fn picture_fields() -> Fields {
    Fields::from(vec![
        Field::new("bytes", DataType::Binary, true),
        Field::new("path", DataType::Utf8, true),
    ])
}

fn message_fields() -> Fields {
    Fields::from(vec![
        Field::new("role", DataType::Utf8, true),
        Field::new("content", DataType::Utf8, true),
    ])
}

/// The columns, with the note of `datasets` that says what they hold.
fn schema(conversations: bool) -> Schema {
    let list = |name: &str, inside: Fields| {
        let item = Field::new_list_field(DataType::Struct(inside), true);
        Field::new(name, DataType::List(Arc::new(item)), true)
    };
    let text = json!({"dtype": "string", "_type": "Value"});
    let mut fields = vec![
        Field::new("id", DataType::Utf8, true),
        list("images", picture_fields()),
    ];
    let mut features = json!({"id": text, "images": [{"_type": "Image"}]});
    if conversations {
        fields.push(list("messages", message_fields()));
        features["messages"] = json!([{"role": text, "content": text}]);
    } else {
        for name in ["caption", "request", "group", "source", "meta"] {
            fields.push(Field::new(name, DataType::Utf8, true));
            features[name] = text.clone();
        }
    }
    let note = json!({"info": {"features": features}}).to_string();
    let notes = std::collections::HashMap::from([("huggingface".to_owned(), note)]);
    Schema::new(fields).with_metadata(notes)
}
