//! What a file is, by its name or its first bytes.

use std::path::Path;

/// The usual ending of a picture file whose name is `path`; `None` if it has none of a picture.
///
/// ```
/// use corpus::images::extension_of;
/// assert_eq!(extension_of("a/b.JPEG".as_ref()), Some("jpg"));
/// assert_eq!(extension_of("a/b.txt".as_ref()), None);
/// ```
pub fn extension_of(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "png" => "png",
        "jpg" | "jpeg" | "jpe" | "jfif" => "jpg",
        "webp" => "webp",
        "gif" => "gif",
        "bmp" => "bmp",
        "tif" | "tiff" => "tif",
        "svg" => "svg",
        _ => return None,
    })
}

/// The usual ending for a file with this content; `bin` if it is no picture that we know.
pub fn extension(bytes: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 7] = [
        (b"\x89PNG", "png"),
        (b"\xff\xd8", "jpg"),
        (b"GIF8", "gif"),
        (b"BM", "bmp"),
        (b"II*\0", "tif"),
        (b"MM\0*", "tif"),
        (b"II+\0", "tif"),
    ];
    if bytes.get(..4) == Some(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return "webp";
    }
    if looks_like_svg(bytes) {
        return "svg";
    }
    let found = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
    found.map_or("bin", |(_, ending)| ending)
}

/// Whether a file of text begins as a drawing does.
pub(super) fn looks_like_svg(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    head.starts_with("<svg")
        || (head.starts_with("<?xml") || head.starts_with("<!--")) && head.contains("<svg")
}
