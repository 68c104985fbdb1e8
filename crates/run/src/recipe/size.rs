//! Sizes in bytes, as people write them.

/// Units, and how many bytes each is.
const UNITS: [(&str, u64); 7] = [
    ("GIB", 1 << 30),
    ("MIB", 1 << 20),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
];

/// What a size looks like, in words.
pub(super) const EXPECTED: &str =
    "a size with its unit in quotes, such as \"12GB\", \"800MB\" or \"11.5GiB\"";

/// The bytes of a size of at least one, as `12GB`, `800MB` or `11.5GiB`; none of anything else.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_uppercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)))?;
    let number = number.trim_end();
    // `parse` would take signs, exponents and infinities, too.
    let is_plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = number.parse().ok().filter(|_| is_plain)?;
    let bytes = number * unit as f64;
    (1.0..1e18).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("12GB", Some(12_000_000_000)),
            ("12 gb", Some(12_000_000_000)),
            ("12G", Some(12_000_000_000)),
            ("1.5GiB", Some(1_610_612_736)),
            ("800MB", Some(800_000_000)),
            ("2TB", Some(2_000_000_000_000)),
            ("12", None),
            ("GB", None),
            ("0GB", None),
            ("-1GB", None),
            ("1e3GB", None),
            ("infGB", None),
            ("12 GB free", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
