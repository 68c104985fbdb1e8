//! f32 tensors in a safetensors file with 64-byte aligned data, written one tensor at a time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use torch::{Device, Kind, Tensor};

use crate::Error;

const ALIGNMENT: usize = 64;
const WIDTH: usize = 4;

/// Writes and syncs the file; gives the SHA-256 of what was meant to be written.
pub(crate) fn write(path: &Path, tensors: &[(String, Tensor)]) -> Result<String, Error> {
    // The format allows no gaps between tensors; those whose sizes keep the alignment come first.
    let mut ordered: Vec<&(String, Tensor)> = tensors.iter().collect();
    ordered.sort_by_key(|(_, tensor)| !(tensor.numel() * WIDTH).is_multiple_of(ALIGNMENT));
    let (mut header, mut end) = (Map::new(), 0);
    for (name, tensor) in &ordered {
        let start = end;
        end += tensor.numel() * WIDTH;
        let entry = json!({"dtype": "F32", "shape": tensor.size(), "data_offsets": [start, end]});
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
            .f_to_kind(Kind::Float)?
            .f_contiguous()?;
        let mut bytes = vec![0; tensor.numel() * WIDTH];
        tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
        out.write_all(&bytes).map_err(failed)?;
    }
    let digest = out.hasher.finalize();
    let file = out.out.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(hex(&digest))
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
