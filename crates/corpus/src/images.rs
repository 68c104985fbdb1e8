//! Pictures from files: PNG, JPEG, WebP, GIF (the first frame), BMP, TIFF and SVG, found by content, as 8-bit RGB, turned
//! as EXIF says.
//!
//! Transparent pixels lie on white unless a model wants it otherwise ([`Alpha`]). Of 16 bits the upper eight are taken, as
//! Pillow does with colours (its grey pictures of 16 bits saturate at 255, which nobody wants). Sizes are checked before
//! memory is asked for, and decoding has a time limit.

mod decode;
mod encode;
mod error;
mod jpeg;
mod kind;
mod limits;
mod palette;
mod svg;
mod watch;

pub use decode::{Alpha, decode, decode_as, decode_bytes, read, size};
pub use encode::encode_png;
pub use error::ImageError;
pub use kind::{extension, extension_of};
pub use limits::{MAX_BYTES, MAX_PIXELS};
pub use svg::{decode_svg, render_svg_rgba};
pub use watch::{MAX_TIME, set_time_limit};

#[cfg(test)]
mod tests;
