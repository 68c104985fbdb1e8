//! Requests are made ready on other threads, a block ahead of the one that is run.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use corpus::Request;
use processor::{Encoded, ImageInput, Processor};

use crate::error::Error;

/// Values of pictures that are made ready while another block still has its own; the rest waits for it to be done.
const VALUES_AHEAD: usize = 1 << 27;

/// Of the machine's cores, one in so many makes requests ready.
const CORES: usize = 4;

/// A request with what the model reads of it, or what is wrong with it.
pub(crate) type Prepared = (Request, Result<Encoded, String>);

/// Takes requests by blocks of `size`; `run` gets them in order, each while the next one is made ready.
pub(crate) fn blocks(
    processor: &dyn Processor,
    requests: &mut dyn Iterator<Item = Request>,
    size: usize,
    mut run: impl FnMut(Vec<Prepared>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut block = Preparation::of(requests.take(size).collect()).all(processor)?;
    while !block.is_empty() {
        let next = Preparation::of(requests.take(size).collect());
        thread::scope(|scope| {
            for _ in 0..next.workers() {
                scope.spawn(|| next.work(processor));
            }
            // Also when it panics, or those who wait for it would wait for ever.
            let done = Done(&next);
            let result = run(std::mem::take(&mut block));
            if result.is_err() {
                next.next.store(usize::MAX / 2, Ordering::Relaxed);
            }
            drop(done);
            result
        })?;
        block = next.finished()?;
    }
    Ok(())
}

/// A block that is being made ready.
struct Preparation {
    requests: Vec<Request>,
    /// Neighbours with the same pictures, which one thread takes together so that these are read once.
    parts: Vec<Range<usize>>,
    next: AtomicUsize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    ready: Vec<Option<Result<Result<Encoded, String>, Error>>>,
    same: Same,
    /// Values of the pictures so far.
    values: usize,
    /// Whether the block before is done.
    is_alone: bool,
}

/// Tells a preparation that the block before it is done.
struct Done<'a>(&'a Preparation);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.state().is_alone = true;
        self.0.freed.notify_all();
    }
}

impl Preparation {
    fn of(requests: Vec<Request>) -> Self {
        let mut parts: Vec<Range<usize>> = Vec::new();
        for (at, request) in requests.iter().enumerate() {
            match parts.last_mut() {
                Some(part)
                    if !request.images.is_empty()
                        && requests[part.start].images == request.images =>
                {
                    part.end += 1;
                }
                _ => parts.push(at..at + 1),
            }
        }
        let state = State {
            ready: requests.iter().map(|_| None).collect(),
            ..State::default()
        };
        Self {
            requests,
            parts,
            next: AtomicUsize::new(0),
            state: Mutex::new(state),
            freed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn workers(&self) -> usize {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        cores.div_ceil(CORES).min(self.parts.len())
    }

    /// Makes parts ready until none is left.
    fn work(&self, processor: &dyn Processor) {
        while let Some(part) = self.parts.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let mut state = self.state();
            while state.values > VALUES_AHEAD && !state.is_alone {
                state = self
                    .freed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            drop(state);
            let mut last: Vec<Alike> = Vec::new();
            for at in part.clone() {
                let request = &self.requests[at];
                let mut ready = match processor.request(request) {
                    Ok(encoded) => Ok(Ok(encoded)),
                    Err(error) => Error::of_request(&request.id, error).map(Err),
                };
                if let Ok(Ok(encoded)) = &mut ready {
                    self.share(&mut encoded.images, &mut last);
                }
                self.state().ready[at] = Some(ready);
            }
        }
    }

    /// Replaces pictures by equal ones that are there already. `last` are those of the request before.
    fn share(&self, images: &mut [ImageInput], last: &mut Vec<Alike>) {
        let found: Vec<Alike> = images
            .iter()
            .map(|image| {
                let known = last.iter().find(|one| is_identical(&one.own, image));
                known.cloned().unwrap_or_else(|| {
                    let mixed = mixed(image);
                    let mut state = self.state();
                    let (shared, values) = state.same.find(mixed, image);
                    state.values += values;
                    Alike {
                        own: image.clone(),
                        shared,
                    }
                })
            })
            .collect();
        for (image, one) in images.iter_mut().zip(&found) {
            *image = one.shared.clone();
        }
        *last = found;
    }

    /// Everything at once, on these threads and on others.
    fn all(self, processor: &dyn Processor) -> Result<Vec<Prepared>, Error> {
        self.state().is_alone = true;
        thread::scope(|scope| {
            for _ in 1..self.workers() {
                scope.spawn(|| self.work(processor));
            }
            self.work(processor);
        });
        self.finished()
    }

    fn finished(self) -> Result<Vec<Prepared>, Error> {
        let state = self.state.into_inner();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let ready = std::mem::take(&mut state.ready);
        let all = self.requests.into_iter().zip(ready);
        let all = all.filter_map(|(request, ready)| Some((request, ready?)));
        all.map(|(request, ready)| Ok((request, ready?))).collect()
    }
}

/// A picture, and the equal one that is kept.
#[derive(Clone)]
struct Alike {
    own: ImageInput,
    shared: ImageInput,
}

/// Pictures by content: those that are equal become one, and are told from others by where their values lie.
#[derive(Default)]
struct Same(HashMap<u64, Vec<ImageInput>>);

impl Same {
    /// The one that is kept for this picture, and how many values are new.
    fn find(&mut self, mixed: u64, image: &ImageInput) -> (ImageInput, usize) {
        let alike = self.0.entry(mixed).or_default();
        if let Some(known) = alike.iter().find(|known| *known == image) {
            return (known.clone(), 0);
        }
        alike.push(image.clone());
        (image.clone(), image.pixels.len())
    }
}

/// Whether two pictures are one, without a look at the values.
pub(crate) fn is_identical(one: &ImageInput, other: &ImageInput) -> bool {
    Arc::ptr_eq(&one.pixels, &other.pixels) && one.shape == other.shape && one.grid == other.grid
}

/// A number that equal pictures have in common: FNV-1a over whole values.
fn mixed(image: &ImageInput) -> u64 {
    let values = image.pixels.iter();
    values.fold(0xcbf2_9ce4_8422_2325, |sum: u64, value| {
        (sum ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3)
    })
}
