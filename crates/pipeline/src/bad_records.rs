//! Records that cannot be used: how many a run may lose, and pictures that are decoded before anything is built on them, so
//! that a damaged one is a counted reject and not an error in the middle of a training.

use std::path::Path;

use corpus::Rejected;
use corpus::formats::Loaded;
use corpus::images::ImageError;
use rayon::prelude::*;
use run::events::Reporter;

use crate::error::{Error, Result, rejected_lines};
use crate::records::Pictured;

/// Stops a run that would lose a larger share of a file's records than `max_bad`; tells of fewer.
pub fn refuse_many(
    report: Reporter<'_>,
    max_bad: f64,
    path: &Path,
    good: usize,
    rejected: &[Rejected],
) -> Result<()> {
    let all = good + rejected.len();
    let allowed = (all as f64 * max_bad).floor() as usize;
    let first = &rejected[..rejected.len().min(5)];
    if rejected.len() > allowed {
        return Err(Error::TooManyBad {
            path: path.to_owned(),
            count: rejected.len(),
            all,
            max_bad,
            first: first.to_vec(),
        });
    }
    if !rejected.is_empty() {
        report.note(format!(
            "{} of {all} records are left out:\n{}",
            rejected.len(),
            rejected_lines(first)
        ));
    }
    if good == 0 {
        return Err(Error::NoneUsable {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// Moves records with a picture that cannot be decoded to the rejects (`broken-image`). Decodes on all cores. A picture
/// that takes too long is an error: whether it is left out must not depend on the machine.
pub fn reject_broken<T: Pictured + Sync>(loaded: &mut Loaded<T>) -> Result<()> {
    let problem = |row: &T| {
        let mut decoded = row
            .images()
            .iter()
            .map(|image| corpus::images::decode(image).map(drop));
        Ok(problem_of(row.id(), decoded.try_for_each(|x| x))?.err())
    };
    let problems = loaded.rows.par_iter().map(problem);
    let problems: Vec<Option<String>> = problems.collect::<Result<_>>()?;
    let rows = std::mem::take(&mut loaded.rows);
    for (row, problem) in rows.into_iter().zip(problems) {
        match problem {
            None => loaded.rows.push(row),
            Some(detail) => loaded.rejected.push(broken(row.id(), detail)),
        }
    }
    Ok(())
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
    fn a_run_may_lose_so_many_and_no_more() {
        let bad: Vec<Rejected> = (0..7)
            .map(|at| broken(&format!("r{at}"), "cut off".to_owned()))
            .collect();
        let path = Path::new("pairs.jsonl");
        let refused = |good: usize, bad: &[Rejected]| {
            refuse_many(Reporter::new("test", &Nobody), 0.5, path, good, bad)
        };
        assert!(refused(7, &bad).is_ok());
        let error = refused(6, &bad).expect_err("7 of 13");
        assert!(
            matches!(&error, Error::TooManyBad { count: 7, all: 13, first, .. } if *first == bad[..5]),
            "{error:?}"
        );
        assert!(
            error.to_string().starts_with(
                "7 of 13 records of `pairs.jsonl` cannot be used, more than `data.max_bad` = 0.5 allows:\n  `r0`: \
                 broken-image (cut off)\n  `r1`: "
            ),
            "{error}"
        );
        let error = refused(0, &[]).expect_err("nothing");
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
