//! Each other system against the base.

use std::borrow::Cow;

use rayon::prelude::*;
use serde::Serialize;

use super::columns::Aligned;
use super::error::SystemsError;
use super::items::SharedTask;
use crate::scoring::{CompareError, Comparisons, Scored, Scorer, compare};
use crate::statistics::holm;
use crate::tasks;
use crate::{Paired, TaskScore, average};

/// A system against the base, by one scorer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgainstBase {
    /// The scorer.
    pub scorer: Scorer,
    /// The system.
    pub system: String,
    /// Every column and their mean; the base stands before, the system after. P-values are adjusted over the columns of all
    /// systems.
    #[serde(flatten)]
    pub found: Comparisons,
    /// The mean of each domain whose columns are all there.
    pub domains: Vec<TaskScore>,
}

/// All other systems against the base, in their order; those that share no task with it are told in `notes`.
pub(super) fn against_base(
    names: &[&str],
    base: usize,
    scorer: Scorer,
    shared: &[SharedTask<'_>],
    columns: &[Aligned],
    seed: u64,
    notes: &mut Vec<String>,
) -> Result<Vec<AgainstBase>, SystemsError> {
    // Of two systems, items that only one answered are left out column by column and told there.
    let of = |at: usize| -> Vec<Scored> {
        let one = |task: &SharedTask<'_>| match task.whole[at] {
            Some(whole) if names.len() == 2 => Some(whole.clone()),
            _ => task.scored[at].clone().map(Cow::into_owned),
        };
        shared.iter().filter_map(one).collect()
    };
    let before = of(base);
    let others: Vec<usize> = (0..names.len()).filter(|&at| at != base).collect();
    let made: Vec<_> = others
        .into_par_iter()
        .map(|at| (at, compare(&before, &of(at), seed)))
        .collect();
    let mut out = Vec::new();
    for (at, found) in made {
        match found {
            Ok(found) => out.push(AgainstBase {
                scorer,
                system: names[at].to_owned(),
                found,
                domains: domains(columns, base, at, seed)?,
            }),
            Err(CompareError::NothingInCommon) => {
                let line = format!(
                    "`{}` and `{}` have no {} scores in common",
                    names[at],
                    names[base],
                    scorer.name()
                );
                notes.push(line);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let rows = || out.iter().flat_map(|other| &other.found.tasks);
    let adjusted = holm(&rows().map(|row| row.comparison.p).collect::<Vec<_>>())?;
    let all = out.iter_mut().flat_map(|other| &mut other.found.tasks);
    all.zip(adjusted).for_each(|(row, p)| row.p_holm = p);
    Ok(out)
}

fn domains(
    columns: &[Aligned],
    base: usize,
    at: usize,
    seed: u64,
) -> Result<Vec<TaskScore>, SystemsError> {
    let mut names: Vec<&str> = columns
        .iter()
        .map(|column| column.domain.as_str())
        .collect();
    names.dedup();
    let mut out = Vec::new();
    for domain in names {
        let of_domain = columns.iter().filter(|column| column.domain == domain);
        let paired: Vec<Paired> = of_domain
            .filter_map(|column| column.paired(base, at))
            .collect();
        if paired.len() != tasks::columns(domain).len() {
            continue;
        }
        if let Some(row) = average(&paired, seed)? {
            out.push(TaskScore {
                task: domain.to_owned(),
                ..row
            });
        }
    }
    Ok(out)
}
