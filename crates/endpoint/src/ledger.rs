//! What was spent, written down before it is spent.
//!
//! A request is reserved with the most that it can cost, on the disk, before it leaves, and settled afterwards. What a
//! process reserved and did not settle before it ended may have been paid for, and counts in full for ever. So the
//! caps hold through any number of kills.

mod account;
mod amount;
mod error;
mod line;
mod replay;
mod writer;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::cache::Cache;
use crate::durable;

pub use amount::{Amount, Caps, Settlement, Spent};
pub use error::{Exhausted, LedgerError, Refusal};

use account::Accounts;
use line::{FORMAT, How, Line};
use replay::Replay;
use writer::{Outbox, Synced};

/// The ledger of a run: one file, for one process at a time.
#[derive(Debug)]
pub struct Ledger {
    books: Arc<Books>,
    caps: Caps,
    process: u64,
    writer: Option<JoinHandle<()>>,
}

/// What tickets share with their ledger.
#[derive(Debug)]
struct Books {
    accounts: Mutex<Accounts>,
    outbox: Arc<Outbox>,
}

/// A reserved request. Dropped without a settlement, it counts as one that nobody knows of.
#[derive(Debug)]
pub struct Ticket {
    number: u64,
    amount: Amount,
    books: Arc<Books>,
    synced: Option<Synced>,
    settled: bool,
}

impl Ledger {
    /// Opens or makes a ledger. `caps` are those of the whole run; `answers` are brought to the disk before the lines that
    /// tell that they were paid for.
    ///
    /// A last line that was torn off while it was written is cut away: nobody has acted on it.
    pub fn open(path: &Path, caps: Caps, answers: Option<Arc<Cache>>) -> Result<Self, LedgerError> {
        let writing = LedgerError::writing(path);
        let folder = durable::parent(path);
        durable::make_folder(folder).map_err(LedgerError::writing(folder))?;
        refuse_all_but_files(path)?;
        let mut options = OpenOptions::new();
        let file = options.create(true).read(true).append(true).open(path);
        let mut file = file.map_err(&writing)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LedgerError::Locked {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(LedgerError::Lock {
                    path: path.to_owned(),
                    source: Arc::new(source),
                });
            }
        }
        let Replay {
            mut accounts,
            processes,
            whole,
            unended,
        } = Replay::read(&file, path)?;
        accounts.abandon();
        let process = processes + 1;
        let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let opened = Line::Opened {
            format: FORMAT,
            process,
            pid: std::process::id(),
            time: Cow::from(time),
        };
        let mut first = bytes(&opened);
        if unended {
            first.insert(0, b'\n');
        }
        let written = file
            .set_len(whole)
            .and_then(|()| file.write_all(&first))
            .and_then(|()| file.sync_all())
            .and_then(|()| durable::sync_folder(folder));
        written.map_err(&writing)?;
        let outbox = Arc::new(Outbox::default());
        let writer = writer::start(Arc::clone(&outbox), file, path.to_owned(), answers);
        let writer = writer.map_err(&writing)?;
        let accounts = Mutex::new(accounts);
        Ok(Self {
            books: Arc::new(Books { accounts, outbox }),
            caps,
            process,
            writer: Some(writer),
        })
    }

    /// Reserves a request of a place, if the caps of the place and of the run leave room for the most that it can take.
    ///
    /// `what` is the digest of what is asked, by which requests are found that were paid for twice. The request may leave
    /// once [`Ticket::synced`] has resolved.
    pub fn reserve(
        &self,
        place: &str,
        caps: &Caps,
        what: &str,
        amount: Amount,
    ) -> Result<Ticket, Refusal> {
        let mut accounts = self.books.accounts();
        accounts.room(place, caps, &self.caps, amount)?;
        let number = accounts.next();
        let line = Line::Reserved {
            number,
            place: Cow::from(place),
            what: Cow::from(what),
            cost: amount.cost,
            tokens: amount.tokens,
            process: self.process,
        };
        // Sent while the accounts are held, so that lines stand in the order of their numbers.
        let synced = self.books.outbox.send_awaited(&bytes(&line))?;
        let taken = accounts.reserve(number, place, what, amount);
        debug_assert!(taken, "the number is the next one");
        Ok(Ticket {
            number,
            amount,
            books: Arc::clone(&self.books),
            synced: Some(synced),
            settled: false,
        })
    }

    /// Writes down how a request ended, without waiting for the disk.
    pub fn settle(&self, mut ticket: Ticket, settlement: Settlement) -> Result<(), LedgerError> {
        ticket.settled = true;
        ticket.books.settle(ticket.number, settlement)
    }

    /// What a place spent, earlier processes' included.
    pub fn spent(&self, place: &str) -> Spent {
        self.books.accounts().of(place)
    }

    /// What all places spent.
    pub fn spent_by_all(&self) -> Spent {
        self.books.accounts().of_all()
    }

    /// Resolves once all that was told so far is on the disk.
    pub async fn synced(&self) -> Result<(), LedgerError> {
        writer::heard(self.books.outbox.send_awaited(&[])?).await
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.books.outbox.close();
        if let Some(writer) = self.writer.take() {
            // A thread that panicked has nothing more to write.
            let _ = writer.join();
        }
    }
}

impl Ticket {
    /// Resolves once the reservation is on the disk.
    pub async fn synced(&mut self) -> Result<(), LedgerError> {
        match self.synced.take() {
            Some(synced) => writer::heard(synced).await,
            None => Ok(()),
        }
    }

    /// What was reserved.
    pub fn amount(&self) -> Amount {
        self.amount
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            // The accounts know it; and the file without a line says the same to the next process.
            let _ = self.books.settle(self.number, Settlement::Uncertain);
        }
    }
}

impl Books {
    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, number: u64, settlement: Settlement) -> Result<(), LedgerError> {
        let mut accounts = self.accounts();
        let Some(counted) = accounts.settle(number, &settlement) else {
            return Ok(());
        };
        let (how, usage) = match settlement {
            Settlement::Paid { usage, .. } => (How::Paid, Some(usage)),
            Settlement::Uncounted => (How::Uncounted, None),
            Settlement::Free => (How::Free, None),
            Settlement::Uncertain => (How::Uncertain, None),
        };
        let line = Line::Settled {
            number,
            how,
            cost: counted.cost,
            tokens: counted.tokens,
            usage,
        };
        self.outbox.send(&bytes(&line))
    }
}

impl Spent {
    /// What each place spent by a ledger, read without a lock; empty if there is none. What the last process to write it has
    /// not settled is open, whether or not that process still lives.
    pub fn read(path: &Path) -> Result<BTreeMap<String, Self>, LedgerError> {
        refuse_all_but_files(path)?;
        match File::open(path) {
            Ok(file) => Ok(Replay::read(file, path)?.accounts.by_place()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(LedgerError::reading(path)(error)),
        }
    }
}

/// A line with its end.
fn bytes(line: &Line<'_>) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec(line).expect("a line of texts and whole numbers has a JSON form");
    bytes.push(b'\n');
    bytes
}

/// A device or a pipe in the place of the file would be read without end.
fn refuse_all_but_files(path: &Path) -> Result<(), LedgerError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(LedgerError::NoFile {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(LedgerError::reading(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
