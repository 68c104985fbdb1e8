//! Numbers in tables.

/// A number with one decimal, or a dash where there is none.
pub fn tenths(number: Option<f64>) -> String {
    or_dash(number, 1)
}

/// A number with so many decimals, or a dash where there is none.
pub fn or_dash(number: Option<f64>, decimals: usize) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.decimals$}"))
}
