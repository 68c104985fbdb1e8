//! Positions of tokens along time, height and width: `get_rope_index` of `transformers`.
//!
//! Text counts on in all three. A picture of h × w features keeps its time, counts rows and columns from the position
//! that it starts at, and the text behind it goes on max(h, w) later.

use processor::{ImageGrid, ImageInput};

use crate::batch::Batch;
use crate::error::Error;

/// Positions of a batch, and what each sequence's next token lacks.
#[derive(Debug, PartialEq, Eq)]
pub struct Positions {
    /// Time, height and width of all tokens: three rows of length t.
    pub axes: [Vec<i64>; 3],
    /// Position of the token after each sequence less its place.
    pub shifts: Vec<i64>,
}

/// Rows and columns of a picture's features.
pub fn features(index: usize, image: &ImageInput, merge: usize) -> Result<(usize, usize), Error> {
    let bad = |problem: String| Error::Image { index, problem };
    let ImageGrid::Patches {
        patches: (rows, columns),
    } = image.grid
    else {
        return Err(bad("it was not cut into patches".to_owned()));
    };
    let divides = |n: usize| n > 0 && n.is_multiple_of(merge);
    if !divides(rows) || !divides(columns) {
        return Err(bad(format!(
            "{rows} rows and {columns} columns of patches cannot be merged by {merge}"
        )));
    }
    let found = (rows / merge) * (columns / merge);
    if found != image.num_tokens {
        let expected = image.num_tokens;
        return Err(bad(format!(
            "it has {found} features for {expected} image tokens"
        )));
    }
    Ok((rows / merge, columns / merge))
}

/// `shifts` are those of a cache that the sequences continue, or zeros.
pub fn positions(
    batch: &Batch,
    shifts: &[i64],
    image_token: i64,
    merge: usize,
) -> Result<Positions, Error> {
    let mut out = Positions {
        axes: std::array::from_fn(|_| Vec::with_capacity(batch.ids.len())),
        shifts: Vec::with_capacity(shifts.len()),
    };
    let mut images = batch.images.iter().enumerate();
    for (sequence, span) in batch.starts.windows(2).enumerate() {
        let shift = shifts.get(sequence).copied().unwrap_or(0);
        let place = |at: usize| batch.positions.get(at).copied().unwrap_or(0);
        let mut next = place(span[0]) + shift;
        let mut at = span[0];
        while at < span[1] {
            let image = if batch.ids.get(at) == Some(&image_token) {
                images.next()
            } else {
                None
            };
            let Some((index, image)) = image else {
                out.axes.iter_mut().for_each(|axis| axis.push(next));
                next += 1;
                at += 1;
                continue;
            };
            let (rows, columns) = features(index, image, merge)?;
            for row in 0..rows as i64 {
                for column in 0..columns as i64 {
                    out.axes[0].push(next);
                    out.axes[1].push(next + row);
                    out.axes[2].push(next + column);
                }
            }
            next += rows.max(columns) as i64;
            at += rows * columns;
        }
        if at > span[1] {
            return Err(Error::Batch(format!(
                "the image tokens of sequence {sequence} end before its last picture does"
            )));
        }
        let length = (span[1] - span[0]) as i64;
        out.shifts.push(if length == 0 {
            shift
        } else {
            next - (place(span[0]) + length)
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn pictures_count_along_their_sides() {
        let image = ImageInput {
            pixels: Arc::default(),
            shape: Vec::new(),
            grid: ImageGrid::Patches { patches: (4, 6) },
            num_tokens: 6,
        };
        let mut batch = Batch::default();
        batch.push(
            &[7, 7, 9, 9, 9, 9, 9, 9, 7],
            0,
            std::slice::from_ref(&image),
        );
        batch.push(&[7, 7], 5, &[]);
        let found = positions(&batch, &[0, -2], 9, 2).expect("positions");
        // As `get_rope_index` of transformers 5.17.0 gives them for this grid.
        assert_eq!(found.axes[0], [0, 1, 2, 2, 2, 2, 2, 2, 5, 3, 4]);
        assert_eq!(found.axes[1], [0, 1, 2, 2, 2, 3, 3, 3, 5, 3, 4]);
        assert_eq!(found.axes[2], [0, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4]);
        assert_eq!(found.shifts, [-3, -2]);
    }
}
