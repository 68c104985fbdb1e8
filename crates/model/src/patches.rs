//! What a vision tower computes for a picture.

/// How many patches of a picture a vision tower computes, and how many of them show something of it.
///
/// Edges that a family fills up inside of a patch, or with pixels that the language model reads like any others (the
/// squares of LLaVA, the lower and the right edge of Llama 3.2's canvas), count as shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patches {
    /// All that the tower computes.
    pub computed: usize,
    /// Those that are not padding.
    pub shown: usize,
}

impl Patches {
    /// Without padding.
    pub fn all(count: usize) -> Self {
        Self {
            computed: count,
            shown: count,
        }
    }
}
