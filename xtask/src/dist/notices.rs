//! Licence files that both packages hold: our own, those of others' work, those of the pictograms inside the programs.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::stage::Stage;

/// The file with others' licences.
const OF_OTHERS: &str = "THIRD-PARTY.txt";

/// Lays them into `folder` of a stage, and gives their names in it.
pub fn lay(root: &Path, stage: &Stage, folder: &str, of_others: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let place = |name: &str| match folder {
        "" => name.to_owned(),
        _ => format!("{folder}/{name}"),
    };
    for name in ["LICENSE", "NOTICE"] {
        stage.copy(&root.join(name), &place(name))?;
        names.push(name.to_owned());
    }
    stage.write(&place(OF_OTHERS), of_others)?;
    names.push(OF_OTHERS.to_owned());
    let pictograms = root.join("assets/pictograms");
    let mut files = vec!["NOTICE.md".to_owned()];
    let notices =
        std::fs::read_dir(pictograms.join("notices")).context("assets/pictograms/notices")?;
    for entry in notices {
        let name = entry?.file_name();
        files.push(format!(
            "notices/{}",
            name.to_str().context("a name that is not UTF-8")?
        ));
    }
    files.sort();
    for file in files {
        let name = format!("pictograms/{file}");
        stage.copy(&pictograms.join(&file), &place(&name))?;
        names.push(name);
    }
    Ok(names)
}
