//! Leases: one process at a time may work in a folder, also where machines share it over a file system without locks.
//!
//! A lease is a folder with numbered files. Who takes it makes the file of the next number, which only one process can: it is
//! written aside and linked to its name, and a link fails where the name is there. The highest number is the one that counts,
//! and is never removed; so nobody has to remove or rename what somebody else may have just made, which no file system does
//! for one content alone. The holder's file has a counter that grows every few seconds, and says at the end that the lease is
//! given back.
//!
//! A holder that ended without a word is found out at once by a process of the same machine. Another machine watches the
//! counter: unchanged for a minute of its own time, the lease is free. No two clocks are compared, and no times of files read.

mod held;
mod record;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::held::{Held, highest, number};
use self::record::Record;
use crate::process::{Process, unique};
use crate::stop::{Stop, Stopped};

pub use self::held::{Losses, Lost};

/// How leases are taken and kept.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Who takes them.
    pub this: Process,
    /// How long a holder that nothing can be known of may leave its counter as it is before it counts as gone.
    pub patience: Duration,
    /// How often the counter grows; a small part of the patience.
    pub renewal: Duration,
    /// Ends the wait for a lease. A lease that is lost sets its flag, so that the work ends as if it was asked to stop, and
    /// whoever asks `check` is told why.
    pub stop: Option<Stop<'static>>,
    /// Gives a file a second name; an error where the file system has no such thing.
    pub link: fn(&Path, &Path) -> io::Result<()>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            this: Process::this(),
            patience: Duration::from_mins(1),
            renewal: Duration::from_secs(5),
            stop: None,
            link: |from, to| fs::hard_link(from, to),
        }
    }
}

impl Terms {
    /// These with a stop.
    #[must_use]
    pub fn stopped_by(self, stop: Stop<'static>) -> Self {
        Self {
            stop: Some(stop),
            ..self
        }
    }

    /// What remembers the losses of leases on these terms.
    pub fn losses(&self) -> Arc<Losses> {
        Arc::new(Losses {
            stop: self.stop.map(Stop::flag),
            ..Losses::default()
        })
    }
}

/// The holder of a lease that somebody else wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process; none where its file cannot be read.
    pub process: Option<Process>,
    /// Whether it works: it is there on this machine, or its counter was seen to grow.
    pub works: bool,
}

/// A wait for a holder of which nothing can be known yet; to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What is held.
    pub on: PathBuf,
    /// Who holds it, or held it.
    pub process: Option<Process>,
    /// How long it is watched at most.
    pub patience: Duration,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is held by ", self.on.display())?;
        match &self.process {
            Some(process) => write!(f, "{process}")?,
            None => f.write_str("a process that left no readable note")?,
        }
        let seconds = self.patience.as_secs();
        write!(
            f,
            "; waiting up to {seconds} s to see whether it still works"
        )
    }
}

/// Why a lease was not taken.
#[derive(Debug)]
pub enum Refusal {
    /// Somebody else holds it and works.
    Held(Option<Process>),
    /// The wait was stopped.
    Stopped(Stopped),
    /// The system refused something in the lease's folder.
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Stopped> for Refusal {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// What was seen of a holder, and since when.
#[derive(Debug, Default)]
pub struct Watch {
    seen: Option<(u64, Vec<u8>)>,
    since: Option<Instant>,
    moved: bool,
}

impl Watch {
    /// Looks on. Gives for how long nothing has changed.
    fn look(&mut self, number: u64, text: Vec<u8>) -> Duration {
        let now = (number, text);
        let is_first = self.seen.is_none();
        if self.seen.as_ref() != Some(&now) {
            self.seen = Some(now);
            self.since = Some(Instant::now());
            self.moved |= !is_first;
        }
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// A lease that this process holds. It is given back when it is dropped; a killed process leaves it.
#[derive(Debug)]
pub struct Lease(Arc<Held>);

impl Lease {
    /// Takes a lease on something; `folder` is the lease's own. Where somebody holds it of whom nothing can be known, it waits,
    /// and tells so once.
    pub fn take(
        on: &Path,
        folder: &Path,
        terms: &Terms,
        losses: &Arc<Losses>,
        told: &mut dyn FnMut(&Waiting),
    ) -> Result<Self, Refusal> {
        let mut watch = Watch::default();
        let mut wait = Wait::new(terms, told);
        loop {
            match Self::try_take(folder, terms, losses, &mut watch)? {
                Ok(lease) => return Ok(lease),
                Err(holder) => wait.once(on, holder)?,
            }
        }
    }

    /// Takes a lease that is free, or tells at once who holds it. `watch` remembers from one try to the next what was seen
    /// of a holder.
    pub fn try_take(
        folder: &Path,
        terms: &Terms,
        losses: &Arc<Losses>,
        watch: &mut Watch,
    ) -> io::Result<Result<Self, Holder>> {
        let mut record = Record {
            process: terms.this.clone(),
            token: unique(),
            counter: 1,
            is_released: false,
        };
        for _ in 0..TURNS {
            let (number, holder) = standing(folder, terms, watch)?;
            if let Some(holder) = holder {
                return Ok(Err(holder));
            }
            fs::create_dir_all(folder)?;
            let next = number.saturating_add(1);
            let Some(file) = place(folder, next, &record, terms)? else {
                continue;
            };
            // Whoever slept since its look may have made a number that was removed in the meantime, below the one that
            // counts. To have made it brings a network file system's view of the folder up to date.
            let found = match highest(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found?,
            };
            if found > Some(next) {
                record.is_released = true;
                record.write(&file)?;
                record.is_released = false;
                continue;
            }
            tidy(folder, next);
            let times = [terms.renewal, terms.patience];
            let held = Held::keep(folder, next, file, record, times, losses)?;
            return Ok(Ok(Self(held)));
        }
        Err(io::Error::other(
            "others take the lease all the time, or the file system does not show what is written in it",
        ))
    }

    /// Who holds a lease, if anybody does; for those who do not want it. `watch` is as for [`Lease::try_take`].
    pub fn holder(folder: &Path, terms: &Terms, watch: &mut Watch) -> io::Result<Option<Holder>> {
        Ok(standing(folder, terms, watch)?.1)
    }

    /// Whether it is still held. Whoever has lost it must not go on: somebody else works there.
    pub fn check(&self) -> Result<(), Lost> {
        self.0.check()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// Goes on waiting for a holder, until it is seen to work.
pub(crate) struct Wait<'a> {
    terms: &'a Terms,
    told: &'a mut dyn FnMut(&Waiting),
    is_told: bool,
}

impl<'a> Wait<'a> {
    /// A wait of which `told` is told once.
    pub(crate) fn new(terms: &'a Terms, told: &'a mut dyn FnMut(&Waiting)) -> Self {
        Self {
            terms,
            told,
            is_told: false,
        }
    }

    /// Waits a little.
    pub(crate) fn once(&mut self, on: &Path, holder: Holder) -> Result<(), Refusal> {
        if holder.works {
            return Err(Refusal::Held(holder.process));
        }
        if let Some(stop) = self.terms.stop {
            stop.check()?;
        }
        if !self.is_told {
            self.is_told = true;
            (self.told)(&Waiting {
                on: on.to_owned(),
                process: holder.process,
                patience: self.terms.patience,
            });
        }
        std::thread::sleep((self.terms.patience / 20).min(BETWEEN_LOOKS));
        Ok(())
    }
}

/// Between two looks at a holder.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// Tries to take a lease that others take and give back at the same time.
const TURNS: usize = 1000;

/// The number that counts, 0 if there is none, and who holds it.
fn standing(folder: &Path, terms: &Terms, watch: &mut Watch) -> io::Result<(u64, Option<Holder>)> {
    for _ in 0..TURNS {
        let number = match highest(folder) {
            Ok(Some(number)) => number,
            Ok(None) => return Ok((0, None)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, None)),
            Err(error) => return Err(error),
        };
        let text = match fs::read(folder.join(number.to_string())) {
            Ok(text) => text,
            // There is a higher one by now.
            Err(error) if is_absent(&error) => continue,
            Err(error) => return Err(error),
        };
        let record = Record::parse(&text);
        let is_free = |record: &Record| record.is_released || record.process.is_gone(&terms.this);
        if record.as_ref().is_some_and(is_free) || watch.look(number, text) >= terms.patience {
            return Ok((number, None));
        }
        let process = record.map(|record| record.process);
        let is_here = process.as_ref().is_some_and(|p| p.is_seen_by(&terms.this));
        let works = is_here || watch.moved;
        return Ok((number, Some(Holder { process, works })));
    }
    // So does a folder look that a network file system has not looked at for some time.
    let holder = Holder {
        process: None,
        works: false,
    };
    Ok((0, Some(holder)))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::StaleNetworkFileHandle
    )
}

/// Makes the file of a number, if nobody else does.
fn place(folder: &Path, number: u64, record: &Record, terms: &Terms) -> io::Result<Option<File>> {
    let aside = folder.join(format!(".{}.part", record.token));
    let target = folder.join(number.to_string());
    let new = |path: &Path| File::options().write(true).create_new(true).open(path);
    let file = match new(&aside) {
        // Whoever clears a store removes the folders of leases that nobody holds.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    record.write(&file)?;
    let linked = (terms.link)(&aside, &target);
    let is_aside = aside.exists();
    let _ = fs::remove_file(&aside);
    let error = match linked {
        Ok(()) => return Ok(Some(file)),
        Err(error) => error,
    };
    // On NFS the answer may get lost, and the question that is asked again finds the link made. open(2) counts the links of
    // the file aside; what the name leads to says the same, and is asked of the server.
    let found = || Record::read(&target).is_some_and(|found| found.token == record.token);
    if found() {
        return Ok(Some(file));
    }
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Ok(None);
    }
    // The winner of another turn removed what it found aside.
    if error.kind() == io::ErrorKind::NotFound && !is_aside {
        return Ok(None);
    }
    // There are file systems without links. Here a reader may find the file before anything stands in it, which looks like a
    // holder of which nothing is known.
    match new(&target) {
        Ok(file) => record.write(&file).map(|()| Some(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(found().then_some(file)),
        Err(error) => Err(error),
    }
}

/// Removes what killed processes left aside and the files of numbers before, except for the last one: a listing that was begun
/// before this lease was taken finds that one.
fn tidy(folder: &Path, own: u64) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_past = number(&path).map_or_else(
            || path.extension().is_some_and(|e| e == "part"),
            |number| number.saturating_add(1) < own,
        );
        if is_past {
            let _ = fs::remove_file(&path);
        }
    }
}
