//! WebDataset tars: the members `KEY.jpg`, `KEY.txt` and `KEY.json` are one record. The JSON gives its keys, the text its
//! caption, and every picture belongs to it, in the order of the archive.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};

use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};

use super::format::Format;
use super::objects::{Embedded, Found, Source, object};
use crate::error::{Error, Fault, Reason};
use crate::images::{MAX_BYTES, extension_of};
use crate::shards::{Located, Place};

/// Records that are read ahead.
const AHEAD: usize = 16;
/// Members that hold text: larger ones are no captions.
const MAX_TEXT: u64 = 16 << 20;

/// The mark of POSIX and GNU archives.
pub(super) fn recognises(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// The records of one archive or of shards. They are read ahead on a thread, since an archive is read front to back.
pub(super) fn open(paths: Vec<PathBuf>, root: PathBuf) -> Source {
    let why = match paths.len() {
        1 => "tar archive of members that share a key".to_owned(),
        parts => format!("{parts} tar archives of members that share a key"),
    };
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::spawn(move || {
        let mut row = 0;
        for path in paths {
            match read(&path, &mut row, &sender) {
                Ok(true) => {}
                // Nobody listens any more.
                Ok(false) => return,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            }
        }
    });
    Source {
        format: Format::WebDataset,
        why,
        unit: "record",
        root,
        objects: Box::new(receiver.into_iter()),
    }
}

type Sent = Result<Found, Error>;

/// Sends the records of one archive; false if nobody listens.
fn read(path: &Path, row: &mut usize, sender: &SyncSender<Sent>) -> Result<bool, Error> {
    let mut file = File::open(path).map_err(Error::reading(path))?;
    let mut magic = [0; 2];
    let packed = file.read(&mut magic).map_err(Error::reading(path))? == 2 && magic == *b"\x1f\x8b";
    let file = BufReader::new(File::open(path).map_err(Error::reading(path))?);
    let input: Box<dyn Read> = if packed {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut archive = tar::Archive::new(input);
    let broken = |e: std::io::Error| Error::file(path, format!("the archive is damaged: {e}"));
    let mut record: Option<Record> = None;
    for member in archive.entries().map_err(broken)? {
        let mut member = member.map_err(broken)?;
        if !member.header().entry_type().is_file() {
            continue;
        }
        let name = member
            .path()
            .map_err(broken)?
            .to_string_lossy()
            .into_owned();
        let Some((key, ending)) = parts(&name) else {
            continue;
        };
        if record.as_ref().is_none_or(|record| record.key != key)
            && let Some(done) = record.replace(Record::new(key))
        {
            *row += 1;
            if sender.send(Ok(done.found(*row))).is_err() {
                return Ok(false);
            }
        }
        let Some(record) = &mut record else { continue };
        // What is packed can be read from its beginning alone.
        let start = (!packed).then(|| member.raw_file_position());
        let shard = start.map(|start| (path, start));
        record.add(ending, &mut member, shard).map_err(broken)?;
    }
    if let Some(done) = record {
        *row += 1;
        return Ok(sender.send(Ok(done.found(*row))).is_ok());
    }
    Ok(true)
}

/// A member's key (its path up to the first dot of its name) and its ending.
fn parts(name: &str) -> Option<(&str, &str)> {
    let start = name.rfind('/').map_or(0, |at| at + 1);
    let dot = start + name[start..].find('.')?;
    (dot > start).then(|| (&name[..dot], &name[dot + 1..]))
}

struct Record {
    key: String,
    content: Result<Map<String, Value>, Fault>,
    caption: Option<String>,
    pictures: Vec<Embedded>,
}

impl Record {
    fn new(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            content: Ok(Map::new()),
            caption: None,
            pictures: Vec::new(),
        }
    }

    /// Adds a member; `shard` is its archive and where in there it begins, if it can be read from there.
    fn add(
        &mut self,
        ending: &str,
        member: &mut impl Read,
        shard: Option<(&Path, u64)>,
    ) -> std::io::Result<()> {
        let mut take = |limit: u64| -> std::io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            member.take(limit + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let too_large =
            |what: &str| Fault::new(Reason::Unreadable, format!("`{what}` is too large"));
        match ending {
            "json" => {
                let bytes = take(MAX_TEXT)?;
                if bytes.len() as u64 > MAX_TEXT {
                    self.content = Err(too_large(ending));
                } else if self.content.is_ok() {
                    self.content = object(&bytes);
                }
            }
            "txt" | "caption" | "text" => {
                let bytes = take(MAX_TEXT)?;
                match std::str::from_utf8(&bytes) {
                    _ if bytes.len() as u64 > MAX_TEXT => self.content = Err(too_large(ending)),
                    Ok(text) => self.caption = Some(text.to_owned()),
                    Err(e) => self.content = Err(Fault::utf8(e)),
                }
            }
            other if is_picture(other) => {
                // One byte more than is allowed tells the decoder.
                let bytes = take(MAX_BYTES)?;
                let column = "images".to_owned();
                let count = bytes.len() as u64;
                let located = shard
                    .filter(|_| count <= MAX_BYTES)
                    .map(|(path, start)| Located {
                        shard: path.to_owned(),
                        place: Place::Bytes {
                            start,
                            bytes: count,
                        },
                    });
                self.pictures.push(Embedded {
                    column,
                    bytes,
                    located,
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn found(self, line: usize) -> Found {
        let (key, caption) = (self.key, self.caption);
        let content = self.content.map(|mut map| {
            if map.get("id").is_none_or(Value::is_null) {
                map.insert("id".to_owned(), key.into());
            }
            if let (Some(caption), false) = (caption, map.contains_key("caption")) {
                map.insert("caption".to_owned(), caption.into());
            }
            map
        });
        Found {
            line,
            content,
            pictures: self.pictures,
            empty: Vec::new(),
        }
    }
}

fn is_picture(ending: &str) -> bool {
    let last = ending.rsplit('.').next().unwrap_or(ending);
    extension_of(Path::new(&format!("x.{last}"))).is_some()
}
