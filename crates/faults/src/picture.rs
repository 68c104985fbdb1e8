//! What stands in the file of a picture beside its pixels.

use sha2::{Digest as _, Sha256};

/// A picture that came with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The kind of file by its own first bytes: `png`, `jpeg` or `other`.
    pub kind: &'static str,
    /// SHA-256 of the file, in hexadecimal digits.
    pub digest: String,
    /// The size of the file in bytes.
    pub size: usize,
    /// What the file holds that no pixel needs: chunks, markers, and bytes after its end, one word each.
    pub beside: Vec<String>,
}

impl Picture {
    /// Looks into a file.
    pub fn look(file: &[u8]) -> Self {
        let (kind, beside) = if file.starts_with(b"\x89PNG\r\n\x1a\n") {
            ("png", beside_png(&file[8..]))
        } else if file.starts_with(&[0xff, 0xd8]) {
            ("jpeg", beside_jpeg(&file[2..]))
        } else {
            ("other", vec!["unknown-kind".to_owned()])
        };
        Self {
            kind,
            digest: hexadecimal(&Sha256::digest(file)),
            size: file.len(),
            beside,
        }
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            digits.push(char::from_digit(u32::from(half), 16).expect("half a byte is a digit"));
        }
    }
    digits
}

/// Chunks that change how pixels look are no metadata of a person or a place; all others are named.
const CHUNKS_OF_PIXELS: [&[u8]; 10] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs",
];

fn beside_png(mut rest: &[u8]) -> Vec<String> {
    let mut beside = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some(name) = after.get(..4) else { break };
        if !CHUNKS_OF_PIXELS.contains(&name) {
            beside.push(String::from_utf8_lossy(name).into_owned());
        }
        // Name, content and checksum.
        rest = after.get(length + 8..).unwrap_or_default();
        if name == b"IEND" {
            if !rest.is_empty() {
                beside.push("after-the-end".to_owned());
            }
            return beside;
        }
    }
    beside.push("no-end".to_owned());
    beside
}

fn beside_jpeg(mut rest: &[u8]) -> Vec<String> {
    let mut beside = Vec::new();
    loop {
        // Up to the next marker; zeros and restart marks belong to the pixels.
        let Some(at) = rest
            .windows(2)
            .position(|two| two[0] == 0xff && !matches!(two[1], 0 | 0xff | 0xd0..=0xd7))
        else {
            beside.push("no-end".to_owned());
            return beside;
        };
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        if marker == 0xd9 {
            if !rest.is_empty() {
                beside.push("after-the-end".to_owned());
            }
            return beside;
        }
        let length = rest.first_chunk::<2>().map_or(0, |two| {
            usize::from(u16::from_be_bytes(*two)).min(rest.len())
        });
        let segment = &rest[length.min(2)..length];
        let name = match marker {
            // JFIF's own header and Adobe's note about colours say how to read the pixels.
            0xe0 if segment.starts_with(b"JFIF\0") => None,
            0xee if segment.starts_with(b"Adobe") => None,
            0xe1 if segment.starts_with(b"Exif\0") => Some("exif".to_owned()),
            0xe2 if segment.starts_with(b"ICC_PROFILE\0") => Some("icc".to_owned()),
            0xe0..=0xef => Some(format!("app{}", marker - 0xe0)),
            0xfe => Some("comment".to_owned()),
            _ => None,
        };
        beside.extend(name);
        rest = &rest[length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chunk with a checksum that nobody here reads.
    fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&length[..], &name, content, &[0; 4]].concat()
    }

    #[test]
    fn finds_what_stands_beside_the_pixels_of_a_png() {
        let png = |chunks: &[Vec<u8>]| {
            let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
            file.extend(chunks.concat());
            Picture::look(&file)
        };
        let (head, data, end) = (
            chunk(*b"IHDR", &[0; 13]),
            chunk(*b"IDAT", b"abc"),
            chunk(*b"IEND", b""),
        );
        let clean = png(&[head.clone(), data.clone(), end.clone()]);
        assert_eq!((clean.kind, clean.beside), ("png", vec![]));
        let marked = png(&[
            head.clone(),
            chunk(*b"tEXt", b"Author\0me"),
            chunk(*b"eXIf", b"MM"),
            chunk(*b"iCCP", b"x"),
            data.clone(),
            end,
            b"more".to_vec(),
        ]);
        assert_eq!(marked.beside, ["tEXt", "eXIf", "iCCP", "after-the-end"]);
        assert_eq!(png(&[head, data]).beside, ["no-end"]);
    }

    #[test]
    fn finds_what_stands_beside_the_pixels_of_a_jpeg() {
        let segment = |marker: u8, content: &[u8]| {
            let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
            [&[0xff, marker], &length[..], content].concat()
        };
        let jpeg = |parts: &[Vec<u8>]| {
            let mut file = vec![0xff, 0xd8];
            file.extend(parts.concat());
            Picture::look(&file)
        };
        let scan = [
            segment(0xda, &[1, 2, 3]),
            vec![9, 0xff, 0, 8, 0xff, 0xd0, 7],
        ]
        .concat();
        let end = vec![0xff, 0xd9];
        let clean = jpeg(&[
            segment(0xe0, b"JFIF\0...."),
            segment(0xdb, &[0; 65]),
            scan.clone(),
            end.clone(),
        ]);
        assert_eq!((clean.kind, clean.beside), ("jpeg", vec![]));
        let marked = jpeg(&[
            segment(0xe1, b"Exif\0\0MM"),
            segment(0xe2, b"ICC_PROFILE\0."),
            segment(0xed, b"Photoshop"),
            segment(0xfe, b"made by me"),
            scan,
            end,
            vec![1],
        ]);
        assert_eq!(
            marked.beside,
            ["exif", "icc", "app13", "comment", "after-the-end"]
        );
    }

    #[test]
    fn a_file_has_the_digest_that_everybody_computes() {
        // The published value for the three letters.
        assert_eq!(
            Picture::look(b"abc").digest,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
