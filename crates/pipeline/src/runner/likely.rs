//! How likely a model finds texts, found by several processes.

use std::ops::Range;

use generate::Likelihood;
use torch::{Kind, Tensor};

use super::progress::Progress;
use super::together::Together;
use crate::error::Result;
use crate::likelihood::BLOCK;

/// Numbers that a likelihood is told in.
const NUMBERS: usize = 3;

impl Together<'_> {
    /// How likely each of `count` texts is. Each process finds it for the blocks that it gets to.
    pub fn likely(
        self,
        count: usize,
        progress: Progress<'_>,
        mut find: impl FnMut(Range<usize>) -> Result<Vec<Option<Likelihood>>>,
    ) -> Result<Vec<Option<Likelihood>>> {
        let mut numbers = vec![0_i64; count * NUMBERS];
        for block in self.taken(count.div_ceil(BLOCK), progress) {
            let from = block? * BLOCK;
            let part = from..count.min(from + BLOCK);
            let found = find(part.clone())?;
            for (at, found) in part.zip(found) {
                let own = &mut numbers[at * NUMBERS..][..NUMBERS];
                if let Some(found) = found {
                    let bits = found.log_probability.to_bits().cast_signed();
                    own.copy_from_slice(&[
                        1,
                        bits,
                        i64::try_from(found.tokens).unwrap_or(i64::MAX),
                    ]);
                }
            }
            self.look(progress)?;
        }
        // Blocks may be left; else what follows is over in a moment.
        progress.stop.check()?;
        self.world.wait_for_all()?;
        let numbers = self.sum(&numbers)?;
        let likelihood = |one: &[i64]| {
            (one[0] == 1).then(|| Likelihood {
                log_probability: f64::from_bits(one[1].cast_unsigned()),
                tokens: usize::try_from(one[2]).unwrap_or(0),
            })
        };
        Ok(numbers.chunks(NUMBERS).map(likelihood).collect())
    }

    /// Numbers of which each is zero in all processes but one.
    fn sum(self, numbers: &[i64]) -> Result<Vec<i64>> {
        let Some(group) = self.world.group().filter(|_| !numbers.is_empty()) else {
            return Ok(numbers.to_vec());
        };
        let tensor = Tensor::from_slice(numbers).to_kind(Kind::Int64);
        group.all_reduce(&tensor).map_err(|error| {
            let reason = self.world.reason();
            reason.map_or(distributed::Error::Lost(error), distributed::Error::Ended)
        })?;
        Ok(Vec::<i64>::try_from(&tensor).map_err(generate::Error::from)?)
    }
}
