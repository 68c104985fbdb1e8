//! What a process takes of a step's batch, and what all take together.

use processor::Encoded;

use crate::Error;
use crate::feed::Prepared;
use crate::fit::Dropped;
use crate::pack::num_learned;
use crate::ranks::Team;

/// The samples of a process, in the batch's order.
pub(crate) struct Taken {
    pub samples: Vec<Encoded>,
    /// What was left out, with its place in the batch.
    dropped: Vec<(usize, Dropped)>,
    /// Seconds that they were waited for.
    pub waited: f64,
}

/// Of the whole batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub samples: usize,
    pub tokens: usize,
    pub learned: usize,
    pub dropped: usize,
    /// Operations that it is worth.
    pub worth: f64,
    /// Processes that were stopped.
    stopped: usize,
}

impl Counts {
    fn to_numbers(self) -> [f64; 6] {
        [
            self.samples as f64,
            self.tokens as f64,
            self.learned as f64,
            self.dropped as f64,
            self.worth,
            self.stopped as f64,
        ]
    }

    fn of_numbers(numbers: [f64; 6]) -> Self {
        let [samples, tokens, learned, dropped, worth, stopped] = numbers;
        Self {
            samples: samples as usize,
            tokens: tokens as usize,
            learned: learned as usize,
            dropped: dropped as usize,
            worth,
            stopped: stopped as usize,
        }
    }
}

impl Taken {
    /// Of what was prepared for these places of the batch.
    pub fn of(prepared: Vec<Prepared>, places: &[usize], waited: f64) -> Self {
        let (mut samples, mut dropped) = (Vec::with_capacity(prepared.len()), Vec::new());
        for (sample, place) in prepared.into_iter().zip(places) {
            match sample {
                Ok(sample) => samples.push(sample),
                Err(out) => dropped.push((*place, out)),
            }
        }
        Self {
            samples,
            dropped,
            waited,
        }
    }

    fn counts(&self, worth: impl Fn(&Encoded) -> f64) -> Counts {
        let samples = || self.samples.iter();
        Counts {
            samples: self.samples.len(),
            tokens: samples().map(|sample| sample.ids.len()).sum(),
            learned: samples().map(num_learned).sum(),
            dropped: self.dropped.len(),
            worth: samples().map(worth).sum(),
            stopped: 0,
        }
    }

    /// What was left out of the whole batch, in its order.
    pub fn all_dropped(&self, team: &Team<'_>, counts: &Counts) -> Result<Vec<Dropped>, Error> {
        let mut all = self.dropped.clone();
        if counts.dropped > 0 && !team.is_alone() {
            all = team.gather_values(&self.dropped)?.concat();
            all.sort_by_key(|(place, _)| *place);
        }
        Ok(all.into_iter().map(|(_, dropped)| dropped).collect())
    }
}

/// The counts of the whole batch, once all processes have taken their samples; nothing where one was stopped.
pub(crate) fn counted(
    team: &Team<'_>,
    own: Result<Option<Taken>, Error>,
    worth: impl Fn(&Encoded) -> f64,
) -> Result<Option<(Taken, Counts)>, Error> {
    let mut counts = Counts::default();
    match &own {
        Ok(Some(taken)) => counts = taken.counts(worth),
        Ok(None) => counts.stopped = 1,
        Err(_) => {}
    }
    let mut numbers = counts.to_numbers();
    let taken = team.sum_unless(own, &mut numbers)?;
    let counts = Counts::of_numbers(numbers);
    Ok(taken
        .filter(|_| counts.stopped == 0)
        .map(|taken| (taken, counts)))
}
