//! What lies beside what, in a run folder and in the store of a lab.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::Error;
use super::source::Source;

/// Files of a run, as its stages leave them; ARCHITECTURE.md lists them. Whoever has a run at hand gives the paths in a
/// [`Source`] instead.
const MADE: &str = "synthesize/triplets.jsonl";
const MADE_TASKS: &str = "synthesize/tasks.jsonl";
const FILTERED: &str = "filter/triplets.jsonl";
const FILTERED_TASKS: &str = "filter/tasks.jsonl";
const VERDICTS: &str = "filter/verdicts.jsonl";
const PAIRS: &str = "pairs/pairs.jsonl";

/// Files of one stage.
const TRIPLETS_OF_STAGE: &str = "triplets.jsonl";
const TASKS_OF_STAGE: &str = "tasks.jsonl";
const SAMPLES_OF_STAGE: &str = "samples.jsonl";
const VERDICTS_OF_STAGE: &str = "verdicts.jsonl";
const PAIRS_OF_STAGE: &str = "pairs.jsonl";

/// Digits of a key in the name of a folder of a store.
const DIGITS: usize = 16;

/// The sets that a path names.
///
/// - A run folder, or the folder of a lab's cell: its triplets as `NAME before the filter` and `NAME after the filter`; one set
///   where no filter judged them or where its maker gives conversations.
/// - The folder of a stage in a run or in a lab's store: what that stage left.
/// - Anything else: the file, or the folder of a data set that `corpus` reads.
///
/// What lies beside each is found as [`with_neighbours`] does.
pub fn sources(name: &str, path: &Path) -> Result<Vec<Source>, Error> {
    if !path.exists() {
        return Err(Error::Missing {
            set: name.to_owned(),
            path: path.to_owned(),
        });
    }
    if path.is_file() {
        return Ok(vec![with_neighbours(Source::new(name, path))]);
    }
    let folder_of = |file: &str| path.join(file).parent().is_some_and(Path::is_dir);
    if folder_of(MADE) || folder_of(FILTERED) {
        return of_run(name, path);
    }
    let own = [TRIPLETS_OF_STAGE, TASKS_OF_STAGE, SAMPLES_OF_STAGE].map(|file| path.join(file));
    if let Some(file) = own.iter().find(|file| has_records(file)) {
        return Ok(vec![with_neighbours(Source::new(name, file))]);
    }
    if own.iter().any(|file| file.exists()) {
        return Err(Error::NoRun {
            set: name.to_owned(),
            path: path.to_owned(),
            looked: own
                .map(|file| file.file_name().map(PathBuf::from).unwrap_or_default())
                .to_vec(),
        });
    }
    Ok(vec![Source::new(name, path)])
}

fn of_run(name: &str, path: &Path) -> Result<Vec<Source>, Error> {
    let there = |file: &str| Some(path.join(file)).filter(|file| has_records(file));
    let (before, after, verdicts) = (there(MADE), there(FILTERED), there(VERDICTS));
    let pairs = path.join(PAIRS);
    let pairs: Vec<PathBuf> = Some(pairs)
        .filter(|file| file.exists())
        .into_iter()
        .collect();
    let source = |name: String, path: PathBuf, verdicts: Option<PathBuf>| Source {
        kept: verdicts.as_ref().and(after.clone()),
        pairs: pairs.clone(),
        verdicts,
        ..Source::new(name, path)
    };
    if let (Some(before), Some(_)) = (&before, &verdicts) {
        let name_before = format!("{name} before the filter");
        let mut sets = vec![source(name_before, before.clone(), verdicts.clone())];
        // A filter may have kept nothing, which is a finding about the set before it.
        if let Some(after) = &after {
            let name_after = format!("{name} after the filter");
            sets.push(source(name_after, after.clone(), verdicts));
        }
        return Ok(sets);
    }
    let conversations = there(FILTERED_TASKS).or_else(|| there(MADE_TASKS));
    let Some(only) = after.clone().or(before).or(conversations) else {
        return Err(Error::NoRun {
            set: name.to_owned(),
            path: path.to_owned(),
            looked: [MADE, FILTERED, MADE_TASKS].map(PathBuf::from).to_vec(),
        });
    };
    Ok(vec![source(name.to_owned(), only, verdicts)])
}

/// The same set with the pairs that it is about, and with what a filter said of it, where these lie where a stage of a run, of
/// a lab's cell or of a lab's store leaves them; what the source names itself stays.
#[must_use]
pub fn with_neighbours(mut source: Source) -> Source {
    let folder = source.path.parent().map(std::path::absolute);
    let Some(Ok(folder)) = folder else {
        return source;
    };
    // A cell's folder of a stage is a link into the store: what lies beside it is first looked for in the cell.
    let run = folder.parent().unwrap_or(&folder);
    if source.pairs.is_empty() {
        let pairs = run.join(PAIRS);
        let found = Some(pairs).filter(|file| file.exists());
        source
            .pairs
            .extend(found.or_else(|| pairs_of_store(&folder)));
    }
    if source.verdicts.is_none() {
        let (own, beside) = (folder.join(VERDICTS_OF_STAGE), run.join(VERDICTS));
        if own.exists() {
            source.kept = source.kept.or(Some(source.path.clone()));
            source.verdicts = Some(own);
        } else if source.path.ends_with(MADE) && beside.exists() {
            let kept = Some(run.join(FILTERED)).filter(|file| file.exists());
            source.kept = source.kept.or(kept);
            source.verdicts = Some(beside);
        }
    }
    source
}

/// What is needed of a stage's manifest: the keys of its inputs.
#[derive(Deserialize)]
struct Manifest {
    inputs: Inputs,
}

#[derive(Deserialize)]
struct Inputs {
    pairs: Option<String>,
    triplets: Option<String>,
}

/// The pairs of a stage in a store: stages name their inputs by key, and so are folders called.
fn pairs_of_store(stage: &Path) -> Option<PathBuf> {
    let stage = stage.canonicalize().ok()?;
    let store = stage.parent()?;
    let mut at = stage.clone();
    // From what a filter left to what was made, and to the pairs of that.
    for _ in 0..3 {
        let text = fs::read_to_string(at.join("manifest.json")).ok()?;
        let Manifest { inputs } = serde_json::from_str(&text).ok()?;
        let folder = |kind: &str, key: &str| {
            let key = key.get(..DIGITS)?;
            // A key is hexadecimal; anything else could name another place.
            let is_key = key.bytes().all(|byte| byte.is_ascii_hexdigit());
            let folder = store.join(format!("{kind}-{key}"));
            (is_key && folder.is_dir()).then_some(folder)
        };
        if let Some(key) = inputs.pairs {
            let file = folder(kind_of(PAIRS), &key)?.join(PAIRS_OF_STAGE);
            return Some(file).filter(|file| file.exists());
        }
        at = folder(kind_of(MADE), &inputs.triplets?)?;
    }
    None
}

/// The kind of the stage that leaves a file, which is what its folder is called in a run.
fn kind_of(file: &str) -> &str {
    file.split_once('/').map_or(file, |(kind, _)| kind)
}

fn has_records(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0)
}
