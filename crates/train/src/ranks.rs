//! The processes of one training, and what they tell each other.
//!
//! Every process calls the same of these functions in the same order. Whoever cannot go on says so in the next one of them, so
//! that nobody waits for it.

use std::cell::Cell;
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use torch::distributed::Group;
use torch::{Device, Kind, Tensor};

use crate::Error;
use crate::choices::Sharding;

/// A process's place among those that train one model together.
#[derive(Clone, Copy, Debug)]
pub struct Ranks<'a> {
    /// For counts and flags: tensors of the CPU.
    pub control: &'a Group,
    /// For gradients and weights, on the model's device. On a processor it may be the same group.
    pub data: &'a Group,
    /// What each process keeps of the optimizer's state.
    pub sharding: Sharding,
}

/// What the processes do together; for a single one, nothing.
pub(crate) struct Team<'a> {
    ranks: Option<Ranks<'a>>,
    /// That were spent in it since they were last asked for.
    seconds: Cell<f64>,
}

impl<'a> Team<'a> {
    pub fn new(ranks: Option<Ranks<'a>>) -> Self {
        Self {
            ranks: ranks.filter(|ranks| ranks.control.size() > 1),
            seconds: Cell::new(0.0),
        }
    }

    pub fn rank(&self) -> usize {
        self.ranks.map_or(0, |ranks| ranks.control.rank())
    }

    pub fn size(&self) -> usize {
        self.ranks.map_or(1, |ranks| ranks.control.size())
    }

    pub fn is_alone(&self) -> bool {
        self.ranks.is_none()
    }

    /// Whether each process keeps the state of a piece of its own.
    pub fn is_sharded(&self) -> bool {
        let sharding = self.ranks.map(|ranks| ranks.sharding);
        sharding == Some(Sharding::Optimizer)
    }

    /// Seconds since the last call; it may have been waiting for others in them.
    pub fn take_seconds(&self) -> f64 {
        self.seconds.take()
    }

    /// The sum of each number over all processes.
    pub fn sum(&self, values: &mut [f64]) -> Result<(), Error> {
        let Some(ranks) = self.ranks else {
            return Ok(());
        };
        let tensor = Tensor::f_from_slice(values)?;
        self.timed(|| ranks.control.all_reduce(&tensor))?;
        Ok(tensor.f_copy_data(values, values.len())?)
    }

    /// The sum of each number over all processes, if none has an error. Of a process with an error the numbers do not matter.
    pub fn sum_unless<T>(&self, own: Result<T, Error>, values: &mut [f64]) -> Result<T, Error> {
        if self.is_alone() {
            return own;
        }
        let (rank, count) = (self.rank(), values.len());
        let mut all = values.to_vec();
        all.resize(count + self.size(), 0.0);
        all[count + rank] = f64::from(u8::from(own.is_err()));
        self.sum(&mut all)?;
        values.copy_from_slice(&all[..count]);
        let Some(failed) = all[count..].iter().position(|flag| *flag > 0.0) else {
            return own;
        };
        let message = match &own {
            Err(error) => error.to_string(),
            Ok(_) => String::new(),
        };
        let messages = self.gather(message.as_bytes())?;
        own.and_then(|_| {
            Err(Error::Elsewhere {
                rank: failed,
                problem: String::from_utf8_lossy(&messages[failed]).into_owned(),
            })
        })
    }

    /// What this process has, if all have theirs.
    pub fn agree<T>(&self, own: Result<T, Error>) -> Result<T, Error> {
        self.sum_unless(own, &mut [])
    }

    /// The bytes of every process, which may differ in length.
    pub fn gather(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let Some(ranks) = self.ranks else {
            return Ok(vec![own.to_vec()]);
        };
        let size = self.size();
        let options = (Kind::Int64, Device::Cpu);
        let lengths = Tensor::f_zeros([size as i64], options)?;
        let length = Tensor::f_from_slice(&[own.len() as i64])?;
        self.timed(|| ranks.control.all_gather(&lengths, &length))?;
        let lengths = Vec::<i64>::try_from(&lengths)?;
        let longest = lengths.iter().copied().max().unwrap_or(0).max(1) as usize;
        let mut padded = own.to_vec();
        padded.resize(longest, 0);
        let padded = Tensor::f_from_slice(&padded)?;
        let all = Tensor::f_zeros([(size * longest) as i64], (Kind::Uint8, Device::Cpu))?;
        self.timed(|| ranks.control.all_gather(&all, &padded))?;
        let all = Vec::<u8>::try_from(&all)?;
        let rows = all.chunks(longest).zip(&lengths);
        Ok(rows
            .map(|(row, length)| row[..*length as usize].to_vec())
            .collect())
    }

    /// The value of every process.
    pub fn gather_values<T: Serialize + DeserializeOwned>(&self, own: &T) -> Result<Vec<T>, Error> {
        let unclear = |error: serde_json::Error| Error::Collective(torch::Error(error.to_string()));
        let all = self.gather(&serde_json::to_vec(own).map_err(unclear)?)?;
        all.iter()
            .map(|bytes| serde_json::from_slice(bytes).map_err(unclear))
            .collect()
    }

    /// The numbers that the first process has.
    pub fn of_first(&self, values: &mut [f64]) -> Result<(), Error> {
        let Some(ranks) = self.ranks else {
            return Ok(());
        };
        let tensor = Tensor::f_from_slice(values)?;
        self.timed(|| ranks.control.broadcast(&tensor, 0))?;
        Ok(tensor.f_copy_data(values, values.len())?)
    }

    /// Adds up gradients, in place.
    pub fn add_up(&self, tensor: &Tensor) -> Result<(), Error> {
        let Some(ranks) = self.ranks else {
            return Ok(());
        };
        self.timed(|| ranks.data.all_reduce(tensor))
    }

    /// Adds up gradients `[size × n]`; this process gets its own `[n]`.
    pub fn add_up_own(&self, out: &Tensor, input: &Tensor) -> Result<(), Error> {
        let Some(ranks) = self.ranks else {
            return Ok(());
        };
        self.timed(|| ranks.data.reduce_scatter(out, input))
    }

    /// The weights `[n]` of every process, in a row.
    pub fn lay_out(&self, out: &Tensor, input: &Tensor) -> Result<(), Error> {
        let Some(ranks) = self.ranks else {
            return Ok(());
        };
        self.timed(|| ranks.data.all_gather(out, input))
    }

    fn timed(&self, run: impl FnOnce() -> Result<(), torch::Error>) -> Result<(), Error> {
        self.counted(|| run().map_err(Error::Collective))
    }

    /// Counts all of the time of what is done, and what is done together in it once.
    pub fn counted<T>(&self, run: impl FnOnce() -> T) -> T {
        let (before, begun) = (self.seconds.get(), Instant::now());
        let done = run();
        self.seconds.set(before + begun.elapsed().as_secs_f64());
        done
    }
}
