//! What stands around a table, in words without a full stop.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use evaluation::statistics::{OVER_SEEDS_METHOD, Outcome, Verdict};

use super::page::{Page, State, Work};

/// How far the grid is, and what it took.
pub(super) fn progress(page: &Page) -> String {
    // Rows of other systems stand for the same cells.
    let has_adapted = page.rows.iter().any(|row| row.system == ADAPTED);
    let (mut finished, mut cells) = (0, 0);
    for row in &page.rows {
        if row.system == ADAPTED || !has_adapted {
            finished += row.finished;
            cells += row.cells;
        }
    }
    let mut out = format!("{finished} of {cells} cells are finished");
    if let Some(work) = &page.work {
        let _ = write!(
            out,
            "; {} stage runs instead of {}, {:.0} % saved by sharing",
            work.stage_runs,
            work.unshared,
            work.saved()
        );
        out += &times(work);
    }
    out
}

/// The system that a run is about.
const ADAPTED: &str = "adapted";

fn times(work: &Work) -> String {
    match (work.planned, work.measured) {
        (Some(planned), Some(measured)) => format!(
            "; planned {}, took {}",
            duration(planned),
            duration(measured)
        ),
        (Some(planned), None) => format!("; planned {}", duration(planned)),
        (None, Some(measured)) => format!("; took {}", duration(measured)),
        (None, None) => String::new(),
    }
}

/// A time as one says it.
fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// What the numbers are, with the mark of the best in words, such as `bold`.
pub(super) fn explanation(mark: &str) -> String {
    format!(
        "Scores are 0 to 100, means over seeds, with 95 % intervals; averages are plain means over a domain's columns, open and \
         closed questions apart. {mark}: the best of its column, where it is told apart from the next best (p below 0.05 after \
         Holm's adjustment over all columns and averages). –: not measured"
    )
}

/// What an interval counts.
pub(super) fn method() -> String {
    format!(
        "Intervals and p: {OVER_SEEDS_METHOD}; with one seed of clusters alone, and of numbers without items of seeds alone"
    )
}

/// What the paper's numbers are, with how they look in words, such as `in italics`; `None` where there are none.
pub(super) fn published(page: &Page, look: &str) -> Option<String> {
    let rows = page.rows.iter().filter_map(|row| row.published.as_ref());
    let sources: BTreeSet<&str> = rows.map(|found| found.source.as_str()).collect();
    let sources: Vec<&str> = sources
        .into_iter()
        .filter(|from| !from.is_empty())
        .collect();
    let any = page.rows.iter().any(|row| row.published.is_some());
    any.then(|| {
        let from = if sources.is_empty() {
            String::new()
        } else {
            format!(" ({})", sources.join("; "))
        };
        format!("Numbers {look} are those that the paper prints{from}; nothing here computed them")
    })
}

/// Where the paper's numbers do not compare, then everything else that a reader must know.
pub(super) fn notes(page: &Page) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut why: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in &page.rows {
        let Some(published) = row.published.as_ref().filter(|p| !p.differs.is_empty()) else {
            continue;
        };
        match why
            .iter_mut()
            .find(|(known, _)| *known == published.differs)
        {
            Some((_, rows)) => rows.push(&row.name),
            None => why.push((&published.differs, vec![&row.name])),
        }
    }
    for (differs, rows) in why {
        let rows = rows.join(", ");
        out.push(format!(
            "the paper's numbers of {rows} do not compare: {}",
            bare(differs)
        ));
    }
    let others = page.notes.iter().chain(&page.compared.notes);
    out.extend(others.map(|note| bare(note).to_owned()));
    out
}

/// What is not finished, and what cannot be.
pub(super) fn unfinished(page: &Page) -> Vec<String> {
    let mut out = Vec::new();
    for row in &page.rows {
        if let Some(needs) = &row.needs {
            out.push(format!("{}: {}", row.name, bare(needs)));
        }
    }
    let (mut said, mut not_done) = (BTreeSet::new(), Vec::new());
    for cell in page.rows.iter().flat_map(|row| &row.unfinished) {
        // Rows of several systems name one cell.
        if !said.insert(cell.cell.as_str()) {
            continue;
        }
        match &cell.state {
            State::NotDone => not_done.push(cell.cell.as_str()),
            State::Waits(what) => out.push(format!("{}: waits, {}", cell.cell, bare(what))),
            State::Failed(why) => out.push(format!("{}: failed, {}", cell.cell, bare(why))),
        }
    }
    if !not_done.is_empty() {
        out.push(format!("not done yet: {}", not_done.join(", ")));
    }
    out
}

/// Verdicts that tell ways apart, then the others.
pub(super) fn sorted(verdicts: &[Verdict]) -> [Vec<&Verdict>; 2] {
    let (others, found): (Vec<&Verdict>, Vec<&Verdict>) = verdicts
        .iter()
        .partition(|verdict| verdict.outcome == Outcome::NotToldApart);
    [found, others]
}

/// A whole number with commas between thousands.
pub(super) fn whole(number: f64) -> String {
    let digits = format!("{:.0}", number.max(0.0));
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A sentence without its full stop.
fn bare(sentence: &str) -> &str {
    let sentence = sentence.trim();
    sentence.strip_suffix('.').unwrap_or(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_as_one_says_them() {
        let numbers = [0.0, 999.4, 1000.0, 1_234_567.0].map(whole);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
        let times = [4.4, 61.0, 3599.6, 8100.0].map(duration);
        assert_eq!(times, ["4 s", "1 min 1 s", "1 h 0 min", "2 h 15 min"]);
    }
}
