//! Which process updates which elements: the trained parameters in order are one row of numbers, cut into equal pieces.
//!
//! A cut inside a parameter lies at a multiple of [`BLOCK`] from its start, so that neither blocks of eight bits nor the vectors
//! of a loop depend on where it is.

use std::ops::Range;

use torch::compact::BLOCK;

/// The pieces of all processes.
#[derive(Clone, Debug)]
pub(crate) struct Shards {
    /// Where each parameter starts, and the end of the last one.
    starts: Vec<usize>,
    /// Where each piece starts, and the end of the last one.
    cuts: Vec<usize>,
}

impl Shards {
    /// Cuts parameters of so many elements for so many processes.
    pub fn new(elements: impl Iterator<Item = usize>, pieces: usize) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        for count in elements {
            end += count;
            starts.push(end);
        }
        let even = |piece: usize| (end as u128 * piece as u128 / pieces as u128) as usize;
        let cuts = (0..=pieces).map(|piece| nearest(&starts, even(piece)));
        Self {
            cuts: cuts.collect(),
            starts,
        }
    }

    /// The elements of a parameter that a process updates, from the parameter's start.
    pub fn range(&self, piece: usize, parameter: usize) -> Range<usize> {
        let (first, last) = (self.starts[parameter], self.starts[parameter + 1]);
        let within = |cut: usize| cut.clamp(first, last) - first;
        within(self.cuts[piece])..within(self.cuts[piece + 1])
    }

    /// Elements of the longest piece.
    pub fn longest(&self) -> usize {
        let lengths = self.cuts.windows(2).map(|pair| pair[1] - pair[0]);
        lengths.max().unwrap_or(0)
    }

    /// The parameters that `count` elements from `from` on of a piece belong to, with their ranges. Behind the piece's end there
    /// are none.
    pub fn parts(
        &self,
        piece: usize,
        from: usize,
        count: usize,
    ) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
        let first = (self.cuts[piece] + from).min(self.cuts[piece + 1]);
        let last = (first + count).min(self.cuts[piece + 1]);
        // Parameters without elements share their start with the next one.
        let parameter = self.starts.partition_point(|start| *start <= first) - 1;
        let starts = self.starts.windows(2).enumerate().skip(parameter);
        let starts = starts.take_while(move |(_, pair)| pair[0] < last);
        starts.map(move |(parameter, pair)| {
            let within = |at: usize| at.clamp(pair[0], pair[1]) - pair[0];
            (parameter, within(first)..within(last))
        })
    }
}

/// The place nearest to `at` where a cut may be.
fn nearest(starts: &[usize], at: usize) -> usize {
    let parameter = starts.partition_point(|start| *start <= at) - 1;
    let Some(&end) = starts.get(parameter + 1) else {
        return at;
    };
    let start = starts[parameter];
    let before = start + (at - start) / BLOCK * BLOCK;
    let after = (before + BLOCK).min(end);
    if at - before <= after - at {
        before
    } else {
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_even_and_cut_at_blocks() {
        for sizes in [
            vec![100_000],
            vec![10, 64 * 64, 3, 99_999, 1, 1, 256 * 7],
            vec![5, 5, 5],
            vec![BLOCK; 9],
        ] {
            let all: usize = sizes.iter().sum();
            for pieces in 1..6 {
                let shards = Shards::new(sizes.iter().copied(), pieces);
                let mut reached = vec![0; sizes.len()];
                for piece in 0..pieces {
                    let mut length = 0;
                    for (parameter, size) in sizes.iter().enumerate() {
                        let range = shards.range(piece, parameter);
                        length += range.len();
                        if !range.is_empty() {
                            assert_eq!(range.start, reached[parameter]);
                            reached[parameter] = range.end;
                            assert!(range.start.is_multiple_of(BLOCK));
                            assert!(range.end == *size || range.end.is_multiple_of(BLOCK));
                        }
                    }
                    assert!(length <= shards.longest());
                    assert!(length.abs_diff(all / pieces) <= BLOCK + 1, "{length}");
                }
                assert_eq!(reached, sizes, "{pieces} pieces");
            }
        }
    }

    #[test]
    fn parts_of_a_piece_are_its_ranges_in_a_row() {
        let sizes = [10, 4096, 3, 99_999, 0, 1, 1792];
        let shards = Shards::new(sizes.into_iter(), 3);
        for piece in 0..3 {
            for step in [1000, 1 << 14, 1 << 20] {
                let mut found = vec![Vec::new(); sizes.len()];
                for from in (0..shards.longest()).step_by(step) {
                    let parts = shards.parts(piece, from, step);
                    let mut count = 0;
                    for (parameter, range) in parts.filter(|(_, range)| !range.is_empty()) {
                        count += range.len();
                        found[parameter].extend(range);
                    }
                    assert!(count <= step);
                }
                for (parameter, found) in found.iter().enumerate() {
                    let expected: Vec<usize> = shards.range(piece, parameter).collect();
                    assert_eq!(*found, expected, "{parameter} in {piece}");
                }
            }
        }
    }
}
