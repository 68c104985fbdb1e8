//! Common beginnings of prompts: which are run once, and in which order the prompts go.
//!
//! A prompt is a row of symbols: its token ids, where those of a picture are replaced by a negative number that is the
//! picture's own. Sorted, prompts that begin alike are neighbours, and the places where they part are the nodes of a tree.
//! A beginning is a node that is worth a forward of its own; those above it are part of it.

/// Tokens that a beginning must have beyond the one above it.
const FEWEST: usize = 16;

/// A prompt to be ordered.
#[derive(Debug)]
pub(crate) struct Prompt {
    /// Its symbols; none that can be compared if it can share nothing.
    pub symbols: Vec<i64>,
    /// Tokens of prompt and answer.
    pub need: usize,
}

/// What several prompts begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// The beginning that it goes on from.
    pub above: Option<usize>,
    /// Tokens in all.
    pub length: usize,
}

/// What may be shared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Tokens of the longest beginning; 0 for none.
    pub longest: usize,
    /// Whether tokens before a picture see it too.
    pub sees_ahead: bool,
}

/// Beginnings, and the prompts in the order in which those are needed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Each stands behind the one above it.
    pub beginnings: Vec<Beginning>,
    /// Prompts with the last of their beginnings. Prompts of one beginning are neighbours, the longest first, and no
    /// beginning comes back after another one that is not below it.
    pub queue: Vec<(usize, Option<usize>)>,
}

impl Order {
    /// Of all prompts.
    pub fn new(prompts: &[Prompt], rules: Rules) -> Self {
        let mut order = Self::default();
        let mut sorted: Vec<usize> = (0..prompts.len()).collect();
        if rules.longest >= FEWEST {
            // Stable, so that equal prompts stay in the order of the file.
            sorted.sort_by(|&a, &b| prompts[a].symbols.cmp(&prompts[b].symbols));
            order.split(prompts, rules, &sorted, None);
        } else {
            order.push(prompts, sorted, None);
        }
        order
    }

    /// Tokens of the longest beginning.
    pub fn longest(&self) -> usize {
        let lengths = self.beginnings.iter().map(|beginning| beginning.length);
        lengths.max().unwrap_or(0)
    }

    /// A beginning with all above it, the shortest first.
    pub fn path(&self, last: Option<usize>) -> Vec<usize> {
        let mut path: Vec<usize> =
            std::iter::successors(last, |&at| self.beginnings[at].above).collect();
        path.reverse();
        path
    }

    /// Prompts of one beginning.
    fn push(&mut self, prompts: &[Prompt], mut own: Vec<usize>, beginning: Option<usize>) {
        own.sort_by_key(|&at| (std::cmp::Reverse(prompts[at].need), at));
        self.queue.extend(own.into_iter().map(|at| (at, beginning)));
    }

    /// Sorted prompts that all go on from `above`.
    fn split(
        &mut self,
        prompts: &[Prompt],
        rules: Rules,
        sorted: &[usize],
        mut above: Option<usize>,
    ) {
        let symbols = |at: usize| &prompts[at].symbols[..];
        let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else {
            return;
        };
        let same = symbols(first).iter().zip(symbols(last));
        let same = same.take_while(|(a, b)| a == b).count();
        let before = above.map_or(0, |at| self.beginnings[at].length);
        let cut = cut(prompts, rules, sorted, same);
        if sorted.len() > 1 && cut >= before + FEWEST {
            self.beginnings.push(Beginning { above, length: cut });
            above = Some(self.beginnings.len() - 1);
        }
        let mut own: Vec<usize> = Vec::new();
        let mut start = 0;
        while start < sorted.len() {
            let next = symbols(sorted[start]).get(same);
            let rest = sorted[start..].iter();
            let alike = rest.take_while(|&&at| symbols(at).get(same) == next);
            let group = &sorted[start..start + alike.count()];
            start += group.len();
            if next.is_none() || group.len() == 1 {
                own.extend(group);
                continue;
            }
            let (beginnings, queued) = (self.beginnings.len(), self.queue.len());
            self.split(prompts, rules, group, above);
            if self.beginnings.len() == beginnings {
                // They share nothing more that is worth a forward, so they need not be kept apart from the others.
                self.queue.truncate(queued);
                own.extend(group);
            }
        }
        self.push(prompts, own, above);
    }
}

/// How many of the `same` first tokens can be run for all prompts at once: each keeps a token of its own, and no run of
/// pictures is cut.
fn cut(prompts: &[Prompt], rules: Rules, sorted: &[usize], same: usize) -> usize {
    let all = || sorted.iter().map(|&at| &prompts[at].symbols[..]);
    let shortest = all().map(<[i64]>::len).min().unwrap_or(0);
    let mut cut = same.min(shortest.saturating_sub(1)).min(rules.longest);
    let is_picture = |symbol: i64| symbol < 0;
    let is_inside = |cut: usize| {
        all().any(|symbols| is_picture(symbols[cut]) && cut > 0 && is_picture(symbols[cut - 1]))
    };
    while cut > 0 && is_inside(cut) {
        cut -= 1;
    }
    let sees_more = || all().any(|symbols| symbols[cut..].iter().copied().any(is_picture));
    if rules.sees_ahead && cut > 0 && sees_more() {
        return 0;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Rules = Rules {
        longest: 1000,
        sees_ahead: false,
    };

    /// Symbols from pairs of a symbol and how often it stands there.
    fn prompt(parts: &[(i64, usize)], need: usize) -> Prompt {
        let symbols = parts
            .iter()
            .flat_map(|&(symbol, count)| std::iter::repeat_n(symbol, count));
        Prompt {
            symbols: symbols.collect(),
            need,
        }
    }

    fn lengths(order: &Order) -> Vec<(Option<usize>, usize)> {
        let beginnings = order.beginnings.iter();
        beginnings.map(|one| (one.above, one.length)).collect()
    }

    #[test]
    fn prompts_are_ordered_by_their_beginnings_and_then_by_length() {
        let prompts = [
            prompt(&[(9, 20)], 30),
            prompt(&[(1, 20), (2, 30), (5, 4)], 60),
            prompt(&[(1, 20), (3, 10)], 40),
            prompt(&[(1, 20), (2, 30), (6, 4)], 70),
            prompt(&[(1, 20), (2, 30), (7, 4)], 60),
            prompt(&[(1, 20), (3, 10), (4, 5)], 90),
        ];
        let order = Order::new(&prompts, ALL);
        // The first part of all but one; 30 more tokens of three. That two share 9 of their own is not worth it.
        assert_eq!(lengths(&order), [(None, 20), (Some(0), 50)]);
        let queue = [
            (3, Some(1)),
            (1, Some(1)),
            (4, Some(1)),
            (5, Some(0)),
            (2, Some(0)),
            (0, None),
        ];
        assert_eq!(order.queue, queue);
        assert_eq!(order.path(Some(1)), [0, 1]);
        assert_eq!(order.longest(), 50);
    }

    #[test]
    fn equal_prompts_keep_a_token_each() {
        let prompts = [prompt(&[(1, 40)], 50), prompt(&[(1, 40)], 50)];
        let order = Order::new(&prompts, ALL);
        assert_eq!(lengths(&order), [(None, 39)]);
        assert_eq!(order.queue, [(0, Some(0)), (1, Some(0))]);
        // One that is the beginning of another.
        let prompts = [prompt(&[(1, 40)], 50), prompt(&[(1, 30)], 50)];
        assert_eq!(lengths(&Order::new(&prompts, ALL)), [(None, 29)]);
    }

    #[test]
    fn no_picture_is_cut() {
        let with = |parts: &[(i64, usize)]| prompt(parts, 90);
        let check = |one: Prompt, other: Prompt, expected: &[(Option<usize>, usize)]| {
            assert_eq!(lengths(&Order::new(&[one, other], ALL)), expected);
        };
        // A prompt that ends with its picture gives it up to have a token of its own.
        let text = (1, 20);
        check(
            with(&[text, (-1, 10)]),
            with(&[text, (-1, 10)]),
            &[(None, 20)],
        );
        check(
            with(&[text, (-1, 10), (4, 3)]),
            with(&[text, (-1, 10), (5, 3)]),
            &[(None, 30)],
        );
        // Pictures side by side belong together.
        let two = with(&[text, (-1, 10), (-2, 10), (4, 3)]);
        check(with(&[text, (-1, 10), (5, 3)]), two, &[(None, 20)]);
    }

    #[test]
    fn what_sees_ahead_shares_no_beginning_of_other_pictures() {
        let rules = Rules {
            sees_ahead: true,
            ..ALL
        };
        let prompts = [
            prompt(&[(1, 20), (-1, 1), (2, 20), (3, 1)], 50),
            prompt(&[(1, 20), (-1, 1), (2, 20), (4, 1)], 50),
            prompt(&[(1, 20), (-2, 1), (2, 20), (3, 1)], 50),
        ];
        assert_eq!(lengths(&Order::new(&prompts, rules)), [(None, 41)]);
        assert_eq!(
            lengths(&Order::new(&prompts, ALL)),
            [(None, 20), (Some(0), 41)]
        );
    }

    #[test]
    fn nothing_is_shared_beyond_the_longest_or_when_switched_off() {
        let prompts = [
            prompt(&[(1, 90), (2, 1)], 99),
            prompt(&[(1, 90), (3, 1)], 100),
        ];
        let upto = |longest| Order::new(&prompts, Rules { longest, ..ALL });
        assert_eq!(lengths(&upto(50)), [(None, 50)]);
        assert_eq!(lengths(&upto(0)), []);
        assert_eq!(upto(0).queue, [(1, None), (0, None)]);
    }
}
