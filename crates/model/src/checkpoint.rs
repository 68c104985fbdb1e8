//! Reads safetensors, single or sharded, one tensor at a time.
//!
//! A tensor's place in the file is mapped while it is read and copied piece by piece into memory of its own, which
//! training needs to write to. Nothing but a piece is in memory twice, whatever the dtypes are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use torch::{Device, Kind, Mapped, Tensor};

use crate::error::Error;

/// The single weight file.
pub const SINGLE: &str = "model.safetensors";
/// Which tensor lies in which shard.
pub const INDEX: &str = "model.safetensors.index.json";
/// What the format's own reader accepts.
const MAX_HEADER: u64 = 100_000_000;
/// What is converted at once, in bytes: a whole number of values of any dtype.
const PIECE: usize = 1 << 20;

/// The weights of a folder.
pub struct Checkpoint {
    folder: PathBuf,
    files: Vec<Shard>,
    /// Name to its file and description.
    tensors: BTreeMap<String, (usize, TensorInfo)>,
    /// Tensors that lie in memory instead; they hide those of the files.
    made: BTreeMap<String, Tensor>,
    /// Whether tensors in memory are given out as they are, for models that share them.
    shared: bool,
    read: BTreeSet<String>,
}

struct Shard {
    path: PathBuf,
    file: File,
    /// Where the data starts, in bytes.
    data: u64,
}

impl Checkpoint {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let names = if folder.join(SINGLE).is_file() {
            vec![SINGLE.to_owned()]
        } else if folder.join(INDEX).is_file() {
            shard_names(&folder.join(INDEX))?
        } else {
            return Err(Error::NoWeights {
                folder: folder.to_owned(),
            });
        };
        let mut checkpoint = Self {
            folder: folder.to_owned(),
            files: Vec::new(),
            tensors: BTreeMap::new(),
            made: BTreeMap::new(),
            shared: false,
            read: BTreeSet::new(),
        };
        for name in names {
            checkpoint.add(folder.join(name))?;
        }
        Ok(checkpoint)
    }

    /// One file alone.
    pub fn open_file(path: &Path) -> Result<Self, Error> {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut checkpoint = Self {
            folder,
            files: Vec::new(),
            tensors: BTreeMap::new(),
            made: BTreeMap::new(),
            shared: false,
            read: BTreeSet::new(),
        };
        checkpoint.add(path.to_owned())?;
        Ok(checkpoint)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), Error> {
        let (file, data, tensors) = read_header(&path)?;
        for (name, info) in tensors {
            if self.tensors.contains_key(&name) {
                return Err(Error::Header {
                    path,
                    problem: format!("tensor `{name}` lies in two files"),
                });
            }
            self.tensors.insert(name, (self.files.len(), info));
        }
        self.files.push(Shard { path, file, data });
        Ok(())
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// One of tensors that are put there, said to come from `folder`.
    pub fn empty(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            files: Vec::new(),
            tensors: BTreeMap::new(),
            made: BTreeMap::new(),
            shared: false,
            read: BTreeSet::new(),
        }
    }

    /// One whose tensors are those of a model, under these names: what is built from it shares their memory.
    pub(crate) fn sharing(tensors: impl Iterator<Item = (String, Tensor)>) -> Self {
        Self {
            made: tensors.collect(),
            shared: true,
            ..Self::empty(Path::new(""))
        }
    }

    /// Whether it gives out tensors that others use too.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Puts a tensor there, in place of one of the same name.
    pub fn put(&mut self, name: &str, tensor: Tensor) {
        self.tensors.remove(name);
        self.made.insert(name.to_owned(), tensor);
    }

    /// Gives every tensor another name; what gets none is left out.
    #[must_use]
    pub fn renamed(mut self, rule: impl Fn(&str) -> Option<String>) -> Self {
        let tensors = std::mem::take(&mut self.tensors).into_iter();
        self.tensors = tensors
            .filter_map(|(name, place)| Some((rule(&name)?, place)))
            .collect();
        let made = std::mem::take(&mut self.made).into_iter();
        self.made = made
            .filter_map(|(name, tensor)| Some((rule(&name)?, tensor)))
            .collect();
        self
    }

    /// Adds the tensors of another one; its own go before.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let before = self.files.len();
        self.files.extend(other.files);
        for (name, (file, info)) in other.tensors {
            if self.shape(&name).is_none() {
                self.tensors.insert(name, (before + file, info));
            }
        }
        for (name, tensor) in other.made {
            if self.shape(&name).is_none() {
                self.made.insert(name, tensor);
            }
        }
        self
    }

    /// Values in files by the dtype that they are stored in.
    pub fn dtypes(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, info) in self.tensors.values() {
            let values = info.shape.iter().product::<usize>();
            *counts.entry(format!("{:?}", info.dtype)).or_default() += values;
        }
        counts
    }

    /// Whether all tensors in files are stored in 16 bits.
    pub fn is_half(&self) -> bool {
        let half = |(_, info): &(usize, TensorInfo)| info.dtype.bitsize() <= 16;
        !self.tensors.is_empty() && self.tensors.values().all(half)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
        names.extend(self.made.keys().map(String::as_str));
        names.sort_unstable();
        names.into_iter()
    }

    /// The shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<Vec<i64>> {
        if let Some(tensor) = self.made.get(name) {
            return Some(tensor.size());
        }
        self.tensors
            .get(name)
            .map(|(_, info)| info.shape.iter().map(|&n| n as i64).collect())
    }

    /// A tensor in its own memory, converted to `kind`.
    pub fn read(&mut self, name: &str, device: Device, kind: Kind) -> Result<Tensor, Error> {
        if let Some(tensor) = self.made.get(name) {
            self.read.insert(name.to_owned());
            if self.shared && (tensor.kind(), tensor.device()) == (kind, device) {
                return Ok(tensor.shallow_clone());
            }
            return Ok(tensor.f_to_kind(kind)?.f_to_device(device)?.copy());
        }
        let (file, info) = &self.tensors[name];
        let stored = kind_of(info.dtype).ok_or_else(|| Error::Header {
            path: self.files[*file].path.clone(),
            problem: format!(
                "tensor `{name}` is {:?}; only F64, F32, BF16 and F16 weights can be used",
                info.dtype
            ),
        })?;
        let shape: Vec<i64> = info.shape.iter().map(|&n| n as i64).collect();
        let refused = |error: torch::TchError| Error::Tensor {
            name: name.to_owned(),
            shape: shape.clone(),
            problem: torch::short(&error),
        };
        let bytes = self.bytes(name)?;
        let tensor = Tensor::f_empty(&shape, (kind, device)).map_err(refused)?;
        let values = tensor.f_view(-1).map_err(refused)?;
        let mut done = 0;
        for piece in bytes.chunks(PIECE) {
            let count = (piece.len() / stored.elt_size_in_bytes()) as i64;
            Tensor::f_from_data_size(piece, &[count], stored)
                .and_then(|piece| values.f_narrow(0, done, count)?.f_copy_(&piece))
                .map_err(refused)?;
            done += count;
        }
        self.read.insert(name.to_owned());
        Ok(tensor)
    }

    /// The stored bytes of a tensor in a file, mapped.
    pub fn bytes(&self, name: &str) -> Result<Mapped, Error> {
        let (file, info) = &self.tensors[name];
        let shard = &self.files[*file];
        let (from, to) = info.data_offsets;
        Mapped::new(&shard.file, shard.data + from as u64, to - from).map_err(|source| Error::Io {
            action: "read",
            path: shard.path.clone(),
            source,
        })
    }

    pub(crate) fn same_bytes(&self, a: &str, b: &str) -> Result<bool, Error> {
        if self.tensors.contains_key(a) && self.tensors.contains_key(b) {
            return Ok(*self.bytes(a)? == *self.bytes(b)?);
        }
        Ok(false)
    }

    pub(crate) fn mark_read(&mut self, name: &str) {
        self.read.insert(name.to_owned());
    }

    pub(crate) fn unread(&self) -> impl Iterator<Item = &str> {
        self.names().filter(|name| !self.read.contains(*name))
    }

    /// A hint: the stored name that shares the longest ending with `name`, if the last two parts agree.
    pub(crate) fn nearest(&self, name: &str) -> String {
        let common = |other: &str| {
            name.rsplit('.')
                .zip(other.rsplit('.'))
                .take_while(|(a, b)| a == b)
                .count()
        };
        let found = self
            .names()
            .filter(|n| !self.read.contains(*n))
            .max_by_key(|n| common(n));
        found
            .filter(|n| common(n) >= 2)
            .map(|n| format!("; the nearest name is `{n}`"))
            .unwrap_or_default()
    }
}

/// The files that an index names, each once.
fn shard_names(path: &Path) -> Result<Vec<String>, Error> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let index: Index = serde_json::from_str(&text).map_err(|source| Error::Json {
        path: path.to_owned(),
        source,
    })?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    if let Some(name) = names.iter().find(|name| name.contains('/')) {
        return Err(Error::Header {
            path: path.to_owned(),
            problem: format!("shard `{name}` lies outside of the folder"),
        });
    }
    Ok(names.into_iter().collect())
}

type Header = (File, u64, Vec<(String, TensorInfo)>);

/// The description of every tensor, checked against the file: offsets without gaps or overlaps up to the file's end,
/// each as long as its shape says.
fn read_header(path: &Path) -> Result<Header, Error> {
    let io = |source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let bad = |problem: String| Error::Header {
        path: path.to_owned(),
        problem,
    };
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut word = [0; 8];
    if length < 8 {
        return Err(bad(format!("it has only {length} bytes")));
    }
    file.read_exact(&mut word).map_err(io)?;
    let header = u64::from_le_bytes(word);
    if header > MAX_HEADER || header > length - 8 {
        return Err(bad(format!(
            "its header claims {header} bytes, the file has {length}"
        )));
    }
    let mut text = vec![0; header as usize];
    file.read_exact(&mut text).map_err(io)?;
    let mut entries: HashMap<String, serde_json::Value> = serde_json::from_slice(&text)
        .map_err(|e| bad(format!("its header does not parse ({e})")))?;
    entries.remove("__metadata__");
    let mut tensors = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let info: TensorInfo = serde_json::from_value(value)
            .map_err(|e| bad(format!("tensor `{name}` is described wrongly ({e})")))?;
        tensors.push((name, info));
    }
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0;
    for (name, info) in &tensors {
        let (from, to) = info.data_offsets;
        let bits = info
            .shape
            .iter()
            .try_fold(info.dtype.bitsize(), |n, &side| n.checked_mul(side));
        if from != end || to < from || bits != (to - from).checked_mul(8) {
            return Err(bad(format!(
                "tensor `{name}` {:?} {:?} cannot lie at bytes {from} to {to}",
                info.dtype, info.shape
            )));
        }
        end = to;
    }
    if end as u64 != length - 8 - header {
        return Err(bad(format!(
            "its tensors need {end} bytes, the file holds {}; is it cut off?",
            length - 8 - header
        )));
    }
    Ok((file, 8 + header, tensors))
}

fn kind_of(dtype: Dtype) -> Option<Kind> {
    match dtype {
        Dtype::F64 => Some(Kind::Double),
        Dtype::F32 => Some(Kind::Float),
        Dtype::BF16 => Some(Kind::BFloat16),
        Dtype::F16 => Some(Kind::Half),
        _ => None,
    }
}
