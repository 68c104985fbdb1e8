//! Progress of commands: a bar with an estimate on a terminal, a plain line now and then in a pipe; and colours.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

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
