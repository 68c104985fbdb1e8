//! What is said of files that this build was made without.

/// How the whole program is built.
macro_rules! whole {
    () => {
        "this build is the demo's; `cargo build --release` makes one that does"
    };
}

/// Of Parquet and Arrow.
#[cfg(not(feature = "tables"))]
pub(crate) const TABLES: &str = concat!("Parquet and Arrow are not read or written: ", whole!());

/// Of pictures in rarer formats.
#[cfg(not(feature = "codecs"))]
pub(crate) const CODECS: &str = concat!("WebP, GIF and TIFF are not read: ", whole!());
