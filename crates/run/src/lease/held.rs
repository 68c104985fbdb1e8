//! A lease that this process holds, and the one thread that renews all of them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::record::Record;
use crate::process::Process;

/// A lease that another process took over, or whose folder was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The lease's folder.
    pub folder: PathBuf,
    /// Who has it now, if anybody can be seen.
    pub by: Option<Process>,
}

/// What is done about a loss, and what is remembered of it; several leases may share one.
#[derive(Debug, Default)]
pub struct Losses {
    /// The flag that makes whatever the leases are for stop.
    pub stop: Option<&'static AtomicBool>,
    /// The first loss.
    pub first: OnceLock<Lost>,
}

/// The highest number among the files of a lease.
pub fn highest(folder: &Path) -> io::Result<Option<u64>> {
    let mut highest = None;
    for entry in fs::read_dir(folder)? {
        highest = highest.max(number(&entry?.path()));
    }
    Ok(highest)
}

/// The number of a lease's file; none for anything else in its folder.
pub fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.parse().ok()
}

/// A held lease.
#[derive(Debug)]
pub struct Held {
    folder: PathBuf,
    number: u64,
    file: File,
    renewal: Duration,
    patience: Duration,
    state: Mutex<State>,
    lost: OnceLock<Lost>,
    losses: Arc<Losses>,
}

#[derive(Debug)]
struct State {
    record: Record,
    renewed: Instant,
}

impl Held {
    /// Begins to renew a lease that was taken. `record` is what its open file says.
    pub fn keep(
        folder: &Path,
        number: u64,
        file: File,
        record: Record,
        [renewal, patience]: [Duration; 2],
        losses: &Arc<Losses>,
    ) -> io::Result<Arc<Self>> {
        let held = Arc::new(Self {
            folder: folder.to_owned(),
            number,
            file,
            renewal,
            patience,
            state: Mutex::new(State {
                record,
                renewed: Instant::now(),
            }),
            lost: OnceLock::new(),
            losses: Arc::clone(losses),
        });
        RENEWALS.add(&held)?;
        Ok(held)
    }

    /// Whether it is still held. Looks by itself if the renewing thread did not for long, as after the process was stopped.
    pub fn check(&self) -> Result<(), Lost> {
        if locked(&self.state).renewed.elapsed() > self.patience / 2 {
            self.renew();
        }
        match self.lost.get() {
            None => Ok(()),
            Some(lost) => Err(lost.clone()),
        }
    }

    /// Counts on, and looks whether the lease is still this one's.
    fn renew(&self) {
        let mut state = locked(&self.state);
        if state.record.is_released || self.lost.get().is_some() {
            return;
        }
        state.record.counter += 1;
        // A file system that does not answer now may do so the next time. Somebody else may take it to be dead until then;
        // that is found out below.
        let written = state.record.write(&self.file);
        if let Some(lost) = self.look(&state.record.token) {
            let _ = self.losses.first.set(lost.clone());
            let _ = self.lost.set(lost);
            if let Some(stop) = self.losses.stop {
                stop.store(true, Ordering::Relaxed);
            }
        } else if written.is_ok() {
            state.renewed = Instant::now();
        }
    }

    /// Whether somebody else has it. A file system that does not answer is no loss.
    fn look(&self, token: &str) -> Option<Lost> {
        let lost = |by| {
            Some(Lost {
                folder: self.folder.clone(),
                by,
            })
        };
        // Network file systems remember what lies in a folder for up to a minute, unless they change it themselves.
        let probe = self.folder.join(format!(".{token}.look.part"));
        let _ = File::create(&probe).and_then(|_| fs::remove_file(&probe));
        let process = |record: Record| record.process;
        match highest(&self.folder) {
            Ok(Some(found)) if found > self.number => {
                lost(Record::read(&self.folder.join(found.to_string())).map(process))
            }
            Ok(Some(_)) => match fs::read(self.folder.join(self.number.to_string())) {
                // Somebody may have made the folder anew.
                Ok(bytes) => Record::parse(&bytes)
                    .filter(|own| own.token != token)
                    .and_then(|own| lost(Some(own.process))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => lost(None),
                Err(_) => None,
            },
            Ok(None) => lost(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => lost(None),
            Err(_) => None,
        }
    }

    /// Gives it back.
    pub fn release(&self) {
        RENEWALS.forget(self);
        let mut state = locked(&self.state);
        state.record.is_released = true;
        // Where the file system refuses it, the next one finds this process to be gone, or waits.
        let _ = state.record.write(&self.file);
    }
}

/// What is renewed, and when.
#[derive(Debug, Default)]
struct Renewals {
    turns: Mutex<Turns>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Turns {
    held: Vec<(Weak<Held>, Instant)>,
    has_thread: bool,
    /// When the thread looks by itself; never while there is nothing to renew.
    wakes: Option<Instant>,
}

/// One thread for the process: claims of a store are many and short.
static RENEWALS: LazyLock<Renewals> = LazyLock::new(Renewals::default);

impl Renewals {
    fn add(&'static self, held: &Arc<Held>) -> io::Result<()> {
        let due = Instant::now() + held.renewal;
        let mut turns = locked(&self.turns);
        if !turns.has_thread {
            let thread = std::thread::Builder::new().name("leases".to_owned());
            thread.spawn(|| self.renew())?;
            turns.has_thread = true;
        }
        turns.held.push((Arc::downgrade(held), due));
        if turns.wakes.is_none_or(|wakes| due < wakes) {
            self.news.notify_one();
        }
        Ok(())
    }

    fn forget(&self, held: &Held) {
        let mut turns = locked(&self.turns);
        turns
            .held
            .retain(|(other, _)| !std::ptr::eq(other.as_ptr(), held));
    }

    fn renew(&self) {
        loop {
            let mut due = Vec::new();
            let mut turns = locked(&self.turns);
            turns.held.retain(|(held, _)| held.strong_count() > 0);
            let now = Instant::now();
            for (held, at) in turns.held.iter_mut().filter(|(_, at)| *at <= now) {
                if let Some(held) = held.upgrade() {
                    *at = now + held.renewal;
                    due.push(held);
                }
            }
            if due.is_empty() {
                turns.wakes = turns.held.iter().map(|(_, at)| *at).min();
                // Poisoned or not, the list is what it says.
                match turns.wakes {
                    Some(at) => {
                        let rest = at.saturating_duration_since(now);
                        drop(self.news.wait_timeout(turns, rest));
                    }
                    None => drop(self.news.wait(turns)),
                }
                continue;
            }
            drop(turns);
            // Claims are taken and given back meanwhile, however long the file system takes.
            for held in due {
                held.renew();
            }
        }
    }
}

/// What stands behind a lock stays whole when a thread that held it panics: each change is one assignment.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
