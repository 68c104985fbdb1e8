//! Blocks that several processes leave one by one beside the file that they become. A part is there as a whole or not at all,
//! and says what was asked, so that one of other requests is never taken.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use corpus::{Completion, Request};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The folder of all parts in the folder of the files that they become.
const FOLDER: &str = ".blocks";

/// The ending of a part's name.
const ENDING: &str = ".jsonl";

/// The first line of a part.
#[derive(Serialize, Deserialize)]
struct Head {
    /// What was asked.
    requests: String,
    /// Checksum of all other lines.
    sha256: String,
}

/// The parts of a file of completions.
pub(super) struct Parts {
    folder: PathBuf,
}

impl Parts {
    /// Of a file.
    pub fn of(file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new("")).join(FOLDER);
        Self {
            folder: folder.join(file.file_name().unwrap_or_default()),
        }
    }

    /// Where the part of a block lies.
    pub fn place(&self, block: usize) -> PathBuf {
        self.folder.join(format!("{block}{ENDING}"))
    }

    /// Leaves the completions of a block.
    pub fn leave(&self, block: usize, requests: &[Request], done: &[Completion]) -> Result<()> {
        let mut lines = Vec::new();
        for completion in done {
            serde_json::to_writer(&mut lines, completion)?;
            lines.push(b'\n');
        }
        let head = Head {
            requests: digest(requests)?,
            sha256: corpus::digest::bytes(&lines),
        };
        let head = serde_json::to_string(&head)? + "\n";
        let place = self.place(block);
        fs::create_dir_all(&self.folder).map_err(Error::io("make", &self.folder))?;
        let aside = corpus::sealed::aside(&place);
        let write = || {
            let mut file = File::create(&aside)?;
            file.write_all(head.as_bytes())?;
            file.write_all(&lines)?;
            file.sync_all()?;
            fs::rename(&aside, &place)
        };
        write().map_err(Error::io("write", &place))
    }

    /// The completions of a block; none if they are not there, damaged or answers to something else.
    pub fn find(&self, block: usize, requests: &[Request]) -> Result<Option<Vec<Completion>>> {
        let place = self.place(block);
        let bytes = match fs::read(&place) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(Error::io("read", &place))?,
        };
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let (head, lines) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        let is_sound = serde_json::from_slice::<Head>(head).is_ok_and(|head| {
            head.sha256 == corpus::digest::bytes(lines)
                && digest(requests).is_ok_and(|requests| requests == head.requests)
        });
        if !is_sound {
            return Ok(None);
        }
        let lines = lines.split(|&byte| byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        let rows: Result<Vec<Completion>, _> = lines.map(serde_json::from_slice).collect();
        let rows = rows.ok().filter(|rows| {
            let asked = requests.iter().map(|request| &request.id);
            rows.iter().map(|row| &row.id).eq(asked)
        });
        Ok(rows)
    }

    /// How many blocks lie here.
    pub fn count(&self) -> usize {
        self.names().filter(|name| name.ends_with(ENDING)).count()
    }

    /// Removes what is none of the parts of these blocks.
    pub fn retain(&self, blocks: &[usize]) -> Result<()> {
        let keep: BTreeSet<String> = blocks.iter().map(|at| format!("{at}{ENDING}")).collect();
        for name in self.names().filter(|name| !keep.contains(name)) {
            let path = self.folder.join(name);
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }

    /// Removes the part of a block.
    pub fn remove(&self, block: usize) -> Result<()> {
        let place = self.place(block);
        fs::remove_file(&place).map_err(Error::io("remove", &place))
    }

    /// Removes the folder, with that of all parts where there are no others.
    pub fn clear(&self) -> Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &self.folder)(error));
            }
            _ => {}
        }
        if let Some(all) = self.folder.parent() {
            // Parts of other files may be in there.
            let _ = fs::remove_dir(all);
        }
        Ok(())
    }

    fn names(&self) -> impl Iterator<Item = String> + use<> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
    }
}

/// Digest of requests. A run folder can be moved: pictures, which it names by content, are told by their names alone.
fn digest(requests: &[Request]) -> Result<String> {
    let mut text = Vec::new();
    for request in requests {
        let mut request = request.clone();
        for image in &mut request.images {
            *image = image.file_name().unwrap_or_default().into();
        }
        serde_json::to_writer(&mut text, &request)?;
        text.push(b'\n');
    }
    Ok(corpus::digest::bytes(&text))
}
