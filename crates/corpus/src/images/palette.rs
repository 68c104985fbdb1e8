//! TIFF pictures with a palette, which the decoder refuses: read as grey ones, whose levels are the palette's indices.

use image::{DynamicImage, GrayImage, RgbImage};

/// A TIFF file that calls its palette's indices levels of grey, and the colours that they stand for.
pub(super) struct Paletted {
    /// The changed file.
    pub(super) bytes: Vec<u8>,
    colours: Vec<[u8; 3]>,
    bits: u32,
}

/// Tags of TIFF 6.0.
const BITS: u16 = 258;
const PHOTOMETRIC: u16 = 262;
const COLOUR_MAP: u16 = 320;

/// The file as grey and its colours, if it is a TIFF with a palette of at most 8 bits.
pub(super) fn of(bytes: &[u8]) -> Option<Paletted> {
    let little = match bytes.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let two = |at: usize| -> Option<u16> {
        let pair = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        })
    };
    let four = |at: usize| -> Option<u32> {
        let four = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        })
    };
    let directory = four(4)? as usize;
    let entry = |tag: u16| -> Option<usize> {
        let count = usize::from(two(directory)?);
        (0..count)
            .map(|i| directory + 2 + 12 * i)
            .find(|&at| two(at) == Some(tag))
    };
    let kind = entry(PHOTOMETRIC)?;
    if two(kind + 8)? != 3 {
        return None;
    }
    let bits = u32::from(entry(BITS).and_then(|at| two(at + 8)).unwrap_or(1));
    let map = entry(COLOUR_MAP)?;
    let (values, start) = (four(map + 4)? as usize, four(map + 8)? as usize);
    let size = 1_usize << bits.min(8);
    if bits > 8 || values != 3 * size {
        return None;
    }
    // Upper bytes of 16 bits; all reds, then all greens, then all blues.
    let level = |channel: usize, index: usize| {
        two(start + 2 * (channel * size + index)).map(|v| (v >> 8) as u8)
    };
    let colour = |index: usize| Some([level(0, index)?, level(1, index)?, level(2, index)?]);
    let colours = (0..size).map(colour).collect::<Option<Vec<_>>>()?;
    let mut changed = bytes.to_vec();
    let grey: [u8; 2] = if little { [1, 0] } else { [0, 1] };
    changed.get_mut(kind + 8..kind + 10)?.copy_from_slice(&grey);
    Some(Paletted {
        bytes: changed,
        colours,
        bits,
    })
}

impl Paletted {
    /// The picture in colours, from the one that was decoded as grey.
    pub(super) fn coloured(&self, grey: &DynamicImage) -> RgbImage {
        let grey: GrayImage = grey.to_luma8();
        // Levels of fewer bits were spread over 0 to 255.
        let most = (1_u32 << self.bits) - 1;
        RgbImage::from_fn(grey.width(), grey.height(), |x, y| {
            let index = (u32::from(grey.get_pixel(x, y).0[0]) * most + 127) / 255;
            image::Rgb(
                self.colours
                    .get(index as usize)
                    .copied()
                    .unwrap_or_default(),
            )
        })
    }
}
