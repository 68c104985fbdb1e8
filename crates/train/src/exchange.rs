//! Gradients and weights on their way between processes, in buckets, so that what is copied for it stays small.
//!
//! A sum of gradients in bf16 is added up in f32 and rounded once.

use std::ops::Range;

use torch::{Device, Kind, Tensor};

use crate::Error;
use crate::loss::summed_in;
use crate::optimizer::{Optimizer, Slot};
use crate::ranks::Team;
use crate::shards::Shards;

/// What is sent at a time.
const BUCKET_BYTES: usize = 32 << 20;

/// A gradient of so many elements is sent from where it lies.
const LARGE: usize = 1 << 18;

/// Adds the gradients up over all processes. `flags` says in how many each parameter has one.
pub(crate) fn gradients(
    team: &Team<'_>,
    optimizer: &mut Optimizer,
    flags: &[f64],
) -> Result<(), Error> {
    if team.is_alone() {
        return Ok(());
    }
    let _guard = torch::no_grad_guard();
    team.counted(|| {
        if team.is_sharded() {
            scatter(team, &optimizer.shards, &mut optimizer.slots, flags)
        } else {
            add_up(team, &mut optimizer.slots, flags)
        }
    })
}

/// Gives the weights that this process has updated to the others, and takes theirs.
pub(crate) fn weights(team: &Team<'_>, optimizer: &Optimizer) -> Result<(), Error> {
    let _guard = torch::no_grad_guard();
    if team.is_sharded() {
        team.counted(|| gather(team, &optimizer.shards, &optimizer.slots))?;
    }
    Ok(())
}

/// Adds up the gradients of all processes in each.
fn add_up(team: &Team<'_>, slots: &mut [Slot], flags: &[f64]) -> Result<(), Error> {
    open(slots, flags, |_| true)?;
    let mut bucket = Bucket::default();
    for slot in slots.iter() {
        let Some(sum) = slot.flat_sum()? else {
            continue;
        };
        let kind = summed_in(sum.kind());
        let count = sum.numel();
        let most = BUCKET_BYTES / kind.elt_size_in_bytes();
        for start in (0..count).step_by(most) {
            let length = most.min(count - start);
            let part = sum.f_narrow(0, start as i64, length as i64)?;
            if sum.kind() == kind && count >= LARGE {
                team.add_up(&part)?;
                continue;
            }
            if !bucket.takes(kind, length) {
                bucket.add_up(team)?;
            }
            bucket.parts.push((slot, start, part));
        }
    }
    bucket.add_up(team)
}

/// Parts of sums of gradients that are sent together.
#[derive(Default)]
struct Bucket<'a> {
    parts: Vec<(&'a Slot, usize, Tensor)>,
}

impl Bucket<'_> {
    fn elements(&self) -> usize {
        self.parts.iter().map(|(.., part)| part.numel()).sum()
    }

    fn takes(&self, kind: Kind, count: usize) -> bool {
        let first = self.parts.first();
        first.is_none_or(|(.., part)| {
            let bytes = (self.elements() + count) * kind.elt_size_in_bytes();
            summed_in(part.kind()) == kind && bytes <= BUCKET_BYTES
        })
    }

    /// Adds up its parts over all processes, and empties it.
    fn add_up(&mut self, team: &Team<'_>) -> Result<(), Error> {
        let Some((.., first)) = self.parts.first() else {
            return Ok(());
        };
        let options = (summed_in(first.kind()), first.device());
        let sent = Tensor::f_empty([self.elements() as i64], options)?;
        let mut row = Row::of(&sent);
        for (.., part) in &self.parts {
            row.next(part.numel())?.f_copy_(part)?;
        }
        team.add_up(&sent)?;
        let mut row = Row::of(&sent);
        for (slot, start, part) in self.parts.drain(..) {
            slot.put_sum(start, &row.next(part.numel())?)?;
        }
        Ok(())
    }
}

/// Adds up the gradients of all processes, each piece in the process that updates it. What others update is given up.
fn scatter(
    team: &Team<'_>,
    shards: &Shards,
    slots: &mut [Slot],
    flags: &[f64],
) -> Result<(), Error> {
    open(slots, flags, |slot| !slot.range().is_empty())?;
    let (kind, device) = widest(slots.iter().map(|slot| {
        let kind = summed_in(slot.sum_kind());
        (kind, slot.weight().device())
    }));
    let (size, rank) = (team.size(), team.rank());
    let most = (BUCKET_BYTES / kind.elt_size_in_bytes() / size).min(shards.longest());
    let sent = Tensor::f_empty([(size * most) as i64], (kind, device))?;
    let got = Tensor::f_empty([most as i64], (kind, device))?;
    for from in (0..shards.longest()).step_by(most.max(1)) {
        let count = most.min(shards.longest() - from);
        let sent = sent.f_narrow(0, 0, (size * count) as i64)?;
        let got = got.f_narrow(0, 0, count as i64)?;
        for piece in 0..size {
            let mut row = Row::of(&sent.f_narrow(0, (piece * count) as i64, count as i64)?);
            for (parameter, range) in shards.parts(piece, from, count) {
                let mut place = row.next(range.len())?;
                if let Some(sum) = slots[parameter].flat_sum()? {
                    let part = sum.f_narrow(0, range.start as i64, range.len() as i64)?;
                    place.f_copy_(&part)?;
                } else {
                    let _ = place.f_zero_()?;
                }
            }
            let _ = row.rest()?.f_zero_()?;
        }
        team.add_up_own(&got, &sent)?;
        let mut row = Row::of(&got);
        for (parameter, range) in shards.parts(rank, from, count) {
            slots[parameter].put_sum(range.start, &row.next(range.len())?)?;
        }
    }
    for (slot, flag) in slots.iter_mut().zip(flags) {
        if *flag > 0.0 && slot.range().is_empty() {
            slot.leave_to_others();
        }
    }
    Ok(())
}

/// Lays the weights of every process's piece into the model of each.
fn gather(team: &Team<'_>, shards: &Shards, slots: &[Slot]) -> Result<(), Error> {
    let weights = slots.iter().map(Slot::weight);
    let (kind, device) = widest(weights.map(|weight| (weight.kind(), weight.device())));
    let (size, rank) = (team.size(), team.rank());
    let most = (BUCKET_BYTES / kind.elt_size_in_bytes() / size).min(shards.longest());
    let sent = Tensor::f_empty([most as i64], (kind, device))?;
    let got = Tensor::f_empty([(size * most) as i64], (kind, device))?;
    let part = |parameter: usize, range: &Range<usize>| {
        let weight = slots[parameter].flat_weight()?;
        Ok::<_, Error>(weight.f_narrow(0, range.start as i64, range.len() as i64)?)
    };
    for from in (0..shards.longest()).step_by(most.max(1)) {
        let count = most.min(shards.longest() - from);
        let sent = sent.f_narrow(0, 0, count as i64)?;
        let got = got.f_narrow(0, 0, (size * count) as i64)?;
        let mut row = Row::of(&sent);
        for (parameter, range) in shards.parts(rank, from, count) {
            row.next(range.len())?.f_copy_(&part(parameter, &range)?)?;
        }
        let _ = row.rest()?.f_zero_()?;
        team.lay_out(&got, &sent)?;
        for piece in (0..size).filter(|piece| *piece != rank) {
            let mut row = Row::of(&got.f_narrow(0, (piece * count) as i64, count as i64)?);
            for (parameter, range) in shards.parts(piece, from, count) {
                part(parameter, &range)?.f_copy_(&row.next(range.len())?)?;
            }
        }
    }
    Ok(())
}

/// Gives every parameter that has a gradient anywhere, and is wanted or has one here, a sum that lies in a row.
fn open(slots: &mut [Slot], flags: &[f64], is_wanted: fn(&Slot) -> bool) -> Result<(), Error> {
    for (slot, flag) in slots.iter_mut().zip(flags) {
        if *flag > 0.0 && (slot.has_gradient() || is_wanted(slot)) {
            slot.open_sum()?;
        }
    }
    Ok(())
}

/// The kind that holds all others, and a device; parameters of a model have one of each.
fn widest(all: impl Iterator<Item = (Kind, Device)>) -> (Kind, Device) {
    let by_size = |one: &(Kind, Device), other: &(Kind, Device)| {
        let [one, other] = [one, other].map(|(kind, _)| kind.elt_size_in_bytes());
        one.cmp(&other)
    };
    all.max_by(by_size).unwrap_or((Kind::Float, Device::Cpu))
}

/// A row of numbers that is gone through from its start.
struct Row {
    values: Tensor,
    at: i64,
}

impl Row {
    fn of(values: &Tensor) -> Self {
        let values = values.shallow_clone();
        Self { values, at: 0 }
    }

    fn next(&mut self, count: usize) -> Result<Tensor, Error> {
        let part = self.values.f_narrow(0, self.at, count as i64)?;
        self.at += count as i64;
        Ok(part)
    }

    /// What is left.
    fn rest(&self) -> Result<Tensor, Error> {
        let count = self.values.numel() as i64 - self.at;
        Ok(self.values.f_narrow(0, self.at, count)?)
    }
}
