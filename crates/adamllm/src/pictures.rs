//! Pictures are decoded before anything is built on them, so that a damaged one is a counted reject and not an error in
//! the middle of a training.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use corpus::formats::{self, Loaded};
use corpus::{Pair, Rejected};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::run_folder::{read_sealed, write_sealed};
use crate::stages::{basis, refuse_many_bad};

/// Moves records with a picture that cannot be decoded to the rejects (`broken-image`). Decodes on all cores.
pub fn reject_broken<T: Sync>(
    loaded: &mut Loaded<T>,
    describe: impl Fn(&T) -> (&String, &Vec<PathBuf>) + Sync,
) {
    let problem = |row: &T| {
        let mut images = describe(row).1.iter();
        images.find_map(|image| corpus::images::decode(image).err().map(|e| e.to_string()))
    };
    let problems: Vec<Option<String>> = loaded.rows.par_iter().map(problem).collect();
    let rows = std::mem::take(&mut loaded.rows);
    for (row, problem) in rows.into_iter().zip(problems) {
        match problem {
            None => loaded.rows.push(row),
            Some(detail) => loaded.rejected.push(broken(describe(&row).0, detail)),
        }
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
    let mut loaded = formats::read_pairs(&recipe.pairs, &context.reading_pairs(true))?;
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
        reject_broken(&mut loaded, |pair| (&pair.id, &pair.images));
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
