//! Which arrival meets which fault.

use std::collections::BTreeMap;

use crate::chance;
use crate::fault::Fault;

/// The question that a fault is drawn for; others are drawn for other numbers.
const WHICH_FAULT: u64 = 1;

/// Which arrival meets which fault. What is drawn is drawn for each arrival, so that the same request draws anew when it
/// comes again.
///
/// ```
/// use faults::{Fault, Faults};
/// let faults = Faults::of(&[Fault::Html, Fault::DropAfterReading], 0.2)
///     .and_at(3, Fault::WrongKey)
///     .and_first(2, Fault::Down(503, None));
/// assert_eq!(faults.at(7, 1), Some(Fault::Down(503, None)));
/// assert_eq!(faults.at(7, 3), Some(Fault::WrongKey));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults {
    shares: Vec<(Fault, f64)>,
    fixed: BTreeMap<u64, Fault>,
    first: Option<(u64, Fault)>,
}

impl Faults {
    /// This share of arrivals meets one of [`Fault::PASSING`] or [`Fault::COUNTS`], each as often as the others.
    pub fn mixed(share: f64) -> Self {
        let all: Vec<Fault> = Fault::PASSING.into_iter().chain(Fault::COUNTS).collect();
        Self::of(&all, share)
    }

    /// This share of arrivals meets one of these, each as often as the others.
    pub fn of(faults: &[Fault], share: f64) -> Self {
        let each = share / faults.len().max(1) as f64;
        Self {
            shares: faults.iter().map(|fault| (*fault, each)).collect(),
            ..Self::default()
        }
    }

    /// Every arrival meets this one.
    pub fn always(fault: Fault) -> Self {
        Self::of(&[fault], 1.0)
    }

    /// And this share of arrivals meets this one; shares that add up to more than 1 leave the last ones out.
    #[must_use]
    pub fn and(mut self, fault: Fault, share: f64) -> Self {
        self.shares.push((fault, share));
        self
    }

    /// And the arrival with this number, counted from 1, meets this one, whatever was drawn.
    #[must_use]
    pub fn and_at(mut self, number: u64, fault: Fault) -> Self {
        self.fixed.insert(number, fault);
        self
    }

    /// And so many arrivals at the start meet this one, but for those that have their own.
    #[must_use]
    pub fn and_first(mut self, arrivals: u64, fault: Fault) -> Self {
        self.first = Some((arrivals, fault));
        self
    }

    /// What the arrival with this number meets.
    pub fn at(&self, seed: u64, number: u64) -> Option<Fault> {
        if let Some(fault) = self.fixed.get(&number) {
            return Some(*fault);
        }
        if let Some((arrivals, fault)) = self.first
            && number <= arrivals
        {
            return Some(fault);
        }
        let mut left = chance::share(seed, number, WHICH_FAULT);
        for (fault, share) in &self.shares {
            if left < *share {
                return Some(*fault);
            }
            left -= share;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_are_even() {
        let faults = Faults::mixed(0.2);
        let drawn: Vec<Fault> = (1..=20_000)
            .filter_map(|number| faults.at(5, number))
            .collect();
        let share = drawn.len() as f64 / 20_000.0;
        // Three standard deviations of 20,000 draws with probability 0.2 are 0.0085.
        assert!((share - 0.2).abs() < 0.0085, "{share}");
        let html = drawn.iter().filter(|fault| **fault == Fault::Html).count() as f64;
        let expected = 4_000.0 / 26.0;
        assert!((html - expected).abs() < 3.0 * expected.sqrt(), "{html}");
        let again: Vec<Fault> = (1..=20_000)
            .filter_map(|number| faults.at(5, number))
            .collect();
        assert_eq!(drawn, again);
        assert_eq!(Faults::default().at(5, 1), None);
        assert_eq!(
            Faults::always(Fault::Endless).at(5, 9),
            Some(Fault::Endless)
        );
    }
}
