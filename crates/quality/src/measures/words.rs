//! Texts as numbers, one a word.

/// The words of a text as 64-bit hashes: runs of letters and digits, whatever their case.
pub(super) fn hashes(text: &str) -> Vec<u64> {
    let mut words = Vec::with_capacity(text.len() / 5);
    let mut at = None;
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            let byte = character.to_ascii_lowercase() as u8;
            at = Some(step(at.unwrap_or(START), byte));
        } else if character.is_alphanumeric() {
            let mut state = at.unwrap_or(START);
            let mut bytes = [0; 4];
            for lower in character.to_lowercase() {
                let encoded = lower.encode_utf8(&mut bytes).bytes();
                state = encoded.fold(state, step);
            }
            at = Some(state);
        } else {
            words.extend(at.take().map(mixed));
        }
    }
    words.extend(at.map(mixed));
    words
}

/// The words of a text in lower case.
pub(super) fn lower(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|character: char| !character.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// One number for several in a row.
pub(super) fn all(numbers: &[u64]) -> u64 {
    numbers.iter().fold(START, |state, &number| {
        mixed(state.rotate_left(23) ^ number)
    })
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

/// A step of FNV-1a.
fn step(state: u64, byte: u8) -> u64 {
    (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

/// The finaliser of MurmurHash3, so that all bits of a number matter to each of its bits.
pub(super) fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let number = (number ^ (number >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ (number >> 33)
}
