//! What libtorch says when there is no memory for a tensor.

use crate::memory::OUT_OF_MEMORY;

/// A tensor for which there was no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "out of memory: {asked} bytes were asked for, {in_use} are in use{}",
    limit.map_or(String::new(), |limit| format!(", and the limit is {limit}"))
)]
pub struct OutOfMemory {
    /// Bytes that were asked for.
    pub asked: u64,
    /// Bytes of tensors that were there.
    pub in_use: u64,
    /// The bound of [`crate::memory::set_limit`]; none where it is the device that has no more.
    pub limit: Option<u64>,
}

impl OutOfMemory {
    /// What a message of libtorch, or one that holds such a message, says of missing memory; nothing if it is about
    /// something else.
    pub fn of(message: &str) -> Option<Self> {
        if let Some((_, told)) = message.split_once("CUDA out of memory.") {
            return Some(Self {
                asked: amount(told, "Tried to allocate ").unwrap_or(0),
                in_use: amount(told, "Of the allocated memory ").unwrap_or(0),
                limit: None,
            });
        }
        let (_, told) = message.split_once(OUT_OF_MEMORY)?;
        let mut numbers = told
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok());
        Some(Self {
            asked: numbers.next()?,
            in_use: numbers.next()?,
            limit: numbers.next(),
        })
    }
}

/// Bytes behind a text, with their unit, as in `2.50 GiB`.
fn amount(text: &str, before: &str) -> Option<u64> {
    let (_, rest) = text.split_once(before)?;
    let mut words = rest.split_whitespace();
    let number: f64 = words.next()?.parse().ok()?;
    let unit = match words.next()?.trim_end_matches(['.', ',']) {
        "GiB" => 1_u64 << 30,
        "MiB" => 1 << 20,
        "KiB" => 1 << 10,
        _ => 1,
    };
    Some((number * unit as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_about_memory_are_told_from_others() {
        let of_processor = |limit| OutOfMemory {
            asked: 4096,
            in_use: 1_000_000,
            limit,
        };
        let bound = of_processor(Some(1_002_000));
        assert_eq!(
            OutOfMemory::of(
                "libtorch: out of memory: 4096 bytes were asked for, 1000000 are in use, and the limit is 1002000"
            ),
            Some(bound)
        );
        assert_eq!(OutOfMemory::of(&bound.to_string()), Some(bound));
        assert_eq!(
            OutOfMemory::of(
                "out of memory: 4096 bytes were asked for, 1000000 are in use, and the system gives no more"
            ),
            Some(of_processor(None))
        );
        // From libtorch 2.11's `CUDACachingAllocator`.
        let of_gpu = "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.15 GiB of which 1.00 \
                      GiB is free. Of the allocated memory 512.00 MiB is allocated by PyTorch, and 3.00 MiB is reserved";
        let expected = OutOfMemory {
            asked: 5 << 29,
            in_use: 512 << 20,
            limit: None,
        };
        assert_eq!(OutOfMemory::of(of_gpu), Some(expected));
        assert_eq!(
            OutOfMemory::of("mat1 and mat2 shapes cannot be multiplied"),
            None
        );
    }
}
