//! Pairs of several files as those of one: an id that two files have is called by its file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use corpus::Pair;
use corpus::formats::Loaded;

/// The pairs of all files, in their order, and a sentence if some have another id now.
pub fn merged(parts: Vec<(PathBuf, Loaded<Pair>)>) -> Option<(Loaded<Pair>, Option<String>)> {
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, loaded) in &parts {
        // Within a file ids are unique.
        for pair in &loaded.rows {
            *files.entry(&pair.id).or_default() += 1;
        }
    }
    let shared: BTreeSet<String> = files
        .iter()
        .filter(|(_, files)| **files > 1)
        .map(|(id, _)| (*id).to_owned())
        .collect();
    let mut taken: BTreeSet<String> = files.into_keys().map(str::to_owned).collect();
    let names = names(parts.iter().map(|(path, _)| path.as_path()));
    let mut example = None;
    let mut whole: Option<Loaded<Pair>> = None;
    for ((_, mut loaded), name) in parts.into_iter().zip(names) {
        for pair in &mut loaded.rows {
            if shared.contains(&pair.id) {
                let mut id = format!("{name}:{}", pair.id);
                while !taken.insert(id.clone()) {
                    id = format!("{name}:{id}");
                }
                example.get_or_insert_with(|| id.clone());
                pair.id = id;
            }
        }
        for rejected in &mut loaded.rejected {
            if shared.contains(&rejected.id) {
                rejected.id = format!("{name}:{}", rejected.id);
            }
        }
        match &mut whole {
            None => whole = Some(loaded),
            Some(whole) => {
                whole.rows.append(&mut loaded.rows);
                whole.rejected.append(&mut loaded.rejected);
                whole.lines.append(&mut loaded.lines);
                whole.notes.append(&mut loaded.notes);
            }
        }
    }
    let note = example.map(|example| {
        format!(
            "{} ids occur in several files of `data.pairs`; such pairs are called by their file too, as in `{example}`",
            shared.len()
        )
    });
    whole.map(|whole| (whole, note))
}

/// The files' names without their endings; those that come again are counted.
fn names<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    paths
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default();
            let stem = stem.to_string_lossy().into_owned();
            let times = seen.entry(stem.clone()).or_default();
            *times += 1;
            if *times == 1 {
                stem
            } else {
                format!("{stem}-{times}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use corpus::formats::{Options, read_pairs};

    use super::*;

    fn read(folder: &Path, files: &[(&str, &[&str])]) -> (Vec<String>, Option<String>) {
        let mut parts = Vec::new();
        for (name, ids) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
            let row = |id: &&str| {
                let pair = serde_json::json!({"id": id, "images": ["a.png"], "caption": "A dish."});
                pair.to_string() + "\n"
            };
            std::fs::write(&path, ids.iter().map(row).collect::<String>()).expect("write");
            let options = Options {
                check_images: false,
                ..Options::default()
            };
            let loaded = read_pairs(&path, &options).expect("pairs");
            parts.push((path, loaded));
        }
        let (loaded, note) = merged(parts).expect("files");
        let ids = loaded.rows.into_iter().map(|pair| pair.id);
        (ids.collect(), note)
    }

    #[test]
    fn only_ids_that_clash_are_called_by_their_file() {
        let folder = tempfile::tempdir().expect("folder");
        let (ids, note) = read(
            folder.path(),
            &[("nwpu.jsonl", &["1", "2"]), ("rsicd.jsonl", &["2", "3"])],
        );
        assert_eq!(ids, ["1", "nwpu:2", "rsicd:2", "3"]);
        let note = note.expect("it is told");
        assert!(note.starts_with("1 ids occur in several files") && note.ends_with("`nwpu:2`"));
        let (ids, note) = read(
            folder.path(),
            &[("nwpu.jsonl", &["1", "2"]), ("rsicd.jsonl", &["3"])],
        );
        assert_eq!((ids.len(), note), (3, None));
    }

    #[test]
    fn files_of_one_name_and_ids_like_ours_stay_apart() {
        let folder = tempfile::tempdir().expect("folder");
        let (ids, _) = read(
            folder.path(),
            &[
                ("a/pairs.jsonl", &["1", "pairs:1"]),
                ("b/pairs.jsonl", &["1"]),
            ],
        );
        assert_eq!(ids, ["pairs:pairs:1", "pairs:1", "pairs-2:1"]);
    }
}
