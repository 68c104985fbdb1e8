//! What can be wrong with the embedded pictograms.

/// The embedded data are broken, or a picture cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of `assets/pictograms` does not hold what the program expects.
    #[error(
        "embedded pictograms, {place}: {detail}; build from a clean checkout, or make the files again as \
         `assets/pictograms/README.md` says"
    )]
    Data {
        /// File and line, or concept and file.
        place: String,
        /// What was found.
        detail: String,
    },
    /// No picture is of this size.
    #[error("cannot render a pictogram at {side} pixels; the side has to be 1 to 4096")]
    Side {
        /// Pixels.
        side: u32,
    },
}
