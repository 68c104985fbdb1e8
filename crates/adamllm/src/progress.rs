//! Progress of commands: a bar with an estimate on a terminal, a plain line now and then in a pipe.

use std::cell::{Cell, RefCell};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Shared;

/// Time between lines in a pipe.
const EVERY: Duration = Duration::from_secs(15);

/// Counts records.
pub struct Counter {
    bar: ProgressBar,
    /// Whether lines are printed in place of a bar.
    lines: bool,
    what: String,
    done: Cell<u64>,
    length: Option<u64>,
    begun: Instant,
    said: RefCell<Instant>,
}

/// A counter of records; `length` is how many there are at most, if that is known.
pub fn counter(shared: &Shared, what: &str, length: Option<usize>) -> Counter {
    let terminal = std::io::stderr().is_terminal();
    let bar = if shared.quiet || !terminal {
        ProgressBar::hidden()
    } else {
        let (bar, template) = match length {
            Some(length) => (
                ProgressBar::new(length as u64),
                "  {prefix:<18} {bar:28} {pos}/{len}  {per_sec}  {eta} left",
            ),
            None => (
                ProgressBar::new_spinner(),
                "  {prefix:<18} {spinner} {pos}  {per_sec}  {elapsed}",
            ),
        };
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar
    };
    bar.set_prefix(what.to_owned());
    Counter {
        bar,
        lines: !shared.quiet && !terminal,
        what: what.to_owned(),
        done: Cell::new(0),
        length: length.map(|length| length as u64),
        begun: Instant::now(),
        said: RefCell::new(Instant::now()),
    }
}

impl Counter {
    /// So many more are done.
    pub fn inc(&self, more: u64) {
        self.bar.inc(more);
        self.done.set(self.done.get() + more);
        if self.lines && self.said.borrow().elapsed() >= EVERY {
            *self.said.borrow_mut() = Instant::now();
            let done = self.done.get();
            let seconds = self.begun.elapsed().as_secs_f64();
            let of = self.length.map_or_else(String::new, |length| {
                let left = seconds / done.max(1) as f64 * length.saturating_sub(done) as f64;
                format!(" of {length}, about {left:.0} s left")
            });
            eprintln!(
                "{}: {done}{of} ({:.0} a second)",
                self.what,
                done as f64 / seconds
            );
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Whether what goes to stdout may have colours: on a terminal, unless `NO_COLOR` is set to something.
pub fn colour() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !no_colour
}
