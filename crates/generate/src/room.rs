//! How the tokens of a cache are divided into slots.

use std::collections::BTreeMap;

/// Most capacities: each costs a call of the attention in every layer of every step.
const CAPACITIES: usize = 4;

/// Prompts that need more than this part of the budget are run by themselves, so that they hold nobody up.
const LARGE: usize = 4;

/// Slots of one capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slots {
    /// Tokens of each.
    pub capacity: usize,
    /// Their number.
    pub count: usize,
}

/// The slots for sequences of these lengths, of which at most `rows` are there at a time, by rising capacity. All of them
/// together take no more than `budget` tokens, which holds the longest sequence.
pub(crate) fn slots(needs: &[usize], rows: usize, budget: usize) -> Vec<Slots> {
    if needs.is_empty() {
        return Vec::new();
    }
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for &need in needs {
        let capacity = rung(need).min(budget).max(need);
        *counts.entry(capacity).or_default() += 1;
    }
    while counts.len() > CAPACITIES {
        // The rarest goes up to its neighbour; the largest stays.
        let rest = counts.iter().rev().skip(1).rev();
        let Some(rarest) = rest.min_by_key(|(_, n)| **n).map(|(c, _)| *c) else {
            break;
        };
        let moved = counts.remove(&rarest).unwrap_or(0);
        if let Some((_, count)) = counts.range_mut(rarest..).next() {
            *count += moved;
        }
    }
    let rows = rows.max(1);
    // Some capacities are short of sequences now and then, so there are more slots than rows, but hardly more memory than
    // rows of the largest capacity would take.
    let largest = counts.keys().copied().max().unwrap_or(1);
    let room = budget.min((rows + rows.div_ceil(4)) * largest);
    let divided = |rows: usize| -> Vec<Slots> {
        let slots = counts.iter().map(|(&capacity, &own)| Slots {
            capacity,
            count: own.min((rows * own).div_ceil(needs.len())),
        });
        slots.collect()
    };
    let useful = |mut slots: Vec<Slots>| {
        slots
            .iter_mut()
            .for_each(|own| own.count = own.count.min(rows));
        slots
    };
    let fitting = (1..=CAPACITIES * rows)
        .rev()
        .map(|rows| useful(divided(rows)));
    let fitting = fitting.into_iter().find(|slots| tokens(slots) <= room);
    fitting.unwrap_or_else(|| {
        let count = (budget / largest).min(rows);
        let capacity = largest;
        vec![Slots { capacity, count }]
    })
}

/// Tokens of all slots.
pub(crate) fn tokens(slots: &[Slots]) -> usize {
    slots.iter().map(|slots| slots.capacity * slots.count).sum()
}

/// Which sequences are run after which: those that are large for this budget come last.
pub(crate) fn phases(needs: &[usize], budget: usize) -> [Vec<usize>; 2] {
    let (small, large) = (0..needs.len()).partition(|&at| LARGE * needs[at] <= budget);
    [small, large]
}

/// The capacity for so many tokens: a power of two, or half as much again.
pub(crate) fn rung(need: usize) -> usize {
    let power = need.max(16).next_power_of_two();
    let between = power / 4 * 3;
    if need <= between { between } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(needs: &[usize], rows: usize, budget: usize, expected: &[(usize, usize)]) {
        let found = slots(needs, rows, budget);
        let pairs: Vec<(usize, usize)> = found.iter().map(|s| (s.capacity, s.count)).collect();
        assert_eq!(pairs, expected, "{needs:?} in {budget}");
        assert!(tokens(&found) <= budget);
        let longest = needs.iter().max().expect("a need");
        assert!(found.iter().any(|s| s.capacity >= *longest && s.count > 0));
    }

    #[test]
    fn a_sequence_lies_in_the_next_power_of_two_or_half_as_much_again() {
        let found: Vec<usize> = [1, 12, 13, 16, 17, 24, 25, 48, 49, 1000, 1800]
            .map(rung)
            .to_vec();
        assert_eq!(found, [12, 12, 16, 16, 24, 24, 32, 48, 64, 1024, 2048]);
    }

    #[test]
    fn slots_are_as_many_as_can_be_used_at_a_time_or_as_there_is_room_for() {
        check(&[100; 50], 8, 10_000, &[(128, 8)]);
        check(&[100; 3], 8, 10_000, &[(128, 3)]);
        check(
            &[100, 100, 100, 30, 20],
            2,
            10_000,
            &[(24, 1), (32, 1), (128, 2)],
        );
        check(&[100; 50], 8, 500, &[(128, 3)]);
        // A budget between two rungs is used whole.
        check(&[100; 50], 8, 120, &[(120, 1)]);
        // Two of three are short: of four rows, three and two (rounded up) would take 352 tokens.
        check(&[100, 30, 30, 100, 30, 30], 4, 300, &[(32, 2), (128, 1)]);
        check(&[300, 30, 30], 4, 384, &[(384, 1)]);
    }

    #[test]
    fn rare_capacities_are_joined_with_the_next() {
        let needs = [10, 20, 20, 40, 40, 80, 80, 160, 160];
        check(&needs, 9, 10_000, &[(24, 3), (48, 2), (96, 2), (192, 2)]);
    }

    #[test]
    fn large_ones_come_last() {
        assert_eq!(phases(&[10, 300, 250, 251], 1000), [vec![0, 2], vec![1, 3]]);
    }
}
