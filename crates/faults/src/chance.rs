//! Numbers that look drawn and are a function of what they are drawn for.

/// Mixes the bits of a number, after Steele, Lea and Flood's SplitMix64.
pub(crate) fn mixed(value: u64) -> u64 {
    let mut value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A number from 0 to below 1 for this seed, this arrival and this question about it.
pub(crate) fn share(seed: u64, number: u64, question: u64) -> f64 {
    let bits = mixed(mixed(mixed(seed) ^ number) ^ question);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Goes on hashing: the state after these bytes (FNV-1a).
pub(crate) fn after(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The state before any byte.
pub(crate) const START: u64 = 0xcbf2_9ce4_8422_2325;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_the_same_each_time() {
        let shares: Vec<f64> = (0..10_000).map(|number| share(7, number, 1)).collect();
        let mean = shares.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert_eq!(share(7, 3, 1).to_bits(), shares[3].to_bits());
        assert_ne!(share(8, 3, 1).to_bits(), shares[3].to_bits());
        // The published first value of FNV-1a over the letter a.
        assert_eq!(after(START, b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
