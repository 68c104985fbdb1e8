//! Ctrl-C, SIGTERM and SIGUSR1: the first asks the run to finish what it is at and save, the second ends it at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use run::Stop;
use run::launch::PARENT;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// The signal that a run was stopped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(i32);

impl Signal {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            SIGINT => "SIGINT",
            SIGTERM => "SIGTERM",
            _ => "SIGUSR1",
        }
    }

    /// The exit code: 130 or 143 as shells know them, 0 for SIGUSR1 (a scheduler that warns before it takes the machine).
    pub fn exit_code(self) -> u8 {
        exit_code(self.0) as u8
    }
}

fn exit_code(signal: i32) -> i32 {
    if signal == SIGUSR1 { 0 } else { 128 + signal }
}

/// A process that another of ours started may be told of one signal twice, as Ctrl-C goes to all processes of a terminal and a
/// scheduler's warning to all of a job: for so long after the first, it is the same one.
const ONE_SIGNAL: Duration = Duration::from_secs(1);

struct Flags {
    /// A signal came to this process. Whether it is the second one does not depend on what other processes got.
    came: Arc<AtomicBool>,
    /// The run is asked to stop, here or elsewhere.
    asked: Arc<AtomicBool>,
    /// Whether the next signal is a second one.
    armed: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

fn flags() -> &'static Flags {
    static FLAGS: OnceLock<Flags> = OnceLock::new();
    FLAGS.get_or_init(|| Flags {
        came: Arc::default(),
        asked: Arc::default(),
        armed: Arc::default(),
        signal: Arc::default(),
    })
}

/// Takes the signals over. Only for commands that look at [`stop`] often; the others end at once, as by default.
pub fn take_over() -> Result<()> {
    let flags = flags();
    let is_started = std::env::var_os(PARENT).is_some();
    let second = if is_started {
        arm_later(&flags.armed)?;
        &flags.armed
    } else {
        &flags.came
    };
    for signal in SIGNALS {
        // In this order the first signal finds the flag unset and sets it, and the second finds it set and exits.
        flag::register_conditional_shutdown(signal, exit_code(signal), Arc::clone(second))
            .and_then(|_| {
                let number = usize::try_from(signal).unwrap_or_default();
                flag::register_usize(signal, Arc::clone(&flags.signal), number)
            })
            .and_then(|_| flag::register(signal, Arc::clone(&flags.came)))
            .and_then(|_| flag::register(signal, Arc::clone(&flags.asked)))
            .context(REFUSED)?;
    }
    Ok(())
}

const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGUSR1];

const REFUSED: &str = "cannot take over Ctrl-C and SIGTERM";

/// Sets the flag a while after the first signal.
fn arm_later(armed: &Arc<AtomicBool>) -> Result<()> {
    let mut signals = Signals::new(SIGNALS).context(REFUSED)?;
    let armed = Arc::clone(armed);
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            std::thread::sleep(ONE_SIGNAL);
            armed.store(true, Ordering::Relaxed);
        }
    });
    Ok(())
}

/// Stops a run once a signal came.
pub fn stop() -> Stop<'static> {
    Stop::when(&flags().asked)
}

/// The flags of [`stop`] and [`which`], for a signal that another process of the run got.
pub fn shared() -> (Arc<AtomicBool>, Arc<AtomicUsize>) {
    let flags = flags();
    (Arc::clone(&flags.asked), Arc::clone(&flags.signal))
}

/// The signal that came.
pub fn which() -> Signal {
    let signal = flags().signal.load(Ordering::Relaxed);
    Signal(i32::try_from(signal).unwrap_or(SIGTERM))
}

/// The command line as one would type it again.
pub fn same_command() -> String {
    let words = std::env::args().map(|word| {
        let plain = |c: char| c.is_alphanumeric() || "-_./=,:+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
