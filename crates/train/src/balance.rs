//! Which process takes which samples of a step: a function of the batch, of what each sample costs and of the number of processes.

use std::cmp::Reverse;

/// The part of every batch that a process takes.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    rank: usize,
    size: usize,
    /// What each sample costs; without it all cost the same.
    costs: Vec<u32>,
}

impl Share {
    /// Of one process of several.
    pub fn of(rank: usize, size: usize, costs: Vec<u32>) -> Self {
        Self { rank, size, costs }
    }

    /// All of it.
    pub fn all() -> Self {
        Self::of(0, 1, Vec::new())
    }

    /// The places in the batch of what this process takes, in order.
    ///
    /// The dearest sample goes to the process that has the least so far, then the next one. Where costs are equal, what comes
    /// first in the batch goes first, and of processes the lowest.
    pub fn places(&self, batch: &[usize]) -> Vec<usize> {
        if self.size == 1 {
            return (0..batch.len()).collect();
        }
        let cost = |place: usize| {
            let known = self.costs.get(batch[place]);
            known.map_or(1, |cost| u64::from(*cost).max(1))
        };
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_by_key(|&place| (Reverse(cost(place)), place));
        let mut loads = vec![0; self.size];
        let mut own = Vec::new();
        for place in order {
            let least = (0..self.size).min_by_key(|&rank| (loads[rank], rank));
            let rank = least.unwrap_or(0);
            loads[rank] += cost(place);
            if rank == self.rank {
                own.push(place);
            }
        }
        own.sort_unstable();
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(batch: &[usize], size: usize, costs: &[u32]) -> Vec<Vec<usize>> {
        let places = |rank| Share::of(rank, size, costs.to_vec()).places(batch);
        (0..size).map(places).collect()
    }

    #[test]
    fn equal_samples_go_around() {
        assert_eq!(
            shares(&[9, 8, 7, 6, 5], 2, &[]),
            [vec![0, 2, 4], vec![1, 3]]
        );
        assert_eq!(shares(&[3], 3, &[]), [vec![0], vec![], vec![]]);
    }

    /// 9 to the first, 7 and 3 to the second, 2 to the first with 11 against 10, so 1 to the second.
    #[test]
    fn the_dearest_go_to_who_has_least() {
        let costs = [2, 9, 1, 7, 3];
        assert_eq!(
            shares(&[4, 3, 2, 1, 0], 2, &costs),
            [vec![3, 4], vec![0, 1, 2]]
        );
    }

    #[test]
    fn every_place_is_taken_once_and_loads_are_near() {
        let mut rng = corpus::seed::Rng::new(1);
        let costs: Vec<u32> = (0..200).map(|_| 100 + rng.below(900) as u32).collect();
        let batch: Vec<usize> = (0..64).map(|_| rng.below(200)).collect();
        for size in 1..9 {
            let shares = shares(&batch, size, &costs);
            let mut all: Vec<usize> = shares.concat();
            all.sort_unstable();
            assert_eq!(all, (0..64).collect::<Vec<_>>());
            let load =
                |places: &Vec<usize>| -> u32 { places.iter().map(|p| costs[batch[*p]]).sum() };
            let loads: Vec<u32> = shares.iter().map(load).collect();
            let (least, most) = (loads.iter().min(), loads.iter().max());
            let apart = most.zip(least).map(|(most, least)| most - least);
            assert!(apart.is_some_and(|apart| apart < 300), "{loads:?}");
        }
    }
}
