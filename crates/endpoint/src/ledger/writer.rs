//! One thread writes all lines: those that wait are written together and synced once.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::cache::Cache;

use super::error::LedgerError;

/// Resolves once what was sent with it is on the disk.
pub(super) type Synced = oneshot::Receiver<Result<(), LedgerError>>;

/// Lines on their way to the disk, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    waiting: Vec<oneshot::Sender<Result<(), LedgerError>>>,
    closed: bool,
    /// The first error; after it nothing is written.
    failed: Option<LedgerError>,
}

impl Outbox {
    /// Sends a line. The error is that of an earlier one.
    pub(super) fn send(&self, line: &[u8]) -> Result<(), LedgerError> {
        let mut queue = self.queue();
        if let Some(error) = &queue.failed {
            return Err(error.clone());
        }
        queue.lines.extend_from_slice(line);
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }

    /// Sends a line that somebody waits for; an empty one waits for those before it.
    pub(super) fn send_awaited(&self, line: &[u8]) -> Result<Synced, LedgerError> {
        let (sender, receiver) = oneshot::channel();
        let mut queue = self.queue();
        if let Some(error) = &queue.failed {
            return Err(error.clone());
        }
        queue.lines.extend_from_slice(line);
        queue.waiting.push(sender);
        drop(queue);
        self.filled.notify_one();
        Ok(receiver)
    }

    /// Lets the thread end once all is written.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.filled.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Each change of the queue is whole, whatever became of the thread that made it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the thread's word.
pub(super) async fn heard(synced: Synced) -> Result<(), LedgerError> {
    synced.await.unwrap_or(Err(LedgerError::Stopped))
}

/// Begins to write what is sent. Answers reach the disk before the lines that tell that they were paid for.
pub(super) fn start(
    outbox: Arc<Outbox>,
    file: File,
    path: PathBuf,
    answers: Option<Arc<Cache>>,
) -> std::io::Result<JoinHandle<()>> {
    let write = move || {
        loop {
            let mut queue = outbox.queue();
            while queue.lines.is_empty() && queue.waiting.is_empty() && !queue.closed {
                queue = outbox
                    .filled
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let lines = std::mem::take(&mut queue.lines);
            let mut waiting = std::mem::take(&mut queue.waiting);
            let closed = queue.closed;
            drop(queue);
            if lines.is_empty() && waiting.is_empty() && closed {
                return;
            }
            let done = put(&file, &lines, &path, answers.as_deref());
            if let Err(error) = &done {
                let mut queue = outbox.queue();
                queue.failed = Some(error.clone());
                queue.lines.clear();
                waiting.append(&mut queue.waiting);
            }
            for waiter in waiting {
                // Who does not wait any more need not know.
                let _ = waiter.send(done.clone());
            }
        }
    };
    thread::Builder::new()
        .name("ledger".to_owned())
        .spawn(write)
}

/// Writes lines and waits for the disk.
fn put(
    mut file: &File,
    lines: &[u8],
    path: &std::path::Path,
    answers: Option<&Cache>,
) -> Result<(), LedgerError> {
    if let Some(answers) = answers {
        answers
            .sync()
            .map_err(|error| LedgerError::Answers(Arc::new(error)))?;
    }
    let written = file.write_all(lines).and_then(|()| file.sync_data());
    written.map_err(LedgerError::writing(path))
}
