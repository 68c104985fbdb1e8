//! One file or folder of records into another.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::register::register;
use crate::Rejected;
use crate::formats::{Entry, Format, Kind, Options, Reader, RootAbove, Row, Writer};
use crate::jsonl::Appender;
use crate::rejects::Groups;

/// What is converted.
#[derive(Clone, Debug)]
pub struct Request {
    /// A file or folder.
    pub input: PathBuf,
    /// A file, or a new folder for layouts that are folders.
    pub output: PathBuf,
    /// Layout that the input must have; found by its content when absent.
    pub from: Option<Format>,
    /// Layout of the output.
    pub to: Format,
    /// What the records are; found by their keys when absent.
    pub kind: Option<Kind>,
    /// How the input is read.
    pub reading: Options,
    /// Whether pictures are copied to a folder beside a file.
    pub copy_images: bool,
    /// At most so many records.
    pub limit: Option<usize>,
}

/// What was converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Layout of the input.
    pub from: Format,
    /// By what it was recognised.
    pub why: String,
    /// Records that were looked at.
    pub read: usize,
    /// Records that were written.
    pub written: usize,
    /// The others, by reason.
    pub left_out: Groups<String>,
    /// The file that names each record that was left out; there is none if none was.
    pub list: PathBuf,
    /// What was read or written otherwise than one might think.
    pub notes: Vec<String>,
    /// Where names of pictures start, if that is neither the file's own folder nor one that was named.
    pub root_above: Option<RootAbove>,
}

impl Converted {
    /// Records that were left out.
    pub fn num_left_out(&self) -> usize {
        self.left_out.num_items()
    }
}

/// Converts; `each` is called after every record.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// use corpus::convert::{Request, convert};
/// use corpus::formats::{Format, Options};
/// std::fs::write(folder.path().join("soup.jpg"), "a picture")?;
/// std::fs::write(folder.path().join("pairs.csv"), "image,caption\nsoup.jpg,A soup\ngone.jpg,Another\n")?;
/// let found = convert(
///     &Request {
///         input: folder.path().join("pairs.csv"),
///         output: folder.path().join("pairs.jsonl"),
///         from: None,
///         to: Format::Jsonl,
///         kind: None,
///         reading: Options { check_images: true, ..Options::default() },
///         copy_images: false,
///         limit: None,
///     },
///     &mut || (),
/// )?;
/// assert_eq!((found.from, found.read, found.written), (Format::Csv, 2, 1));
/// assert_eq!(found.left_out.count("missing-image"), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn convert(request: &Request, each: &mut dyn FnMut()) -> Result<Converted, Error> {
    let (input, options) = (&request.input, &request.reading);
    let kind = match request.kind {
        Some(kind) => kind,
        None => Reader::pairs(input, options)?.kind(),
    };
    match kind {
        Kind::Pairs => stream(request, Reader::pairs(input, options)?, Writer::pair, each),
        Kind::Samples => stream(
            request,
            Reader::samples(input, options)?,
            Writer::sample,
            each,
        ),
        Kind::Seeds => stream(request, Reader::seeds(input, options)?, Writer::seed, each),
    }
}

/// Writes one record.
type Put<T> = fn(&mut Writer, &Entry<T>) -> Result<Option<Rejected>, crate::Error>;

/// Where the records that are left out are listed.
struct LeftOut {
    path: PathBuf,
    file: Option<Appender>,
    reasons: Groups<String>,
}

impl LeftOut {
    fn add(&mut self, rejected: &Rejected) -> Result<(), Error> {
        if self.file.is_none() {
            self.file = Some(Appender::open(&self.path, 0)?);
        }
        if let Some(file) = &mut self.file {
            file.write(std::slice::from_ref(rejected))?;
        }
        self.reasons.add_rejected(rejected);
        Ok(())
    }
}

fn stream<T: Row>(
    request: &Request,
    mut reader: Reader<T>,
    put: Put<T>,
    each: &mut dyn FnMut(),
) -> Result<Converted, Error> {
    let found = reader.format();
    if let Some(said) = request.from
        && said != found
    {
        return Err(Error::OtherLayout {
            path: request.input.clone(),
            said: said.as_str(),
            found: found.as_str(),
            why: reader.why().to_owned(),
        });
    }
    if same_place(&request.input, &request.output) {
        return Err(Error::SamePlace);
    }
    make_folder(&request.output)?;
    let mut writer = Writer::create(&request.output, request.to, request.copy_images)?;
    let mut left_out = LeftOut {
        path: list_beside(&request.output),
        file: None,
        reasons: Groups::default(),
    };
    // A list of an earlier try says nothing about this one.
    let _ = std::fs::remove_file(&left_out.path);
    let limit = request.limit.unwrap_or(usize::MAX);
    let mut read = 0;
    while read < limit
        && let Some(found) = reader.next()
    {
        read += 1;
        match found? {
            Ok(entry) => {
                if let Some(rejected) = put(&mut writer, &entry)? {
                    left_out.add(&rejected)?;
                }
            }
            Err(bad) => left_out.add(&reader.rejected(bad))?,
        }
        each();
    }
    let mut notes = reader.notes();
    notes.extend(writer.notes());
    let written = writer.num_rows();
    if written == 0 {
        return Err(Error::NothingWritten {
            path: request.input.clone(),
            read,
            reasons: left_out.reasons,
            list: left_out.path,
        });
    }
    writer.finish()?;
    if matches!(request.to, Format::ShareGpt | Format::Alpaca) {
        notes.push(register(&request.output, request.to)?);
    }
    Ok(Converted {
        from: found,
        why: reader.why().to_owned(),
        read,
        written,
        left_out: left_out.reasons,
        list: left_out.path,
        notes,
        root_above: reader.root_above(),
    })
}

/// The file that names what was left out of an output.
pub(super) fn list_beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".rejected.jsonl");
    PathBuf::from(name)
}

/// Makes the folder that a file goes into.
pub(super) fn make_folder(file: &Path) -> Result<(), Error> {
    let Some(folder) = file.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|source| Error::Folder {
        path: folder.to_owned(),
        source,
    })
}

fn same_place(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
