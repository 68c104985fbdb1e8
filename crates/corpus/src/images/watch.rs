//! A time limit on work that cannot be interrupted: it runs on a thread of its own, and whoever waits goes on without
//! it. The thread comes to its end by itself, or with the program.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use super::error::ImageError;

/// Decoding a picture may take so long unless [`set_time_limit`] says otherwise. The largest pictures that are read
/// take a few seconds.
pub const MAX_TIME: Duration = Duration::from_mins(1);

static LIMIT_MICROS: AtomicU64 = AtomicU64::new(60_000_000);

/// Sets how long decoding one picture may take, for the whole process. What comes out of a picture that is decoded in
/// time does not depend on it.
pub fn set_time_limit(limit: Duration) {
    let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
    LIMIT_MICROS.store(micros.max(1), Ordering::Relaxed);
}

pub(super) fn time_limit() -> Duration {
    Duration::from_micros(LIMIT_MICROS.load(Ordering::Relaxed))
}

/// What `work` gives, or [`ImageError::Unfinished`] after the limit; a panic of `work` goes on here.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    path: &Path,
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
) -> Result<T, ImageError> {
    let unfinished = |problem: String| ImageError::Unfinished {
        path: path.to_owned(),
        problem,
    };
    let (sender, receiver) = sync_channel(1);
    let spawned = thread::Builder::new().spawn(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(work());
    });
    let thread =
        spawned.map_err(|e| unfinished(format!("no thread can be started for it: {e}")))?;
    match receiver.recv_timeout(limit) {
        Ok(done) => done,
        Err(RecvTimeoutError::Timeout) => Err(unfinished(format!(
            "it took more than {} s; save it in a smaller or simpler form, or allow more with `--image-seconds`",
            limit.as_secs_f64()
        ))),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => Err(unfinished("its thread ended without a result".to_owned())),
        },
    }
}
