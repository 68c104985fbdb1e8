//! Heartbeats: a process that is gone or hangs ends the others with its name, and a signal to one is a signal to all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use torch::distributed::Store;

use crate::member::Member;

/// How often processes show that they live, and how long one may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two heartbeats.
    pub beat: Duration,
    /// Without a heartbeat a process counts as gone after this time.
    pub patience: Duration,
    /// How long a process that was told of another one's end may take to end in order, before it is ended.
    pub grace: Duration,
    /// How long processes wait for each other in the beginning.
    pub joining: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            beat: Duration::from_millis(500),
            patience: Duration::from_secs(15),
            grace: Duration::from_secs(5),
            joining: Duration::from_mins(10),
        }
    }
}

/// The flags of a process that is asked to stop: whether, and by which signal.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Set when it is asked to stop.
    pub stop: Arc<AtomicBool>,
    /// The number of the signal.
    pub signal: Arc<AtomicUsize>,
}

/// What the threads of heartbeats and the process itself know of each other.
struct State {
    /// When the store last answered.
    answered: Instant,
    /// Why the run ends, once somebody said so, and since when this process knows.
    ended: Option<(String, Instant)>,
    /// This process leaves in order.
    leaves: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    members: Vec<Member>,
    own: usize,
    prefix: String,
    pace: Pace,
    asked: Asked,
    /// Who serves the store, in words.
    server: String,
}

/// Who is watched.
pub(crate) struct Watched {
    /// All processes.
    pub members: Vec<Member>,
    /// The rank of this one.
    pub own: usize,
    /// What keys of this run begin with.
    pub prefix: String,
    /// Who serves the store, in words.
    pub server: String,
}

/// The heartbeats of this process.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Keys below the prefix of a run.
const BEAT: &str = "beat";
const END: &str = "end";
const STOP: &str = "stop";
const SUSPICION: &str = "suspicion";
const LEFT: &str = "left";

impl Watch {
    /// Begins to show that this process lives, over a connection of its own. `tell` hears why the process is ended, right
    /// before it is.
    pub fn begin(store: Store, watched: Watched, pace: Pace, asked: Asked, tell: fn(&str)) -> Self {
        let Watched {
            members,
            own,
            prefix,
            server,
        } = watched;
        let state = State {
            answered: Instant::now(),
            ended: None,
            leaves: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            members,
            own,
            prefix,
            pace,
            asked,
            server,
        });
        let beats = Arc::clone(&shared);
        let looks = Arc::clone(&shared);
        let threads = vec![
            thread::spawn(move || beats.beat(&store)),
            thread::spawn(move || looks.look(tell)),
        ];
        Self {
            shared,
            threads: Mutex::new(threads),
        }
    }

    /// Why the run ends, if somebody said so.
    pub fn ended(&self) -> Option<String> {
        let state = self.shared.state();
        state.ended.as_ref().map(|(text, _)| text.clone())
    }

    /// Whether this process is asked to stop, be it by another one.
    pub fn is_asked(&self) -> bool {
        self.shared.asked.stop.load(Ordering::Relaxed)
    }

    /// Waits for the reason why an operation failed, as long as it takes to notice that somebody is gone.
    pub fn reason(&self) -> Option<String> {
        let until = Instant::now() + self.shared.pace.patience + self.shared.pace.beat * 4;
        let mut state = self.shared.state();
        while state.ended.is_none() {
            let left = until.checked_duration_since(Instant::now())?;
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.ended.as_ref().map(|(text, _)| text.clone())
    }

    /// Ends the heartbeats; the process leaves in order.
    pub fn leave(&self) {
        self.shared.state().leaves = true;
        self.shared.changed.notify_all();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A thread that waits for a store that is gone is not waited for.
            if thread.is_finished() || self.shared.is_answered() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, what: &str) -> String {
        format!("{}{what}", self.prefix)
    }

    /// Whether the store answered lately.
    fn is_answered(&self) -> bool {
        self.state().answered.elapsed() < self.pace.beat * 4
    }

    /// Notes why the run ends; the first reason counts.
    fn end(&self, text: String) {
        let mut state = self.state();
        state.ended.get_or_insert((text, Instant::now()));
        drop(state);
        self.changed.notify_all();
    }

    /// Shows that this process lives, and looks whether the others do.
    fn beat(&self, store: &Store) {
        let mut seen: Vec<(i64, Instant)> = vec![(0, Instant::now()); self.members.len()];
        let mut is_told = false;
        loop {
            if self.state().leaves {
                return;
            }
            match self.exchange(store, &mut seen, &mut is_told) {
                Ok(None) => self.state().answered = Instant::now(),
                Ok(Some(reason)) => return self.end(reason),
                Err(_) if self.state().leaves => return,
                Err(error) => return self.end(format!("{} is gone ({error})", self.server)),
            }
            let state = self.state();
            // Woken by whoever leaves.
            let _ = self
                .changed
                .wait_timeout_while(state, self.pace.beat, |state| !state.leaves);
        }
    }

    /// One heartbeat; gives why the run ends, if it does.
    fn exchange(
        &self,
        store: &Store,
        seen: &mut [(i64, Instant)],
        is_told: &mut bool,
    ) -> Result<Option<String>, torch::Error> {
        store.add(&self.key(&format!("{BEAT}/{}", self.own)), 1)?;
        self.pass_on_stop(store, is_told)?;
        if store.has(&self.key(END))? {
            let text = store.get(&self.key(END))?;
            store.set(&heard(&self.prefix, self.own), b"1")?;
            return Ok(Some(String::from_utf8_lossy(&text).into_owned()));
        }
        let is_suspicious = store.has(&self.key(SUSPICION))?;
        let patience = if is_suspicious {
            self.pace.patience.min(self.pace.beat * 6)
        } else {
            self.pace.patience
        };
        for (rank, (count, since)) in seen.iter_mut().enumerate() {
            // Rank 0 looks at all of them, and all of them look at rank 0.
            if rank == self.own || (self.own != 0 && rank != 0) {
                continue;
            }
            let now = store.add(&self.key(&format!("{BEAT}/{rank}")), 0)?;
            if now != *count {
                (*count, *since) = (now, Instant::now());
            } else if since.elapsed() > patience
                && !store.has(&self.key(&format!("{LEFT}/{rank}")))?
            {
                let text = format!(
                    "{} has not answered for {} s: it is gone or hangs",
                    self.members[rank],
                    since.elapsed().as_secs()
                );
                store.set(&self.key(END), text.as_bytes())?;
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// A signal that one process got is told to all.
    fn pass_on_stop(&self, store: &Store, is_told: &mut bool) -> Result<(), torch::Error> {
        let Asked { stop, signal } = &self.asked;
        let key = self.key(STOP);
        if stop.load(Ordering::Relaxed) {
            if !*is_told {
                let number = signal.load(Ordering::Relaxed);
                store.set(&key, number.to_string().as_bytes())?;
                *is_told = true;
            }
        } else if store.has(&key)? {
            let number = store.get(&key)?;
            let number = String::from_utf8_lossy(&number).parse().unwrap_or(0);
            signal.store(number, Ordering::Relaxed);
            stop.store(true, Ordering::Relaxed);
            *is_told = true;
        }
        Ok(())
    }

    /// Ends the process where the store does not answer, or where it does not end by itself after it was told to.
    fn look(&self, tell: fn(&str)) {
        let mut state = self.state();
        loop {
            if state.leaves {
                return;
            }
            if let Some((text, since)) = &state.ended {
                if since.elapsed() > self.pace.grace {
                    tell(text);
                    torch::distributed::exit_at_once(1);
                }
            } else if state.answered.elapsed() > self.pace.patience {
                let text = format!(
                    "{} has not answered for {} s: it is gone or hangs",
                    self.server,
                    state.answered.elapsed().as_secs()
                );
                state.ended = Some((text, Instant::now()));
                self.changed.notify_all();
            }
            let woken = self.changed.wait_timeout(state, self.pace.beat);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Tells the others that this process ends, and why; the first reason counts.
pub(crate) fn end(store: &Store, prefix: &str, text: &str) -> Result<(), torch::Error> {
    let key = format!("{prefix}{END}");
    if store.has(&key)? {
        return Ok(());
    }
    store.set(&key, text.as_bytes())
}

/// Says that an operation failed, so that silence is noticed sooner.
pub(crate) fn suspect(store: &Store, prefix: &str) -> Result<(), torch::Error> {
    store.set(&format!("{prefix}{SUSPICION}"), b"1")
}

/// The key of a process that heard why the run ends.
pub(crate) fn heard(prefix: &str, rank: usize) -> String {
    format!("{prefix}heard/{rank}")
}

/// The key of a process that left in order.
pub(crate) fn left(prefix: &str, rank: usize) -> String {
    format!("{prefix}{LEFT}/{rank}")
}
