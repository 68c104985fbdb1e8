//! Marks that tell systems apart without colour.

/// Classes `c0` … of colours in the pages' style.
pub const COLOURS: usize = 8;
/// Classes `d0` … of patterns of lines.
pub const DASHES: usize = 5;

/// The mark of a system around a point: circle, square, triangle, diamond, triangle upside down, cross.
pub fn mark(system: usize, x: f64, y: f64) -> String {
    let shape = match system % 6 {
        0 => "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        1 => "m-3.5 -3.5h7v7h-7z",
        2 => "m0 -4.6l4.4 7.8h-8.8z",
        3 => "m0 -5l5 5l-5 5l-5 -5z",
        4 => "m0 4.6l-4.4 -7.8h8.8z",
        _ => "m-1.4 -4.4v3h-3v2.8h3v3h2.8v-3h3v-2.8h-3v-3z",
    };
    format!("<path class=\"mark\" d=\"M{x:.1} {y:.1}{shape}\"/>")
}

/// The mark alone, to stand beside a name.
pub fn sign_of(system: usize) -> String {
    format!(
        "<svg class=\"sign c{}\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">{}</svg>",
        system % COLOURS,
        mark(system, 6.0, 6.0)
    )
}
