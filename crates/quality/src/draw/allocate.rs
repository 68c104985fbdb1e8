//! How many of each stratum.

/// How many are drawn of strata of these sizes, `wanted` in all: in proportion, what is left after whole numbers by the largest
/// remainders (Hamilton's method), and one at least of each that has an item, where that many are wanted. Of equal claims the
/// earlier stratum comes first. All are drawn where there are not more.
///
/// ```
/// use quality::draw::allocate;
/// // 5 of 10 are 2.5, 1.5 and 1: the first half goes to the earlier of the two remainders of a half.
/// assert_eq!(allocate(&[5, 3, 2], 5), [3, 1, 1]);
/// assert_eq!(allocate(&[97, 2, 1], 10), [8, 1, 1]);
/// assert_eq!(allocate(&[2, 1], 10), [2, 1]);
/// ```
pub fn allocate(totals: &[usize], wanted: usize) -> Vec<usize> {
    let whole: usize = totals.iter().sum();
    if whole <= wanted {
        return totals.to_vec();
    }
    let quota = |at: usize| wanted as u128 * totals[at] as u128;
    let whole = whole as u128;
    let mut given: Vec<usize> = (0..totals.len())
        .map(|at| (quota(at) / whole) as usize)
        .collect();
    let num_filled = totals.iter().filter(|&&total| total > 0).count();
    let least_one = num_filled <= wanted;
    let mut by_remainder: Vec<usize> = (0..totals.len()).filter(|&at| totals[at] > 0).collect();
    by_remainder.sort_by_key(|&at| std::cmp::Reverse(quota(at) % whole));
    if least_one {
        for at in 0..totals.len() {
            if totals[at] > 0 && given[at] == 0 {
                given[at] = 1;
                by_remainder.retain(|&other| other != at);
            }
        }
    }
    let mut open = by_remainder.into_iter();
    while given.iter().sum::<usize>() < wanted {
        let Some(at) = open.next() else { break };
        given[at] += 1;
    }
    // Those that were lifted to one may have taken more than was left: whoever has most above its share gives.
    while given.iter().sum::<usize>() > wanted {
        let above = |at: usize| given[at] as i128 * whole as i128 - quota(at) as i128;
        let givers = (0..totals.len()).filter(|&at| given[at] > usize::from(least_one));
        let Some(at) = givers.max_by_key(|&at| (above(at), totals[at], at)) else {
            break;
        };
        given[at] -= 1;
    }
    given
}
