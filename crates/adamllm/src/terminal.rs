//! Events on the terminal: a bar with an estimate, a plain line now and then in a pipe, JSON lines with `--json`; and colours.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use run::events::{Event, Listener, What};
use run::spending::Spending;
use serde_json::Value;

use crate::flags::Shared;

/// Shows events on standard error.
#[derive(Debug)]
pub struct Terminal {
    shows: Shows,
    bar: Mutex<Option<Bar>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// Warnings alone.
    Quiet,
    /// Each event as a line of JSON.
    Json,
    /// Lines and bars.
    Person,
}

#[derive(Debug)]
struct Bar {
    stage: String,
    label: String,
    drawn: ProgressBar,
}

impl Terminal {
    /// As the flags say.
    pub fn new(shared: &Shared) -> Self {
        Self {
            shows: if shared.quiet {
                Shows::Quiet
            } else if shared.json {
                Shows::Json
            } else {
                Shows::Person
            },
            bar: Mutex::default(),
        }
    }

    fn line(&self, text: &str) {
        if let Ok(mut bar) = self.bar.lock()
            && let Some(bar) = bar.take()
        {
            bar.drawn.finish_and_clear();
        }
        eprintln!("{text}");
    }

    fn progress(&self, event: &Event) {
        let What::Progress {
            label,
            done,
            total,
            numbers,
        } = &event.what
        else {
            return;
        };
        let Ok(mut current) = self.bar.lock() else {
            return;
        };
        let is_same = current
            .as_ref()
            .is_some_and(|bar| bar.stage == event.stage && bar.label == *label);
        if !is_same {
            if let Some(before) = current.take() {
                before.drawn.finish_and_clear();
            }
            let name = if label.contains(' ') {
                label
            } else {
                &event.stage
            };
            let drawn = self::bar(false, name, Some(usize::try_from(*total).unwrap_or(0)));
            *current = Some(Bar {
                stage: event.stage.clone(),
                label: label.clone(),
                drawn,
            });
        }
        if let Some(bar) = current.as_ref() {
            bar.drawn.set_position(*done);
            if let Some(loss) = numbers.get("loss") {
                bar.drawn.set_message(format!("loss {loss:.3}"));
            }
        }
        if done >= total
            && let Some(bar) = current.take()
        {
            bar.drawn.finish_and_clear();
        }
    }
}

impl Listener for Terminal {
    fn hear(&self, event: &Event) {
        if self.shows == Shows::Json {
            if let Ok(line) = serde_json::to_string(event) {
                eprintln!("{line}");
            }
            return;
        }
        if let What::Warning { text } = &event.what {
            self.line(&format!("warning: {text}"));
            return;
        }
        if self.shows == Shows::Quiet {
            return;
        }
        let stage = &event.stage;
        match &event.what {
            What::Progress { .. } => self.progress(event),
            What::Begun { text, .. } if text.is_empty() => self.line(stage),
            What::Begun { text, .. } => self.line(&format!("{stage}: {text}")),
            What::Skipped { .. } => self.line(&format!("{stage}: done before, skipped")),
            What::Finished { counts, seconds } => {
                self.line(&format!("  {} ({seconds:.0} s)", told(counts)));
            }
            What::Note { text } if stage.is_empty() => self.line(text),
            What::Note { text } => self.line(&format!("  {text}")),
            // The error itself is told at the end of the command.
            What::Warning { .. } | What::Failed { .. } => {}
        }
    }
}

/// Counts as one reads them.
fn told(counts: &Value) -> String {
    let spending = Spending::of(counts);
    let counts = counts.as_object().into_iter().flatten();
    // What was spent is told in words.
    let counts = counts.filter(|(_, n)| !n.is_object());
    let mut each: Vec<String> = counts.map(|(name, n)| format!("{name} {n}")).collect();
    each.extend(spending.map(|spending| spending.text()));
    each.join(", ")
}

/// A line on standard error that a result should not be without.
pub fn note(quiet: bool, text: Option<&impl std::fmt::Display>) {
    if let Some(text) = text.filter(|_| !quiet) {
        eprintln!("note: {text}");
    }
}

/// Time between lines in a pipe.
const EVERY: Duration = Duration::from_secs(15);

/// Progress over `length` items, or over as many as there are.
pub fn bar(quiet: bool, what: &str, length: Option<usize>) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let terminal = std::io::stderr().is_terminal();
    let template = match (terminal, length) {
        (true, Some(_)) => "  {prefix:<18} {bar:28} {pos}/{len}  {msg}  {eta} left",
        (true, None) => "  {prefix:<18} {spinner} {pos}  {elapsed}",
        (false, Some(_)) => "  {prefix}: {pos} of {len}  {msg}  {eta} left",
        (false, None) => "  {prefix}: {pos} in {elapsed}",
    };
    let target = if terminal {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::term_like_with_hz(Box::new(Lines::default()), 1)
    };
    let bar = ProgressBar::with_draw_target(length.map(|length| length as u64), target);
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(what.to_owned());
    bar
}

/// What takes a terminal's place in a pipe: the text of the bar as a line, not often.
#[derive(Debug)]
struct Lines {
    text: Mutex<String>,
    said: Mutex<Instant>,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            text: Mutex::default(),
            said: Mutex::new(Instant::now()),
        }
    }
}

impl TermLike for Lines {
    fn width(&self) -> u16 {
        100
    }

    fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        if let Ok(mut line) = self.text.lock()
            && !text.trim().is_empty()
        {
            text.trim_end().clone_into(&mut line);
        }
        Ok(())
    }

    fn clear_line(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> std::io::Result<()> {
        if let (Ok(mut line), Ok(mut said)) = (self.text.lock(), self.said.lock())
            && said.elapsed() >= EVERY
            && !line.is_empty()
        {
            *said = Instant::now();
            eprintln!("{line}");
            line.clear();
        }
        Ok(())
    }
}

/// Whether what goes to stdout may have colours: on a terminal, unless `NO_COLOR` is set to something.
pub fn colour() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !no_colour
}
