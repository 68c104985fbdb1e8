//! Records that cannot be used: how many a run may lose, and pictures that are decoded before anything is built on them, so
//! that a damaged one is a counted reject and not an error in the middle of a training.

use std::path::Path;

use corpus::Rejected;
use corpus::formats::Loaded;
use corpus::images::ImageError;
use corpus::rejects::Groups;
use rayon::prelude::*;
use run::events::Reporter;

use crate::error::{Error, Result};
use crate::records::Pictured;

/// Stops a run that would lose a larger share of a file's records than `max_bad`; tells of fewer. `list` is the file that
/// names each of them.
pub fn refuse_many(
    report: Reporter<'_>,
    max_bad: f64,
    path: &Path,
    good: usize,
    rejected: &[Rejected],
    list: &Path,
) -> Result<()> {
    let all = good + rejected.len();
    let allowed = (all as f64 * max_bad).floor() as usize;
    if rejected.len() > allowed {
        return Err(Error::TooManyBad {
            path: path.to_owned(),
            count: rejected.len(),
            all,
            max_bad,
            list: list.to_owned(),
            groups: Groups::of_rejected(rejected),
        });
    }
    tell_left_out(report, "records are left out", all, rejected, list);
    if good == 0 {
        return Err(Error::NoneUsable {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// Tells what a stage left out of `all` records, and where each is named.
pub fn tell_left_out(
    report: Reporter<'_>,
    what: &str,
    all: usize,
    rejected: &[Rejected],
    list: &Path,
) {
    if !rejected.is_empty() {
        report.note(format!(
            "{} of {all} {what} (`{}` names each):\n{}",
            rejected.len(),
            list.display(),
            Groups::of_rejected(rejected).indented("  ")
        ));
    }
}

/// Moves records with a picture that cannot be decoded to the rejects (`broken-image`).
pub fn reject_broken<T: Pictured + Sync + Send>(loaded: &mut Loaded<T>) -> Result<()> {
    let rows = std::mem::take(&mut loaded.rows);
    loaded.rows = without_broken(rows, &mut loaded.rejected)?;
    Ok(())
}

/// The records whose pictures can be decoded; the others become rejects. Decodes on all cores. A picture that takes too long is an
/// error: whether it is left out must not depend on the machine.
pub fn without_broken<T: Pictured + Sync + Send>(
    rows: Vec<T>,
    rejected: &mut Vec<Rejected>,
) -> Result<Vec<T>> {
    let problem = |row: &T| {
        let mut decoded = row
            .images()
            .iter()
            .map(|image| corpus::images::decode(image).map(drop));
        Ok(problem_of(row.id(), decoded.try_for_each(|x| x))?.err())
    };
    let problems = rows.par_iter().map(problem);
    let problems: Vec<Option<String>> = problems.collect::<Result<_>>()?;
    let mut sound = Vec::with_capacity(rows.len());
    for (row, problem) in rows.into_iter().zip(problems) {
        match problem {
            None => sound.push(row),
            Some(detail) => rejected.push(broken(row.id(), detail)),
        }
    }
    Ok(sound)
}

/// What is wrong with a record's pictures in words; that one takes too long is an error.
pub fn problem_of<T>(id: &str, looked: Result<T, ImageError>) -> Result<Result<T, String>> {
    match looked {
        Err(source @ ImageError::Unfinished { .. }) => Err(Error::Record {
            id: id.to_owned(),
            source,
        }),
        looked => Ok(looked.map_err(|e| e.to_string())),
    }
}

/// The reject of a record with a picture that cannot be decoded.
pub fn broken(id: &str, detail: String) -> Rejected {
    Rejected {
        id: id.to_owned(),
        stage: "read".to_owned(),
        reason: "broken-image".to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use run::events::Nobody;

    use super::*;

    #[test]
    fn a_file_of_bad_rows_is_refused_in_a_few_lines() {
        let mut rejected: Vec<Rejected> = (1..=999)
            .map(|at| Rejected {
                reason: "missing-image".to_owned(),
                ..broken(
                    &format!("p{at}"),
                    format!("line {at}: `{at}.jpg` does not exist"),
                )
            })
            .collect();
        rejected.insert(0, broken("b", "the picture is cut off".to_owned()));
        let report = Reporter::new("test", &Nobody);
        let refuse = |max_bad: f64, good: usize| {
            let (file, list) = (Path::new("d.json"), Path::new("run/pairs/rejected.jsonl"));
            refuse_many(report, max_bad, file, good, &rejected, list)
        };
        let error = refuse(0.01, 1).expect_err("1000 of 1001");
        assert!(
            matches!(&error, Error::TooManyBad { count: 1000, all: 1001, groups, .. } if groups.count("missing-image") == 999),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            "1000 of 1001 records of `d.json` cannot be used, more than `data.max_bad` = 0.01 allows \
             (`run/pairs/rejected.jsonl` names each):\n  999 × missing-image, the first 3:\n    \
             `p1`: line 1: `1.jpg` does not exist\n    `p2`: line 2: `2.jpg` does not exist\n    \
             `p3`: line 3: `3.jpg` does not exist\n  1 × broken-image:\n    `b`: the picture is cut off\n\
             mend them, or raise `data.max_bad`"
        );
        assert!(refuse(1.0, 1).is_ok());
        let error = refuse(1.0, 0).expect_err("none is left");
        assert!(matches!(error, Error::NoneUsable { .. }), "{error:?}");
        let late = ImageError::Unfinished {
            path: "a.png".into(),
            problem: "30 s are over".to_owned(),
        };
        let error = problem_of::<()>("a", Err(late)).expect_err("not decided");
        assert!(
            matches!(&error, Error::Record { id, .. } if id == "a"),
            "{error:?}"
        );
    }
}
