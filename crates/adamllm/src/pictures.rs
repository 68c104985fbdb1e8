//! Pictures are decoded before anything is built on them, so that a damaged one is a counted reject and not an error in
//! the middle of a training.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use corpus::formats::{self, Loaded};
use corpus::images::ImageError;
use corpus::{Pair, Rejected};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::run_folder::{read_sealed, write_sealed};
use crate::stages::{basis, refuse_many_bad};

/// Moves records with a picture that cannot be decoded to the rejects (`broken-image`). Decodes on all cores. A picture
/// that takes too long is an error: whether it is left out must not depend on the machine.
pub fn reject_broken<T: Sync>(
    loaded: &mut Loaded<T>,
    describe: impl Fn(&T) -> (&String, &Vec<PathBuf>) + Sync,
) -> Result<()> {
    let problem = |row: &T| -> Result<Option<String>> {
        let (id, images) = describe(row);
        for image in images {
            match corpus::images::decode(image) {
                Ok(_) => {}
                Err(error @ ImageError::Unfinished { .. }) => {
                    return Err(error).with_context(|| format!("record `{id}` cannot be read"));
                }
                Err(error) => return Ok(Some(error.to_string())),
            }
        }
        Ok(None)
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

fn broken(id: &str, detail: String) -> Rejected {
    Rejected {
        id: id.to_owned(),
        stage: "read".to_owned(),
        reason: "broken-image".to_owned(),
        detail,
    }
}

/// Which pairs have broken pictures, noted down so that pictures are decoded once and not by every start of a run.
#[derive(Serialize, Deserialize)]
struct Checked {
    /// Digests of the pairs and their pictures.
    inputs: BTreeMap<String, String>,
    /// Problem by id.
    broken: BTreeMap<String, String>,
}

/// The recipe's pairs that can be used, and the others with their reasons; an error if these are more than the recipe
/// allows.
pub fn usable_pairs(context: &Context) -> Result<(Vec<Pair>, Vec<Rejected>)> {
    let recipe = context.recipe;
    let reading = formats::Options {
        images: recipe.images.clone(),
        columns: recipe.columns.clone(),
        check_images: true,
    };
    let mut loaded = formats::read_pairs(&recipe.pairs, &reading)?;
    let inputs = basis::pairs(context, &loaded.rows)?;
    let place = context.run.path.join("checked.json");
    let known = read_sealed(&place).filter(|known: &Checked| known.inputs == inputs);
    if let Some(Checked { broken: known, .. }) = known {
        let rows = std::mem::take(&mut loaded.rows);
        for pair in rows {
            match known.get(&pair.id) {
                None => loaded.rows.push(pair),
                Some(detail) => loaded.rejected.push(broken(&pair.id, detail.clone())),
            }
        }
    } else {
        let read = loaded.rejected.len();
        reject_broken(&mut loaded, |pair| (&pair.id, &pair.images))?;
        let broken = loaded.rejected[read..].iter();
        let checked = Checked {
            inputs,
            broken: broken.map(|r| (r.id.clone(), r.detail.clone())).collect(),
        };
        write_sealed(&place, &checked)?;
    }
    refuse_many_bad(context, &recipe.pairs, loaded.rows.len(), &loaded.rejected)?;
    Ok((loaded.rows, loaded.rejected))
}
