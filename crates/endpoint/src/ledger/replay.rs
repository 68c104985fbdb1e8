//! Reading a ledger from its beginning.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::account::Accounts;
use super::amount::{Amount, Settlement};
use super::error::LedgerError;
use super::line::{FORMAT, How, Line};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) accounts: Accounts,
    /// How many processes wrote so far.
    pub(super) processes: u64,
    /// The bytes of all whole lines; what is behind them was torn off while it was written.
    pub(super) whole: u64,
    /// The last line has no end and is whole all the same.
    pub(super) unended: bool,
}

impl Replay {
    /// Reads to the end. `path` is for errors.
    pub(super) fn read(file: impl Read, path: &Path) -> Result<Self, LedgerError> {
        let mut file = BufReader::with_capacity(1 << 18, file);
        let mut replay = Self::default();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let length = file
                .read_until(b'\n', &mut line)
                .map_err(LedgerError::reading(path))?;
            if length == 0 {
                break;
            }
            let ended = line.last() == Some(&b'\n');
            let read = match line.trim_ascii() {
                [] => Ok(()),
                text => replay.take(text),
            };
            match read {
                Ok(()) => {
                    replay.whole += length as u64;
                    replay.unended = !ended;
                }
                // A line is on the disk before anybody acts on it, so nothing was spent by one that is not whole.
                Err(_) if !ended => break,
                Err(problem) => {
                    return Err(LedgerError::Line {
                        path: path.to_owned(),
                        line: number,
                        problem: problem.into_owned(),
                    });
                }
            }
        }
        Ok(replay)
    }

    fn take(&mut self, text: &[u8]) -> Result<(), Cow<'static, str>> {
        let line = serde_json::from_slice(text)
            .map_err(|error| Cow::from(format!("not a line of a ledger ({error})")))?;
        match line {
            Line::Opened {
                format, process, ..
            } => {
                if format != FORMAT {
                    return Err("written by another version of this program".into());
                }
                if process != self.processes + 1 {
                    let expected = self.processes + 1;
                    return Err(format!("process {process} begins where {expected} is next").into());
                }
                self.processes = process;
                self.accounts.abandon();
            }
            Line::Reserved {
                number,
                place,
                what,
                cost,
                tokens,
                process,
            } => {
                if process != self.processes {
                    return Err(
                        format!("process {process} writes among lines of another one").into(),
                    );
                }
                let (amount, next) = (Amount { cost, tokens }, self.accounts.next());
                if !self.accounts.reserve(number, &place, &what, amount) {
                    return Err(format!("request {number} stands where {next} is next").into());
                }
            }
            Line::Settled {
                number,
                how,
                cost,
                tokens,
                usage,
            } => {
                let settlement = match (how, usage) {
                    (How::Paid, Some(usage)) => Settlement::Paid { usage, cost },
                    (How::Paid, None) => return Err("a paid request without its usage".into()),
                    (How::Uncounted, _) => Settlement::Uncounted,
                    (How::Free, _) => Settlement::Free,
                    (How::Uncertain, _) => Settlement::Uncertain,
                };
                let counted = self.accounts.settle(number, &settlement);
                let counted =
                    counted.ok_or_else(|| format!("request {number} is settled and not open"))?;
                if counted != (Amount { cost, tokens }) {
                    return Err(format!(
                        "request {number} is settled with {tokens} tokens and {} where {} and {} follow",
                        cost.0, counted.tokens, counted.cost.0
                    )
                    .into());
                }
            }
        }
        Ok(())
    }
}
