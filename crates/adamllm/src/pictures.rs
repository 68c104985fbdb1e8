//! Pictures are decoded before anything is built on them, so that a damaged one is a counted reject and not an error in
//! the middle of a training.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use corpus::duplicates::Duplicates;
use corpus::fingerprint::{Fingerprint, Sketch};
use corpus::formats::{self, Loaded};
use corpus::images::ImageError;
use corpus::{Pair, Rejected};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::stages::{basis, refuse_many_bad};
use corpus::sealed::{read_sealed, write_sealed};

/// Moves records with a picture that cannot be decoded to the rejects (`broken-image`). Decodes on all cores. A picture
/// that takes too long is an error: whether it is left out must not depend on the machine.
pub fn reject_broken<T: Sync>(
    loaded: &mut Loaded<T>,
    describe: impl Fn(&T) -> (&String, &Vec<PathBuf>) + Sync,
) -> Result<()> {
    let problem = |row: &T| {
        let (id, images) = describe(row);
        let mut decoded = images
            .iter()
            .map(|image| corpus::images::decode(image).map(drop));
        Ok(problem_of(id, decoded.try_for_each(|x| x))?.err())
    };
    let problems = loaded.rows.par_iter().map(problem);
    let problems: Vec<Option<String>> = problems.collect::<Result<_>>()?;
    let rows = std::mem::take(&mut loaded.rows);
    for (row, problem) in rows.into_iter().zip(problems) {
        match problem {
            None => loaded.rows.push(row),
            Some(detail) => loaded.rejected.push(broken(describe(&row).0, detail)),
        }
    }
    Ok(())
}

/// What is wrong with a record's pictures in words; that one takes too long is an error.
fn problem_of<T>(id: &str, looked: Result<T, ImageError>) -> Result<Result<T, String>> {
    match looked {
        Err(error @ ImageError::Unfinished { .. }) => {
            Err(error).with_context(|| format!("record `{id}` cannot be read"))
        }
        looked => Ok(looked.map_err(|e| e.to_string())),
    }
}

fn broken(id: &str, detail: String) -> Rejected {
    Rejected {
        id: id.to_owned(),
        stage: "read".to_owned(),
        reason: "broken-image".to_owned(),
        detail,
    }
}

/// What was seen in the pairs' pictures, noted down so that they are decoded once and not by every start of a run.
#[derive(Serialize, Deserialize)]
struct Checked {
    /// Digests of the pairs and their pictures.
    inputs: BTreeMap<String, String>,
    /// Problem by id.
    broken: BTreeMap<String, String>,
    /// Ids of pairs that show the same picture: the same file, or one resized or compressed again.
    duplicates: Vec<Vec<String>>,
}

/// The recipe's pairs that can be used, and the others with their reasons; an error if these are more than the recipe
/// allows.
pub fn usable_pairs(context: &Context) -> Result<(Vec<Pair>, Vec<Rejected>)> {
    let recipe = context.recipe;
    let mut loaded = formats::read_pairs(&recipe.pairs, &context.reading_pairs(true))?;
    let checked = checked(context, &loaded)?;
    let rows = std::mem::take(&mut loaded.rows);
    for pair in rows {
        match checked.broken.get(&pair.id) {
            None => loaded.rows.push(pair),
            Some(detail) => loaded.rejected.push(broken(&pair.id, detail.clone())),
        }
    }
    refuse_many_bad(context, &recipe.pairs, loaded.rows.len(), &loaded.rejected)?;
    Ok((loaded.rows, loaded.rejected))
}

/// Groups of pairs, by id, that show the same picture; of those that [`usable_pairs`] looked at.
pub fn duplicates(context: &Context) -> Vec<Vec<String>> {
    let checked: Option<Checked> = read_sealed(&context.run.path.join("checked.json"));
    checked.map_or_else(Vec::new, |checked| checked.duplicates)
}

fn checked(context: &Context, loaded: &Loaded<Pair>) -> Result<Checked> {
    let inputs = basis::pairs(context, &loaded.rows)?;
    let place = context.run.path.join("checked.json");
    let known = read_sealed(&place).filter(|known: &Checked| known.inputs == inputs);
    if let Some(known) = known {
        return Ok(known);
    }
    let look = |pair: &Pair| -> Result<Result<Vec<(u128, Sketch)>, String>> {
        let looks = pair.images.iter().map(|path| {
            let bytes = corpus::images::read(path)?;
            let picture = corpus::images::decode_bytes(&bytes, path)?;
            Ok((
                Duplicates::name(&bytes),
                (&Fingerprint::new(&picture)).into(),
            ))
        });
        problem_of(&pair.id, looks.collect())
    };
    let looks = loaded.rows.par_iter().map(look);
    let looks: Vec<_> = looks.collect::<Result<_>>()?;
    let mut found = Duplicates::default();
    let mut broken = BTreeMap::new();
    for (row, (pair, looks)) in loaded.rows.iter().zip(looks).enumerate() {
        match looks {
            Ok(looks) => {
                for (name, sketch) in looks {
                    found.add_content(name, || sketch);
                    found.add_row(row, name);
                }
            }
            Err(problem) => {
                broken.insert(pair.id.clone(), problem);
            }
        }
    }
    let ids = |group: Vec<usize>| {
        group
            .iter()
            .map(|&row| loaded.rows[row].id.clone())
            .collect()
    };
    let checked = Checked {
        inputs,
        broken,
        duplicates: found.groups().into_iter().map(ids).collect(),
    };
    write_sealed(&place, &checked)?;
    Ok(checked)
}
