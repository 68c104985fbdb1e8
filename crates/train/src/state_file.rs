//! The optimizer's tensors in a safetensors file with 64-byte aligned data, written and read one tensor at a time, each as it
//! is kept: f32 (f64 of a model in f64), bf16 or eight bits.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read as _, Write};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use torch::{Device, Kind, Mapped, Tensor};

use crate::Error;

const ALIGNMENT: usize = 64;

/// What can be kept, by the format's names.
const KINDS: [(Kind, &str); 5] = [
    (Kind::Double, "F64"),
    (Kind::Float, "F32"),
    (Kind::BFloat16, "BF16"),
    (Kind::Half, "F16"),
    (Kind::Uint8, "U8"),
];

fn name_of(kind: Kind) -> Option<&'static str> {
    let mut kinds = KINDS.iter();
    kinds
        .find(|(known, _)| *known == kind)
        .map(|(_, name)| *name)
}

fn kind_of(name: &str) -> Option<Kind> {
    let mut kinds = KINDS.iter();
    kinds
        .find(|(_, known)| *known == name)
        .map(|(kind, _)| *kind)
}

fn size(tensor: &Tensor) -> usize {
    tensor.numel() * tensor.kind().elt_size_in_bytes()
}

/// Writes and syncs the file; gives the SHA-256 of what was meant to be written.
pub(crate) fn write(path: &Path, tensors: &[(String, Tensor)]) -> Result<String, Error> {
    // The format allows no gaps between tensors; those whose sizes keep the alignment come first.
    let mut ordered: Vec<&(String, Tensor)> = tensors.iter().collect();
    ordered.sort_by_key(|(_, tensor)| !size(tensor).is_multiple_of(ALIGNMENT));
    let (mut header, mut end) = (Map::new(), 0);
    for (name, tensor) in &ordered {
        let start = end;
        end += size(tensor);
        let dtype = name_of(tensor.kind());
        let entry = json!({"dtype": dtype, "shape": tensor.size(), "data_offsets": [start, end]});
        header.insert(name.clone(), entry);
    }
    let mut text = Value::Object(header).to_string();
    let padded = (8 + text.len()).next_multiple_of(ALIGNMENT) - 8;
    text.extend(std::iter::repeat_n(' ', padded - text.len()));
    let failed = |source| Error::Io {
        action: "write",
        path: path.to_owned(),
        source,
    };
    let file = File::create(path).map_err(failed)?;
    let mut out = Hashing {
        out: BufWriter::with_capacity(1 << 20, file),
        hasher: Sha256::new(),
    };
    out.write_all(&(text.len() as u64).to_le_bytes())
        .and_then(|()| out.write_all(text.as_bytes()))
        .map_err(failed)?;
    for (_, tensor) in &ordered {
        let tensor = tensor
            .f_detach()?
            .f_to_device(Device::Cpu)?
            .f_contiguous()?;
        let mut bytes = vec![0; size(&tensor)];
        tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
        out.write_all(&bytes).map_err(failed)?;
    }
    let digest = out.hasher.finalize();
    let file = out.out.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(hex(&digest))
}

/// A file that was written by [`write`].
pub(crate) struct Stored {
    file: File,
    /// Where the data starts, in bytes.
    data: u64,
    entries: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<i64>,
    data_offsets: (u64, u64),
}

impl Stored {
    /// Opens a file whose checksum is known to be right; gives what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, String> {
        let unread =
            |error: std::io::Error| format!("`{}` cannot be read ({error})", path.display());
        let mut file = File::open(path).map_err(unread)?;
        let length = file.metadata().map_err(unread)?.len();
        let mut word = [0; 8];
        file.read_exact(&mut word).map_err(unread)?;
        let header = u64::from_le_bytes(word);
        if header > length.saturating_sub(8) {
            return Err(format!("`{}` is cut off", path.display()));
        }
        let mut text = vec![0; header as usize];
        file.read_exact(&mut text).map_err(unread)?;
        let entries = serde_json::from_slice(&text)
            .map_err(|e| format!("`{}` does not parse ({e})", path.display()))?;
        Ok(Self {
            file,
            data: 8 + header,
            entries,
        })
    }

    /// Says what is wrong if it has no tensor of this kind and shape.
    pub fn check(&self, name: &str, kind: Kind, shape: &[i64]) -> Result<(), String> {
        let Some(entry) = self.entries.get(name) else {
            return Err(format!("it has no `{name}`; was it made of another model?"));
        };
        if entry.shape != shape {
            return Err(format!(
                "`{name}` has shape {:?}, the model needs {shape:?}",
                entry.shape
            ));
        }
        let (from, to) = entry.data_offsets;
        let bytes = shape.iter().product::<i64>() as u64 * kind.elt_size_in_bytes() as u64;
        if Some(entry.dtype.as_str()) != name_of(kind) || to.checked_sub(from) != Some(bytes) {
            return Err(format!(
                "`{name}` has {} bytes of {}, this training keeps it in {kind:?}",
                to.saturating_sub(from),
                entry.dtype
            ));
        }
        Ok(())
    }

    /// Copies `count` numbers of a tensor that was checked, from number `from` on, to a tensor's numbers from `to` on.
    pub fn copy(
        &self,
        name: &str,
        from: usize,
        to: usize,
        count: usize,
        target: &Tensor,
    ) -> Result<(), Error> {
        let entry = &self.entries[name];
        let Some(kind) = kind_of(&entry.dtype).filter(|_| count > 0) else {
            return Ok(());
        };
        let width = kind.elt_size_in_bytes();
        let start = self.data + entry.data_offsets.0 + (from * width) as u64;
        let bytes = Mapped::new(&self.file, start, count * width);
        let bytes = bytes.map_err(|source| Error::Io {
            action: "read",
            path: name.into(),
            source,
        })?;
        let values = Tensor::f_from_data_size(&bytes, &[count as i64], kind)?;
        if count == target.numel() {
            target.shallow_clone().f_copy_(&values.f_view_as(target)?)?;
            return Ok(());
        }
        let row = target.f_view([-1])?;
        row.f_narrow(0, to as i64, count as i64)?.f_copy_(&values)?;
        Ok(())
    }
}

/// Passes bytes on and hashes them.
struct Hashing {
    out: BufWriter<File>,
    hasher: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n)]);
    bytes
        .iter()
        .flat_map(|b| [digit(b >> 4), digit(b & 15)])
        .collect()
}

/// Bytes from hexadecimal.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_come_back_as_they_were_kept_and_lie_aligned() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("state");
        let numbers = Tensor::arange(128, (Kind::Float, Device::Cpu));
        let tensors = [
            ("odd", numbers.narrow(0, 0, 3).to_kind(Kind::BFloat16)),
            ("codes", numbers.to_kind(Kind::Uint8).view([2, 64])),
            ("whole", numbers.to_kind(Kind::BFloat16)),
            ("single", numbers.shallow_clone()),
        ]
        .map(|(name, tensor)| (name.to_owned(), tensor));
        let digest = write(&path, &tensors).expect("write");
        assert_eq!(digest, corpus::digest::file(&path).expect("read"));
        let stored = Stored::open(&path).expect("open");
        for (name, tensor) in &tensors {
            let empty = tensor.zeros_like();
            let shape = tensor.size();
            stored.check(name, tensor.kind(), &shape).expect("the same");
            let all = tensor.numel();
            stored.copy(name, 0, 0, all, &empty).expect("copy");
            assert!(empty.equal(tensor), "{name}");
            let two = Tensor::zeros([3], (tensor.kind(), Device::Cpu));
            stored.copy(name, 1, 1, 2, &two).expect("copy");
            let expected = tensor.flatten(0, -1).narrow(0, 1, 2);
            assert!(two.narrow(0, 1, 2).equal(&expected), "{name}");
            let start = stored.data + stored.entries[name].data_offsets.0;
            assert!(
                start.is_multiple_of(64) || name == "odd",
                "{name} at {start}"
            );
        }
        let other = stored
            .check("whole", Kind::Float, &[128])
            .expect_err("of other bits");
        assert!(other.contains("256 bytes of BF16"), "{other}");
        let other = stored
            .check("codes", Kind::Uint8, &[128])
            .expect_err("of other shape");
        assert!(other.contains("shape [2, 64]"), "{other}");
    }
}
