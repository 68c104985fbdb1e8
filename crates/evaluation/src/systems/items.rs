//! The tasks that several systems answered, on the same items.

use std::borrow::Cow;
use std::collections::HashMap;

use corpus::Label;

use super::error::SystemsError;
use super::system::{System, tasks};
use crate::scoring::{CompareError, Scored, ScoredRow, Scorer};
use crate::tasks::Spec;

/// What to do about items that not all systems have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// Refuse them.
    Same,
    /// Leave them out, and say so.
    Common,
}

/// A task with the scores of those systems that can be compared on it.
pub(super) struct SharedTask<'a> {
    pub spec: &'a Spec,
    /// One for each system, all with the same items.
    pub scored: Vec<Option<Cow<'a, Scored>>>,
    /// The same with all items that each system has.
    pub whole: Vec<Option<&'a Scored>>,
    /// What the base gives on blank pictures, by the strict scorer.
    pub blind: Option<&'a Scored>,
}

/// Sentences about tasks that not all systems answered.
pub(super) fn unanswered(systems: &[System<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    for task in tasks(systems) {
        let id = &task.spec.id;
        let (with, without): (Vec<&System<'_>>, Vec<&System<'_>>) =
            systems.iter().partition(|system| system.task(id).is_some());
        if let [only] = with[..] {
            notes.push(format!(
                "{id}: only `{}` answered it; it is left out",
                only.name
            ));
            continue;
        }
        for system in without {
            notes.push(format!("{id}: `{}` did not answer it (–)", system.name));
        }
    }
    notes
}

/// Adds a sentence that is not there yet.
fn add(notes: &mut Vec<String>, line: String) {
    if !notes.contains(&line) {
        notes.push(line);
    }
}

/// The tasks that two systems or more have scores of by one scorer. Sentences about what is left out go to `notes`.
pub(super) fn shared<'a>(
    systems: &[System<'a>],
    base: usize,
    scorer: Scorer,
    items: Items,
    notes: &mut Vec<String>,
) -> Result<Vec<SharedTask<'a>>, SystemsError> {
    let names: Vec<&str> = systems.iter().map(|system| system.name.as_str()).collect();
    let mut found = Vec::new();
    for task in tasks(systems) {
        let spec = &task.spec;
        let id = &spec.id;
        let mut whole: Vec<Option<&Scored>> = systems
            .iter()
            .map(|system| system.task(id)?.by(scorer))
            .collect();
        if whole.iter().all(Option::is_none) {
            continue;
        }
        leave_out_other_versions(&names, base, id, &mut whole, notes)?;
        let num_scored = whole.iter().flatten().count();
        for (system, own) in systems.iter().zip(&whole) {
            let (name, by) = (&system.name, scorer.name());
            // Who has no answers at all is told already.
            let others = systems.iter().filter(|other| other.name != *name);
            if num_scored == 1
                && own.is_some()
                && others.into_iter().any(|other| other.task(id).is_some())
            {
                add(
                    notes,
                    format!(
                        "{id}: only `{name}` has {by} scores that can be compared; they are left out"
                    ),
                );
            } else if num_scored > 1
                && system
                    .task(id)
                    .is_some_and(|task| task.by(scorer).is_none())
            {
                add(
                    notes,
                    format!("{id}: `{name}` has no {by} scores of it (–)"),
                );
            }
        }
        if num_scored < 2 {
            continue;
        }
        let blind = systems[base].task(id).and_then(|task| task.blind.as_ref());
        let on_common = on_the_same_items(&names, id, whole.clone(), items, notes)?;
        if let Some(scored) = on_common {
            found.push(SharedTask {
                spec,
                scored,
                whole,
                blind: blind.filter(|_| scorer == Scorer::Strict),
            });
        }
    }
    Ok(found)
}

/// Scores of another version than the base's cannot be compared with it. Of two systems that is an error, of more of them
/// those that differ are left out.
fn leave_out_other_versions(
    names: &[&str],
    base: usize,
    task: &str,
    scored: &mut [Option<&Scored>],
    notes: &mut Vec<String>,
) -> Result<(), SystemsError> {
    let Some(with) = yardstick(base, |at| scored[at].is_some(), scored.len()) else {
        return Ok(());
    };
    let way = |scored: &Scored| {
        format!(
            "{} version {}",
            scored.result.scorer.name(),
            scored.result.version
        )
    };
    let wanted = scored[with].map(way).unwrap_or_default();
    for (at, own) in scored.iter_mut().enumerate() {
        let Some(found) = own.map(way).filter(|found| *found != wanted) else {
            continue;
        };
        if names.len() == 2 {
            return Err(CompareError::Scoring {
                task: task.to_owned(),
                base: wanted,
                adapted: found,
            }
            .into());
        }
        let (name, other) = (names[at], names[with]);
        add(
            notes,
            format!(
                "{task}: `{name}` was scored by {found}, `{other}` by {wanted}; score it again to compare it (–)"
            ),
        );
        *own = None;
    }
    Ok(())
}

/// The base if it is there, else the first system that is.
pub(super) fn yardstick(
    base: usize,
    is_there: impl Fn(usize) -> bool,
    systems: usize,
) -> Option<usize> {
    std::iter::once(base)
        .chain(0..systems)
        .find(|&at| is_there(at))
}

/// The rows by their ids.
type ById<'a> = HashMap<&'a str, &'a ScoredRow>;

/// The scores with the items that all of them have; `None` if there are none.
fn on_the_same_items<'a>(
    names: &[&str],
    task: &str,
    scored: Vec<Option<&'a Scored>>,
    items: Items,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<Option<Cow<'a, Scored>>>>, SystemsError> {
    let by_id = |scored: &'a Scored| -> ById<'a> {
        scored
            .rows
            .iter()
            .map(|row| (row.id.as_str(), row))
            .collect()
    };
    let present: Vec<(&str, &Scored, ById<'_>)> = names
        .iter()
        .zip(&scored)
        .filter_map(|(name, own)| own.map(|own| (*name, own, by_id(own))))
        .collect();
    let Some(((first, rows, first_ids), others)) = present.split_first() else {
        return Ok(None);
    };
    let (mut alone, mut relabelled): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for (name, other, ids) in others {
        let missing: Vec<&str> = ids_without(&rows.rows, ids);
        let more: Vec<&str> = ids_without(&other.rows, first_ids);
        let differing = missing.len() + more.len();
        let (item, with, without) = match (missing.first(), more.first()) {
            (Some(item), _) => (*item, *first, *name),
            (None, Some(item)) => (*item, *name, *first),
            (None, None) => ("", "", ""),
        };
        if differing > 0 && items == Items::Same {
            return Err(SystemsError::OtherItems {
                task: task.to_owned(),
                item: item.to_owned(),
                with: with.to_owned(),
                without: without.to_owned(),
                differing,
            });
        }
        let changed: Vec<(&ScoredRow, &ScoredRow)> = rows
            .rows
            .iter()
            .filter_map(|row| Some((row, *ids.get(row.id.as_str())?)))
            .filter(|(row, other)| {
                row.metric != other.metric || !is_one_label(&row.label, &other.label)
            })
            .collect();
        if let Some((row, other)) = changed.first()
            && items == Items::Same
        {
            let said = |row: &ScoredRow, name: &str| {
                format!("`{}` ({}) in `{name}`", text_of(&row.label), row.metric)
            };
            return Err(SystemsError::OtherLabels {
                task: task.to_owned(),
                item: row.id.clone(),
                one: said(row, first),
                other: said(other, name),
                differing: changed.len(),
            });
        }
        alone.extend(missing.into_iter().chain(more));
        relabelled.extend(changed.iter().map(|(row, _)| row.id.as_str()));
    }
    if alone.is_empty() && relabelled.is_empty() {
        return Ok(Some(
            scored
                .into_iter()
                .map(|own| own.map(Cow::Borrowed))
                .collect(),
        ));
    }
    for (ids, why) in [
        (&mut alone, "that not all systems answered"),
        (&mut relabelled, "whose labels differ between systems"),
    ] {
        let first = ids.first().copied();
        ids.sort_unstable();
        ids.dedup();
        if let Some(first) = first {
            let count = ids.len();
            add(
                notes,
                format!(
                    "{task}: {count} items {why} are left out of the table, the first `{first}`"
                ),
            );
        }
    }
    let is_kept = |row: &&ScoredRow| {
        let id = row.id.as_str();
        alone.binary_search(&id).is_err() && relabelled.binary_search(&id).is_err()
    };
    if rows.rows.iter().filter(is_kept).count() == 0 {
        add(
            notes,
            format!("{task}: no item has an answer of every system; the task is left out"),
        );
        return Ok(None);
    }
    let only_kept = |own: &Scored| Scored {
        result: own.result.clone(),
        rows: own.rows.iter().filter(is_kept).cloned().collect(),
    };
    Ok(Some(
        scored
            .into_iter()
            .map(|own| own.map(|own| Cow::Owned(only_kept(own))))
            .collect(),
    ))
}

fn ids_without<'a>(rows: &'a [ScoredRow], others: &ById<'_>) -> Vec<&'a str> {
    let ids = rows.iter().map(|row| row.id.as_str());
    ids.filter(|id| !others.contains_key(id)).collect()
}

/// Whether two layouts of predictions say the same truth: case, space and whether a list is written as a text do not count.
fn is_one_label(one: &Label, other: &Label) -> bool {
    match (one, other) {
        (Label::Text(one), Label::Text(other)) => {
            one.trim().to_lowercase() == other.trim().to_lowercase()
        }
        (Label::List(one), Label::List(other)) => one == other,
        (Label::Text(_), Label::List(_)) | (Label::List(_), Label::Text(_)) => true,
    }
}

fn text_of(label: &Label) -> String {
    let text = match label {
        Label::Text(text) => text.clone(),
        Label::List(texts) => texts.join(", "),
    };
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
