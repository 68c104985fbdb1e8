//! SVG drawings, drawn by `resvg`.
//!
//! What it cannot draw is an error and not a gap: text (no fonts are loaded) and pictures inside the drawing. No file is
//! opened that a drawing names.

mod cost;
mod references;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use image::{Rgb, RgbImage, Rgba, RgbaImage};
use resvg::usvg::roxmltree;
use resvg::{tiny_skia, usvg};

use super::error::ImageError;
use super::limits::check_size;

/// Larger files are refused.
const MAX_BYTES: usize = 50_000_000;
/// Arcs are cut into pieces by their radius, so that larger numbers in a path take for ever.
const MAX_EXPONENT: usize = 9;

/// Draws at the drawing's own size, on white.
pub(super) fn draw(bytes: &[u8], path: &Path) -> Result<RgbImage, ImageError> {
    let tree = parse(bytes, path)?;
    let size = tree.size().to_int_size();
    let canvas = paint(
        &tree,
        (size.width(), size.height()),
        tiny_skia::Transform::identity(),
        path,
    )?;
    Ok(on_white(&canvas))
}

/// The size that [`draw`] gives.
pub(super) fn size(bytes: &[u8], path: &Path) -> Result<(u32, u32), ImageError> {
    let size = parse(bytes, path)?.size().to_int_size();
    check_size(u64::from(size.width()), u64::from(size.height()), path)?;
    Ok((size.width(), size.height()))
}

/// Draws into a square of `side` pixels, on white; the drawing keeps its aspect and lies in the middle.
///
/// ```
/// let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><rect width="4" height="2"/></svg>"#;
/// let picture = corpus::images::decode_svg(svg, 8, std::path::Path::new("flag.svg"))?;
/// assert_eq!((picture.get_pixel(0, 0).0, picture.get_pixel(0, 7).0), ([0; 3], [255; 3]));
/// # Ok::<(), corpus::images::ImageError>(())
/// ```
pub fn decode_svg(bytes: &[u8], side: u32, path: &Path) -> Result<RgbImage, ImageError> {
    Ok(on_white(&square(bytes, side, path)?))
}

/// Draws into a square of `side` pixels as [`decode_svg`] does, on nothing: colours are not premultiplied.
pub fn render_svg_rgba(bytes: &[u8], side: u32, path: &Path) -> Result<RgbaImage, ImageError> {
    let canvas = square(bytes, side, path)?;
    Ok(RgbaImage::from_fn(side, side, |x, y| {
        let colour = canvas.pixels()[(y * side + x) as usize].demultiply();
        Rgba([colour.red(), colour.green(), colour.blue(), colour.alpha()])
    }))
}

fn square(bytes: &[u8], side: u32, path: &Path) -> Result<tiny_skia::Pixmap, ImageError> {
    let tree = parse(bytes, path)?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = side as f32 / width.max(height);
    let aside = |length: f32| (side as f32 - length * scale) / 2.0;
    let place = tiny_skia::Transform::from_row(scale, 0.0, 0.0, scale, aside(width), aside(height));
    paint(&tree, (side, side), place, path)
}

fn broken(path: &Path, problem: impl Into<String>) -> ImageError {
    ImageError::Decode {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

fn parse(bytes: &[u8], path: &Path) -> Result<usvg::Tree, ImageError> {
    if bytes.len() > MAX_BYTES {
        return Err(ImageError::TooLarge {
            path: path.to_owned(),
            found: format!("{} bytes of SVG", bytes.len()),
            limit: format!("{MAX_BYTES} bytes"),
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| broken(path, "it is not UTF-8"))?;
    let xml = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..roxmltree::ParsingOptions::default()
    };
    let document = roxmltree::Document::parse_with_options(text, xml)
        .map_err(|e| broken(path, format!("its XML is broken: {e}")))?;
    let svg = Some("http://www.w3.org/2000/svg");
    let is_text = |node: roxmltree::Node| {
        node.tag_name().name() == "text" && node.tag_name().namespace() == svg
    };
    if document.descendants().any(is_text) {
        return Err(broken(
            path,
            "it has text, which is not drawn (turn the text into paths, or save it as PNG)",
        ));
    }
    if document
        .descendants()
        .any(|node| node.attribute("d").is_some_and(is_extreme))
    {
        return Err(broken(
            path,
            "a path has numbers that are too extreme to draw",
        ));
    }
    references::check(&document)
        .map_err(|what| broken(path, format!("{what} (save it as PNG)")))?;
    let has_pictures = AtomicBool::new(false);
    let tree = {
        let seen = || has_pictures.store(true, Ordering::Relaxed);
        let options = usvg::Options {
            // The presets would open any file that a drawing names.
            image_href_resolver: usvg::ImageHrefResolver {
                resolve_data: Box::new(|_, _, _| {
                    seen();
                    None
                }),
                resolve_string: Box::new(|_, _| {
                    seen();
                    None
                }),
            },
            ..usvg::Options::default()
        };
        let parsed = catch_unwind(AssertUnwindSafe(|| {
            usvg::Tree::from_xmltree(&document, &options)
        }));
        let parsed = parsed.map_err(|_| broken(path, "its numbers are too extreme to read"))?;
        parsed.map_err(|e| broken(path, e.to_string()))?
    };
    if has_pictures.into_inner() {
        return Err(broken(
            path,
            "it has a picture inside, which is not drawn (save it as PNG)",
        ));
    }
    Ok(tree)
}

/// Whether path data have a number with an exponent above [`MAX_EXPONENT`] or that many digits before the point.
fn is_extreme(data: &str) -> bool {
    let (mut num_digits, mut is_whole) = (0, true);
    for (at, byte) in data.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if is_whole => num_digits += 1,
            b'0'..=b'9' => {}
            b'.' => is_whole = false,
            b'e' | b'E' => {
                is_whole = false;
                let rest = data[at + 1..].trim_start_matches('+');
                let end = rest
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(rest.len());
                // More digits than fit are too many as well.
                if end > 0
                    && rest[..end]
                        .parse::<usize>()
                        .map_or(true, |n| n > MAX_EXPONENT)
                {
                    return true;
                }
            }
            _ => (num_digits, is_whole) = (0, true),
        }
        if num_digits > MAX_EXPONENT {
            return true;
        }
    }
    false
}

fn paint(
    tree: &usvg::Tree,
    (width, height): (u32, u32),
    place: tiny_skia::Transform,
    path: &Path,
) -> Result<tiny_skia::Pixmap, ImageError> {
    check_size(u64::from(width), u64::from(height), path)?;
    cost::check(tree, (width, height), place)
        .map_err(|what| broken(path, format!("{what} (save it as PNG)")))?;
    let mut canvas = tiny_skia::Pixmap::new(width, height)
        .ok_or_else(|| broken(path, "it has no width or height"))?;
    // Extreme numbers make `resvg` overflow; a drawing of a stranger must not end the run.
    let drawn = catch_unwind(AssertUnwindSafe(|| {
        resvg::render(tree, place, &mut canvas.as_mut());
    }));
    drawn.map_err(|_| broken(path, "its numbers are too extreme to draw"))?;
    Ok(canvas)
}

fn on_white(canvas: &tiny_skia::Pixmap) -> RgbImage {
    let width = canvas.width();
    RgbImage::from_fn(width, canvas.height(), |x, y| {
        let pixel = canvas.pixels()[(y * width + x) as usize];
        // Premultiplied colours over white.
        let rest = 255 - pixel.alpha();
        Rgb([pixel.red(), pixel.green(), pixel.blue()].map(|c| c.saturating_add(rest)))
    })
}

#[cfg(test)]
mod tests {
    use super::is_extreme;

    #[test]
    fn extreme_numbers_are_found_where_numbers_touch() {
        for data in [
            "M0 0a1e30 1",
            "M1-2E+99",
            "M0.5.5e10",
            "M12345678901",
            "M0,0L-99999999999.5",
            "Me99999999999999999999999",
        ] {
            assert!(is_extreme(data), "{data}");
        }
        for data in [
            "M1e9-1e-30z",
            "M.12345678901234-1.23456789012345",
            "M1 2 3 4 5 6 7 8 9 10 11 12",
            "Mé e",
            "",
        ] {
            assert!(!is_extreme(data), "{data}");
        }
    }
}
