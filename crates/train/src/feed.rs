//! Samples of a step and of the one after it, prepared in the plan's order on other threads than the one that trains.
//!
//! The source is borrowed, so no thread outlives a step: it begins with threads that prepare what it still needs and
//! then, while it computes, what the next one will, and it ends with the sample that each of them is at. What is prepared
//! stays, so that nothing is done twice.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use processor::{Encoded, ImageInput};

use crate::balance::Share;
use crate::fit::{Dropped, fit};
use crate::plan::Order;
use crate::{Config, Error, Plan, SampleSource};

/// Samples of the next step are begun while pictures of less than so many bytes lie prepared.
pub(crate) const ROOM: usize = 512 << 20;

/// How often one that waits for samples looks whether it should stop.
const LOOK: Duration = Duration::from_millis(20);

/// A sample as it will be trained on, or why it is left out.
pub(crate) type Prepared = Result<Encoded, Dropped>;

/// How samples are prepared: by their index in the source.
pub(crate) type Prepare<'a> = &'a (dyn Fn(usize) -> Result<Prepared, Error> + Sync);

/// What is prepared, and what is to be next.
pub(crate) struct Feed {
    state: Mutex<State>,
    /// Something was prepared, computed or closed.
    changed: Condvar,
    threads: usize,
    room: usize,
    order: Order,
    /// What of each batch is prepared here.
    share: Share,
    /// Steps whose samples are asked for, with the places in the batch that are prepared here.
    asked: Vec<(usize, Vec<usize>)>,
    /// The first step whose samples nobody was asked for; none at the beginning.
    next: Option<usize>,
}

#[derive(Default)]
struct State {
    /// Samples that nobody has begun, in order.
    waiting: VecDeque<usize>,
    /// Those before them that were begun and not handed out; none for one that is in the works.
    begun: VecDeque<Option<Result<Prepared, Error>>>,
    /// How many were handed out before the first of these.
    handed_out: usize,
    /// How many from the first on the present step needs.
    needed: usize,
    /// Bytes of the pictures that are prepared and not computed.
    held: usize,
    is_open: bool,
}

impl State {
    /// Begins the next sample if it is needed, or wanted ahead while there is room; gives its place and its index.
    fn begin(&mut self, room: usize) -> Option<(usize, usize)> {
        if self.begun.len() >= self.needed && self.held >= room {
            return None;
        }
        let sample = self.waiting.pop_front()?;
        self.begun.push_back(None);
        Some((self.handed_out + self.begun.len() - 1, sample))
    }
}

impl Feed {
    pub fn new(threads: usize, room: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            threads,
            room,
            order: Order::default(),
            share: Share::all(),
            asked: Vec::new(),
            next: None,
        }
    }

    /// As many threads as the machine has.
    pub fn of_machine() -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self::new(threads, ROOM)
    }

    /// Forgets what was prepared. Whatever step comes next begins with nothing.
    pub fn clear(&mut self) {
        *self.state.get_mut().unwrap_or_else(PoisonError::into_inner) = State::default();
        self.next = None;
        self.asked.clear();
    }

    /// Prepares another part of each batch from now on.
    pub fn share(&mut self, share: Share) {
        self.clear();
        self.share = share;
    }

    /// Asks for the samples of a step and of the one after it.
    pub fn ask(&mut self, plan: &Plan, step: usize) {
        let mut wanted = Vec::new();
        let mut next = self.next.unwrap_or(step);
        self.asked.retain(|(asked, _)| *asked >= step);
        while next < plan.total_steps() && next <= step + 1 {
            let batch = plan.draw(next, &mut self.order);
            let places = self.share.places(&batch);
            wanted.extend(places.iter().map(|place| batch[*place]));
            self.asked.push((next, places));
            next += 1;
        }
        self.next = Some(next);
        let needed = self.places(step).len();
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.waiting.extend(wanted);
        state.needed = needed;
    }

    /// The places in its batch of what is prepared here for a step that was asked for.
    pub fn places(&self, step: usize) -> &[usize] {
        let mut asked = self.asked.iter();
        asked
            .find(|(asked, _)| *asked == step)
            .map_or(&[], |(_, places)| places)
    }

    /// Does something while threads prepare samples; gives what it gave, and the seconds for which they were waited for
    /// in the end.
    pub fn during<T>(&self, prepare: Prepare<'_>, work: impl FnOnce() -> T) -> (T, f64) {
        let mut state = self.state();
        state.is_open = true;
        let threads = self.threads.min(state.waiting.len());
        drop(state);
        let (done, end) = thread::scope(|scope| {
            for _ in 0..threads {
                let thread = thread::Builder::new().name("samples".to_owned());
                // Where the system gives no thread, those that there are do more; the waiting one takes part.
                let _ = thread.spawn_scoped(scope, || {
                    let_others_go_first();
                    self.prepare_ahead(prepare);
                });
            }
            let open = Open(self);
            let done = work();
            drop(open);
            (done, Instant::now())
        });
        (done, end.elapsed().as_secs_f64())
    }

    /// The samples of the step that was asked for, and the seconds that they were waited for; an error of one of them as
    /// soon as those before it are there. The waiting thread helps. Nothing when it was stopped.
    pub fn take(
        &self,
        prepare: Prepare<'_>,
        stop: &AtomicBool,
    ) -> Result<Option<(Vec<Prepared>, f64)>, Error> {
        let start = Instant::now();
        let mut ready = 0;
        let mut state = self.state();
        loop {
            while let Some(Some(Ok(_))) = state.begun.get(ready).filter(|_| ready < state.needed) {
                ready += 1;
            }
            let needed = state.needed;
            if ready == needed {
                break;
            }
            // Its place stays, since others may still fill the ones behind it.
            let found = state.begun.get_mut(ready);
            if let Some(Err(error)) = found.and_then(Option::take) {
                return Err(error);
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            state = if state.begun.len() < needed
                && let Some((place, sample)) = state.begin(0)
            {
                drop(state);
                self.prepare_one(prepare, place, sample);
                self.state()
            } else {
                let woken = self.changed.wait_timeout(state, LOOK);
                woken.unwrap_or_else(PoisonError::into_inner).0
            };
        }
        let needed = std::mem::take(&mut state.needed);
        state.handed_out += needed;
        let taken = state.begun.drain(..needed).flatten();
        let samples = taken.collect::<Result<_, _>>()?;
        Ok(Some((samples, start.elapsed().as_secs_f64())))
    }

    /// Makes room for others: pictures of so many bytes were computed.
    pub fn computed(&self, bytes: usize) {
        let mut state = self.state();
        state.held = state.held.saturating_sub(bytes);
        drop(state);
        self.changed.notify_all();
    }

    /// Prepares one sample after the other until the feed is closed.
    fn prepare_ahead(&self, prepare: Prepare<'_>) {
        let mut state = self.state();
        while state.is_open {
            state = if let Some((place, sample)) = state.begin(self.room) {
                drop(state);
                self.prepare_one(prepare, place, sample);
                self.state()
            } else {
                let woken = self.changed.wait(state);
                woken.unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    fn prepare_one(&self, prepare: Prepare<'_>, place: usize, sample: usize) {
        let prepared = prepare(sample);
        let mut state = self.state();
        if let Ok(Ok(sample)) = &prepared {
            state.held += bytes(&sample.images);
        }
        let at = place - state.handed_out;
        state.begun[at] = Some(prepared);
        drop(state);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the feed however what is done meanwhile ends.
struct Open<'a>(&'a Feed);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.state().is_open = false;
        self.0.changed.notify_all();
    }
}

/// Bytes of pictures.
pub(crate) fn bytes(images: &[ImageInput]) -> usize {
    let values = images.iter().map(|image| image.pixels.len());
    values.sum::<usize>() * size_of::<f32>()
}

/// Prepares a sample of a source for a training with these settings.
pub(crate) fn prepared(
    source: &dyn SampleSource,
    config: &Config,
    index: usize,
) -> Result<Prepared, Error> {
    let broken = |problem: String| Error::Sample {
        id: source.id(index).to_owned(),
        problem,
    };
    // A thread that ends without a result would be waited for.
    let encoded = catch_unwind(AssertUnwindSafe(|| source.encode(index)));
    let encoded =
        encoded.unwrap_or_else(|_| Err("preparing it panicked; this is a bug".to_owned()));
    fit(encoded.map_err(broken)?, source.id(index), config)
}

/// Lets the calling thread step back behind those that compute. Only Linux counts this by thread.
fn let_others_go_first() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        /// Of one core a tenth where somebody computes, all of it where nobody does.
        const NICER: i32 = 10;
        // It is a wish: where it is not granted, nothing else changes.
        let _ = getpriority_process(None).and_then(|now| setpriority_process(None, now + NICER));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use processor::ImageGrid;

    use super::*;

    const SAMPLES: usize = 23;
    const BATCH: usize = 4;
    const EPOCHS: f64 = 2.5;
    /// Values of a sample's picture.
    const VALUES: usize = 16;

    fn plan() -> Plan {
        let config = Config {
            epochs: EPOCHS,
            max_steps: None,
            ..Config::small(1.0, BATCH, 1)
        };
        let ids: Vec<String> = (0..SAMPLES).map(|i| i.to_string()).collect();
        Plan::new(ids.iter().map(String::as_str), &config)
    }

    /// Every fifth one is left out.
    fn sample(index: usize) -> Prepared {
        if index % 5 == 4 {
            return Err(Dropped {
                id: index.to_string(),
                reason: "too-long".to_owned(),
                detail: String::new(),
            });
        }
        Ok(Encoded {
            ids: vec![index as i64],
            learn: vec![true],
            images: vec![ImageInput {
                pixels: Arc::new(vec![0.0; VALUES]),
                shape: Vec::new(),
                grid: ImageGrid::Whole,
                num_tokens: 0,
            }],
        })
    }

    fn index(prepared: &Prepared) -> usize {
        match prepared {
            Ok(sample) => sample.ids[0] as usize,
            Err(dropped) => dropped.id.parse().expect("a number"),
        }
    }

    fn never() -> AtomicBool {
        AtomicBool::new(false)
    }

    fn spin_until(come: impl Fn() -> bool) {
        while !come() {
            thread::yield_now();
        }
    }

    #[test]
    fn the_order_is_the_plans_whatever_the_number_of_threads() {
        let plan = plan();
        let expected: Vec<Vec<usize>> = (0..plan.total_steps()).map(|s| plan.batch(s)).collect();
        assert_eq!(expected.len(), 15);
        for threads in [0, 1, 2, 5] {
            for room in [0, 5 * 4 * VALUES, usize::MAX] {
                let mut feed = Feed::new(threads, room);
                let prepare = |index| Ok(sample(index));
                for (step, expected) in expected.iter().enumerate() {
                    feed.ask(&plan, step);
                    let (taken, _) = feed.during(&prepare, || {
                        let (taken, _) = feed.take(&prepare, &never())?.expect("not stopped");
                        for sample in taken.iter().flatten() {
                            feed.computed(bytes(&sample.images));
                        }
                        Ok::<_, Error>(taken)
                    });
                    let found: Vec<usize> = taken.expect("sound").iter().map(index).collect();
                    assert_eq!(found, *expected, "step {step} with {threads} threads");
                }
            }
        }
    }

    #[test]
    fn the_next_step_is_prepared_while_one_computes_and_no_further() {
        let (plan, begun) = (plan(), AtomicUsize::new(0));
        let mut feed = Feed::new(3, usize::MAX);
        let prepare = |index| {
            begun.fetch_add(1, Ordering::Relaxed);
            Ok(sample(index))
        };
        for step in 0..plan.total_steps() {
            feed.ask(&plan, step);
            let ahead = plan.range(step + 1).end;
            feed.during(&prepare, || {
                feed.take(&prepare, &never()).expect("sound");
                // A step that computes until all that may be begun is.
                spin_until(|| begun.load(Ordering::Relaxed) == ahead);
            });
            assert_eq!(begun.load(Ordering::Relaxed), ahead, "after step {step}");
        }
        assert_eq!(begun.into_inner(), plan.num_drawn());
    }

    #[test]
    fn pictures_lie_ahead_only_while_there_is_room() {
        const THREADS: usize = 3;
        let (plan, begun) = (plan(), AtomicUsize::new(0));
        // Room for two pictures, of which a step alone has four.
        let mut feed = Feed::new(THREADS, 2 * 4 * VALUES);
        let prepare = |index: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            // None is left out.
            Ok(sample(index - usize::from(index % 5 == 4)))
        };
        for step in 0..4 {
            feed.ask(&plan, step);
            let end = plan.range(step).end;
            let begun = || begun.load(Ordering::Relaxed);
            feed.during(&prepare, || {
                let (taken, _) = feed.take(&prepare, &never()).expect("sound").expect("all");
                // What is needed takes more than the room; each thread may be at one more.
                assert!(begun() <= end + THREADS, "{} for {end}", begun());
                for sample in taken.iter().flatten() {
                    feed.computed(bytes(&sample.images));
                }
                // Now there is room for two.
                spin_until(|| begun() >= end + 2);
            });
            assert!(begun() <= end + 2 + THREADS, "{} for {end}", begun());
        }
    }

    #[test]
    fn the_first_broken_sample_is_told() {
        let plan = plan();
        let second = plan.batch(0)[1];
        for threads in [0, 1, 5] {
            let mut feed = Feed::new(threads, usize::MAX);
            let prepare = |index: usize| {
                if plan.batch(0)[0] == index {
                    return Ok(sample(index));
                }
                let id = index.to_string();
                let problem = "its picture is missing".to_owned();
                Err(Error::Sample { id, problem })
            };
            for _ in 0..2 {
                feed.ask(&plan, 0);
                let (taken, _) = feed.during(&prepare, || feed.take(&prepare, &never()));
                let told = taken.expect_err("broken").to_string();
                let expected = format!("sample `{second}`: its picture is missing");
                assert_eq!(told, expected, "with {threads} threads");
                // It may have been mended when it is asked for again.
                feed.clear();
            }
        }
    }

    #[test]
    fn a_stop_ends_the_waiting() {
        let (plan, stop, begun) = (plan(), never(), AtomicUsize::new(0));
        let mut feed = Feed::new(0, usize::MAX);
        let prepare = |index| {
            if begun.fetch_add(1, Ordering::Relaxed) == 1 {
                stop.store(true, Ordering::Relaxed);
            }
            Ok(sample(index))
        };
        feed.ask(&plan, 0);
        let (taken, _) = feed.during(&prepare, || feed.take(&prepare, &stop));
        assert!(taken.expect("no error").is_none());
        assert_eq!(begun.load(Ordering::Relaxed), 2, "of {BATCH}");
        // What was prepared is there when it goes on.
        feed.ask(&plan, 0);
        let (taken, _) = feed.during(&prepare, || feed.take(&prepare, &never()));
        let (taken, _) = taken.expect("no error").expect("not stopped");
        let found: Vec<usize> = taken.iter().map(index).collect();
        assert_eq!((found, begun.into_inner()), (plan.batch(0), BATCH));
    }

    #[test]
    fn a_source_that_panics_is_told_by_the_sample() {
        struct Broken;
        impl SampleSource for Broken {
            fn len(&self) -> usize {
                1
            }
            fn id(&self, _: usize) -> &'static str {
                "a"
            }
            fn encode(&self, _: usize) -> Result<Encoded, String> {
                std::panic::resume_unwind(Box::new(()))
            }
        }
        let error = prepared(&Broken, &Config::small(1.0, 1, 1), 0).expect_err("panic");
        assert_eq!(
            error.to_string(),
            "sample `a`: preparing it panicked; this is a bug"
        );
    }
}
