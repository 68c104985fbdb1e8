//! Whether a JPEG file is whole. The decoder fills what is missing with grey and says nothing, so that half a download
//! would pass for a picture.

/// Whether the markers of a JPEG file lead to its end-of-image marker (ITU-T T.81, annex B).
///
/// A thumbnail's own end does not count: it lies inside a segment that is stepped over.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // Between segments, and in coded data, a marker is 0xff and a byte that is neither 0 nor 0xff.
        let Some(found) = bytes
            .get(at..)
            .and_then(|rest| rest.iter().position(|&b| b == 0xff))
        else {
            return false;
        };
        at += found + 1;
        match bytes.get(at) {
            None => return false,
            Some(0xd9) => return true,
            // Stuffing, fill bytes, restarts and markers without a length.
            Some(0x00 | 0x01 | 0xd0..=0xd8 | 0xff) => {}
            Some(_) => {
                let length = match bytes.get(at + 1..at + 3) {
                    Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
                    _ => return false,
                };
                at += 1 + length;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn only_the_last_marker_ends_a_picture() {
        let segment_with_thumbnail = [0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9];
        let mut bytes = vec![0xff, 0xd8];
        bytes.extend(segment_with_thumbnail);
        bytes.extend([0xff, 0xda, 0, 2, 1, 0xff, 0, 2, 0xff, 0xd0, 3]);
        assert!(!is_whole(&bytes));
        bytes.extend([0xff, 0xff, 0xd9, b'x']);
        assert!(is_whole(&bytes));
        for cut in 0..bytes.len() - 1 {
            assert!(!is_whole(&bytes[..cut]), "{cut}");
        }
    }
}
