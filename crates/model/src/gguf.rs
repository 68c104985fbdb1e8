//! Reads GGUF, the format of llama.cpp, for Llama-shaped text models: metadata, and tensors of the types F32, F16, BF16,
//! Q8_0 and Q4_1.
//!
//! Every count and length is checked against the file's size before memory is asked for.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::error::Error;

const MAGIC: &[u8; 4] = b"GGUF";
/// What names and short texts may have, in bytes.
const MAX_NAME: u64 = 1 << 16;
/// Metadata is read into memory whole; no published vocabulary comes near this.
const MAX_METADATA: u64 = 1 << 28;

/// A value of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any of the whole numbers.
    Integer(i128),
    /// Either of the floating-point numbers.
    Float(f64),
    /// A switch.
    Flag(bool),
    /// A text.
    Text(String),
    /// A list of values of one type.
    List(Vec<Value>),
}

impl Value {
    /// A whole number that is not negative.
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::Integer(n) => usize::try_from(*n).ok(),
            _ => None,
        }
    }

    /// A number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(n) => Some(*n as f64),
            Self::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A list.
    pub fn list(&self) -> Option<&[Value]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }
}

/// How the values of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storage {
    F32,
    F16,
    Bf16,
    /// Blocks of 32: a half-precision scale and 32 signed bytes.
    Q8_0,
    /// Blocks of 32: a half-precision scale and minimum, and 32 half bytes, the low halves first.
    Q4_1,
}

impl Storage {
    fn of(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::F32),
            1 => Some(Self::F16),
            3 => Some(Self::Q4_1),
            8 => Some(Self::Q8_0),
            30 => Some(Self::Bf16),
            _ => None,
        }
    }

    /// Values and bytes of a block.
    fn block(self) -> (u64, u64) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q8_0 => (32, 34),
            Self::Q4_1 => (32, 20),
        }
    }
}

#[derive(Clone, Debug)]
struct Place {
    shape: Vec<usize>,
    storage: Storage,
    start: u64,
    bytes: u64,
}

/// An open file.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    file: File,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Place>,
}

impl Gguf {
    /// Reads the header: metadata, and where each tensor lies.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io {
            action: "read",
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let mut head = vec![0; size.min(MAX_METADATA) as usize];
        file.read_exact_at(&mut head, 0).map_err(io)?;
        let (metadata, tensors) = parse(&head, size).map_err(|problem| Error::Gguf {
            path: path.to_owned(),
            problem,
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            metadata,
            tensors,
        })
    }

    /// A value of the metadata.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// Names of all tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Shape of a tensor, the slowest dimension first.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|place| place.shape.as_slice())
    }

    /// Whether all tensors are stored in 16 bits or fewer: such a model loses nothing in bf16 that it still has.
    pub fn is_half(&self) -> bool {
        let wide = |place: &Place| place.storage == Storage::F32 && place.shape.len() > 1;
        !self.tensors.values().any(wide)
    }

    /// A tensor's values in f32, row by row.
    pub fn read(&self, name: &str) -> Result<Vec<f32>, Error> {
        let place = self.tensors.get(name).ok_or_else(|| Error::Gguf {
            path: self.path.clone(),
            problem: format!("has no tensor `{name}`"),
        })?;
        let mut bytes = vec![0; place.bytes as usize];
        self.file
            .read_exact_at(&mut bytes, place.start)
            .map_err(|source| Error::Io {
                action: "read",
                path: self.path.clone(),
                source,
            })?;
        Ok(values(&bytes, place.storage))
    }
}

/// Values of whole blocks.
fn values(bytes: &[u8], storage: Storage) -> Vec<f32> {
    let half = |b: &[u8]| half_to_f32(u16::from_le_bytes([b[0], b[1]]));
    match storage {
        Storage::F32 => bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        Storage::F16 => bytes.chunks_exact(2).map(half).collect(),
        Storage::Bf16 => bytes
            .chunks_exact(2)
            .map(|b| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16))
            .collect(),
        Storage::Q8_0 => bytes
            .chunks_exact(34)
            .flat_map(|block| {
                let scale = half(block);
                block[2..].iter().map(move |&q| scale * f32::from(q as i8))
            })
            .collect(),
        Storage::Q4_1 => bytes
            .chunks_exact(20)
            .flat_map(|block| {
                let (scale, least) = (half(block), half(&block[2..]));
                let low = block[4..].iter().map(|&q| q & 15);
                let high = block[4..].iter().map(|&q| q >> 4);
                low.chain(high).map(move |q| scale * f32::from(q) + least)
            })
            .collect(),
    }
}

/// IEEE 754 half precision.
fn half_to_f32(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (
        if bits >> 15 == 1 { -1.0 } else { 1.0 },
        i32::from(bits >> 10 & 31),
        f32::from(bits & 1023),
    );
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

/// What is left to read of the header.
struct Bytes<'a> {
    left: &'a [u8],
    read: u64,
}

impl<'a> Bytes<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        if count > self.left.len() as u64 {
            return Err(format!(
                "ends at byte {}, where {count} more are announced",
                self.read + self.left.len() as u64
            ));
        }
        let (taken, left) = self.left.split_at(count as usize);
        self.left = left;
        self.read += count;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N as u64)?;
        <[u8; N]>::try_from(taken).map_err(|e| e.to_string())
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.number()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.number()?))
    }

    fn text(&mut self, limit: u64) -> Result<String, String> {
        let length = self.u64()?;
        if length > limit {
            return Err(format!(
                "has a text of {length} bytes at byte {}",
                self.read
            ));
        }
        let place = self.read;
        let bytes = self.take(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| format!("has no UTF-8 at byte {place}"))
    }

    fn value(&mut self, kind: u32) -> Result<Value, String> {
        Ok(match kind {
            0 => Value::Integer(self.number::<1>()?[0].into()),
            1 => Value::Integer(i8::from_le_bytes(self.number()?).into()),
            2 => Value::Integer(u16::from_le_bytes(self.number()?).into()),
            3 => Value::Integer(i16::from_le_bytes(self.number()?).into()),
            4 => Value::Integer(self.u32()?.into()),
            5 => Value::Integer(i32::from_le_bytes(self.number()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.number()?).into()),
            7 => Value::Flag(self.number::<1>()?[0] != 0),
            8 => Value::Text(self.text(MAX_METADATA)?),
            10 => Value::Integer(self.u64()?.into()),
            11 => Value::Integer(i64::from_le_bytes(self.number()?).into()),
            12 => Value::Float(f64::from_le_bytes(self.number()?)),
            9 => {
                let (kind, count) = (self.u32()?, self.u64()?);
                // Lists of lists are in no published file, and could be nested without end.
                if kind == 9 {
                    return Err(format!("has a list of lists at byte {}", self.read));
                }
                // Each value takes a byte at least.
                if count > self.left.len() as u64 {
                    return Err(format!(
                        "has a list of {count} values at byte {}, more than the bytes left",
                        self.read
                    ));
                }
                let values: Result<Vec<Value>, String> =
                    (0..count).map(|_| self.value(kind)).collect();
                Value::List(values?)
            }
            other => return Err(format!("has a value of type {other} at byte {}", self.read)),
        })
    }
}

type Header = (BTreeMap<String, Value>, BTreeMap<String, Place>);

fn parse(head: &[u8], size: u64) -> Result<Header, String> {
    let mut bytes = Bytes {
        left: head,
        read: 0,
    };
    if bytes.take(4).ok() != Some(MAGIC) {
        return Err("does not begin with `GGUF`".to_owned());
    }
    let version = bytes.u32()?;
    if !(2..=3).contains(&version) {
        return Err(format!("has version {version}; known are 2 and 3"));
    }
    let (num_tensors, num_values) = (bytes.u64()?, bytes.u64()?);
    // A tensor's description takes 24 bytes at least, a value 13.
    if num_tensors > size / 24 || num_values > size / 13 {
        return Err(format!(
            "announces {num_tensors} tensors and {num_values} values, more than its {size} bytes can hold"
        ));
    }
    let mut metadata = BTreeMap::new();
    for _ in 0..num_values {
        let key = bytes.text(MAX_NAME)?;
        let kind = bytes.u32()?;
        metadata.insert(key, bytes.value(kind)?);
    }
    let mut found = Vec::new();
    for _ in 0..num_tensors {
        let name = bytes.text(MAX_NAME)?;
        let dimensions = bytes.u32()?;
        if dimensions > 4 {
            return Err(format!("gives tensor `{name}` {dimensions} dimensions"));
        }
        // The fastest dimension comes first there.
        let mut shape: Vec<u64> = (0..dimensions)
            .map(|_| bytes.u64())
            .collect::<Result<_, _>>()?;
        let row = shape.first().copied().unwrap_or(1);
        shape.reverse();
        let code = bytes.u32()?;
        let storage = Storage::of(code).ok_or_else(|| {
            format!(
                "stores tensor `{name}` in the type {code}; known are F32 (0), F16 (1), Q4_1 (3), Q8_0 (8) and BF16 (30)"
            )
        })?;
        let (values, width) = storage.block();
        let count = shape.iter().try_fold(1u64, |n, &side| n.checked_mul(side));
        let length = count
            .filter(|_| row.is_multiple_of(values))
            .and_then(|count| (count / values).checked_mul(width))
            .filter(|&length| length <= size)
            .ok_or_else(|| format!("gives tensor `{name}` the impossible shape {shape:?}"))?;
        found.push((name, shape, storage, bytes.u64()?, length));
    }
    let alignment = metadata.get("general.alignment").and_then(Value::count);
    let alignment = alignment.unwrap_or(32) as u64;
    if alignment == 0 || alignment > 1 << 20 {
        return Err(format!("has the alignment {alignment}"));
    }
    let data = bytes.read.next_multiple_of(alignment);
    let mut tensors = BTreeMap::new();
    for (name, shape, storage, offset, length) in found {
        let start = data.checked_add(offset);
        let fits = start.and_then(|start| start.checked_add(length));
        let (Some(start), true) = (start, fits.is_some_and(|end| end <= size)) else {
            return Err(format!(
                "has only {size} bytes, but tensor `{name}` would lie at byte {offset} of its data; is it cut off?"
            ));
        };
        let shape = shape.iter().map(|&n| n as usize).collect();
        let place = Place {
            shape,
            storage,
            start,
            bytes: length,
        };
        if tensors.insert(name.clone(), place).is_some() {
            return Err(format!("has tensor `{name}` twice"));
        }
    }
    Ok((metadata, tensors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65504.0),
            (0x0000, 0.0),
        ] {
            let value: f32 = value;
            assert_eq!(half_to_f32(bits).to_bits(), value.to_bits(), "{bits:x}");
        }
        assert!(half_to_f32(0x7e00).is_nan() && half_to_f32(0xfc00) == f32::NEG_INFINITY);
    }
}
