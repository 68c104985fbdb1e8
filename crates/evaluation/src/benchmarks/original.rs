//! Original layouts that are plain enough to be read as they are.

use std::path::{Path, PathBuf};

use corpus::Label;
use serde_json::{Map, Value};

use super::benchmark::{Benchmark, Packing};
use super::error::LoadError;
use crate::metrics::Names;
use crate::predictions::{Reason, table_rows};
use crate::tasks::{Item, Scoring, Spec};

/// Endings of picture files.
const PICTURES: [&str; 6] = ["jpg", "jpeg", "png", "webp", "tif", "tiff"];

/// What is looked for, as the start of a sentence.
pub(super) fn expected(task: &str) -> &'static str {
    match task {
        "slake" => "SLAKE's `test.json` with `imgs/`, ",
        "vqa-rad" => "`VQA_RAD Dataset Public.json` or a `test.json` of conversations, ",
        "pmc-vqa" => "`test_clean.csv` or `test.csv` with `images/`, ",
        "food101" => "Food-101's `meta/test.txt` with `images/`, ",
        "clrs" | "uc-merced" => "a folder of pictures for each class, ",
        _ => "",
    }
}

/// Loads a task in its published layout; `None` if the folder is in no such layout.
pub(super) fn load(task: &Spec, folder: &Path) -> Result<Option<Benchmark>, LoadError> {
    match task.id.as_str() {
        "slake" => first(folder, &["test.json"])
            .map(|file| slake(task, folder, &file))
            .transpose(),
        "vqa-rad" => {
            let names = ["VQA_RAD Dataset Public.json", "test.json", "testset.json"];
            first(folder, &names)
                .map(|file| vqa_rad(task, folder, &file))
                .transpose()
        }
        "pmc-vqa" => first(folder, &["test_clean.csv", "test.csv", "test_2.csv"])
            .map(|file| pmc_vqa(task, folder, &file))
            .transpose(),
        "food101" if folder.join("meta/test.txt").is_file() => food101(folder).map(Some),
        _ if task.scoring == Scoring::Class => class_folders(task, folder),
        _ => Ok(None),
    }
}

fn first(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// The rows of a JSON array of objects.
fn objects(task: &Spec, path: &Path) -> Result<Vec<Map<String, Value>>, LoadError> {
    let bytes = std::fs::read(path).map_err(|source| LoadError::Io {
        path: path.to_owned(),
        source,
    })?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(bytes).map_err(|error| LoadError::Layout {
        task: task.id.clone(),
        path: path.to_owned(),
        problem: error.to_string(),
    })
}

fn text(row: &Map<String, Value>, key: &str) -> Option<String> {
    match row.get(key)? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn item(id: String, image: PathBuf, label: String) -> Item {
    Item {
        id,
        images: vec![image],
        question: None,
        label: Label::Text(label),
        answer_type: None,
        choices: None,
        cluster: None,
        index: None,
        meta: Map::new(),
    }
}

/// SLAKE: the English questions of `test.json`; pictures in `imgs/`.
fn slake(task: &Spec, folder: &Path, path: &Path) -> Result<Benchmark, LoadError> {
    let mut found = Benchmark::new(Packing::Original);
    for (at, mut row) in objects(task, path)?.into_iter().enumerate() {
        if text(&row, "q_lang").is_some_and(|language| language != "en") {
            continue;
        }
        let id = text(&row, "qid").unwrap_or_else(|| at.to_string());
        let (Some(image), Some(label)) = (text(&row, "img_name"), text(&row, "answer")) else {
            found.reject(
                &id,
                0,
                Reason::NotARecord,
                "`img_name` or `answer` is missing",
            );
            continue;
        };
        let question = text(&row, "question");
        let answer_type = text(&row, "answer_type").map(|kind| kind.to_uppercase());
        for key in [
            "qid",
            "img_name",
            "answer",
            "question",
            "answer_type",
            "triple",
        ] {
            row.remove(key);
        }
        found.push_checked(Item {
            question,
            answer_type,
            meta: row,
            ..item(id, folder.join("imgs").join(image), label)
        });
    }
    Ok(found)
}

/// VQA-RAD: its one public file, of which `phrase_type` names the test questions; or a file of conversations, as
/// LLaVA-Med splits it.
fn vqa_rad(task: &Spec, folder: &Path, path: &Path) -> Result<Benchmark, LoadError> {
    let mut found = Benchmark::new(Packing::Original);
    let picture = |name: &str| {
        ["VQA_RAD Image Folder", "images", "imgs"]
            .iter()
            .map(|sub| folder.join(sub).join(name))
            .find(|path| path.is_file())
            .unwrap_or_else(|| folder.join(name))
    };
    for (at, row) in objects(task, path)?.into_iter().enumerate() {
        let turn = |from: &str| {
            let turns = row.get("conversations")?.as_array()?;
            let turn = turns
                .iter()
                .find(|turn| turn.get("from").is_some_and(|f| f == from))?;
            let text = turn.get("value")?.as_str()?;
            Some(text.replace(corpus::IMAGE_MARK, "").trim().to_owned())
        };
        let phrase = text(&row, "phrase_type");
        if phrase.is_some_and(|phrase| !phrase.starts_with("test")) {
            continue;
        }
        let id = text(&row, "qid")
            .or_else(|| text(&row, "id"))
            .unwrap_or_else(|| at.to_string());
        let image = text(&row, "image_name").or_else(|| text(&row, "image"));
        let label = text(&row, "answer").or_else(|| turn("gpt"));
        let (Some(image), Some(label)) = (image, label) else {
            found.reject(
                &id,
                0,
                Reason::NotARecord,
                "the picture's name or the answer is missing",
            );
            continue;
        };
        let meta = ["image_organ", "question_type"]
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), row.get(*key)?.clone())))
            .collect();
        // Several conversations may share one picture's id.
        let id = if row.contains_key("conversations") {
            at.to_string()
        } else {
            id
        };
        found.push_checked(Item {
            question: text(&row, "question").or_else(|| turn("human")),
            answer_type: text(&row, "answer_type").map(|kind| kind.to_uppercase()),
            meta,
            ..item(id, picture(&image), label)
        });
    }
    Ok(found)
}

/// PMC-VQA: a table with `Figure_path`, `Question`, `Choice A` to `Choice D` and the answer as letter or text.
fn pmc_vqa(task: &Spec, folder: &Path, path: &Path) -> Result<Benchmark, LoadError> {
    let rows = table_rows(path).map_err(|source| LoadError::Io {
        path: path.to_owned(),
        source,
    })?;
    let mut found = Benchmark::new(Packing::Original);
    for (at, (line, row)) in rows.into_iter().enumerate() {
        let id = at.to_string();
        let choices: Map<String, Value> = ["A", "B", "C", "D"]
            .iter()
            .filter_map(|letter| {
                let option = text(&row, &format!("Choice {letter}"))?;
                // The published options begin with their own letter.
                let bare = option
                    .strip_prefix(letter)
                    .and_then(|rest| rest.strip_prefix(':'))
                    .map_or(option.clone(), |rest| rest.trim().to_owned());
                Some(((*letter).to_owned(), bare.into()))
            })
            .collect();
        let label = ["Answer_label", "Answer"]
            .iter()
            .find_map(|key| text(&row, key));
        let (Some(image), Some(question), Some(label)) =
            (text(&row, "Figure_path"), text(&row, "Question"), label)
        else {
            let keys: Vec<&str> = row.keys().map(String::as_str).collect();
            if at == 0 && !row.contains_key("Figure_path") {
                return Err(LoadError::Layout {
                    task: task.id.clone(),
                    path: path.to_owned(),
                    problem: format!(
                        "expected the columns `Figure_path`, `Question`, `Choice A` … and `Answer`, found `{}`",
                        keys.join("`, `")
                    ),
                });
            }
            found.reject(
                &id,
                line,
                Reason::NotARecord,
                "picture, question or answer is empty",
            );
            continue;
        };
        if choices.len() < 2 {
            found.reject(&id, line, Reason::Options, "fewer than two options");
            continue;
        }
        let image = ["images", "figures"]
            .iter()
            .map(|sub| folder.join(sub).join(&image))
            .find(|path| path.is_file())
            .unwrap_or_else(|| folder.join("images").join(&image));
        found.push_checked(Item {
            question: Some(question),
            choices: Some(choices),
            ..item(id, image, label)
        });
    }
    Ok(found)
}

/// Food-101: `meta/test.txt` has a line `class/number` for each picture of `images/`.
fn food101(folder: &Path) -> Result<Benchmark, LoadError> {
    let path = folder.join("meta/test.txt");
    let text = std::fs::read_to_string(&path).map_err(|source| LoadError::Io {
        path: path.clone(),
        source,
    })?;
    let mut found = Benchmark::new(Packing::Original);
    for (at, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() {
            continue;
        }
        let Some((class, _)) = line.split_once('/') else {
            found.reject(line, at + 1, Reason::NotARecord, "expected `class/number`");
            continue;
        };
        let image = folder.join("images").join(format!("{line}.jpg"));
        found.push_checked(item(line.to_owned(), image, class.to_owned()));
    }
    Ok(found)
}

/// A folder of pictures for each class, as UC Merced and CLRS come; the folders may lie in a folder `Images`.
fn class_folders(task: &Spec, folder: &Path) -> Result<Option<Benchmark>, LoadError> {
    let names = Names::new(&task.names);
    let root = ["Images", "images"]
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_dir())
        .unwrap_or_else(|| folder.to_owned());
    let mut found = Benchmark::new(Packing::Original);
    let mut classes = entries(&root)?;
    classes.retain(|path| path.is_dir());
    for class in classes {
        let name = class
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let spaced = name.replace(['_', '-'], " ");
        if names.position(&spaced).is_none() && names.position(&name).is_none() {
            let detail = format!(
                "the folder `{name}` is none of the task's {} classes",
                task.names.len()
            );
            found.reject(&name, 0, Reason::Label, &detail);
            continue;
        }
        for file in entries(&class)? {
            let ending = file.extension().map(|e| e.to_string_lossy().to_lowercase());
            if ending.is_some_and(|ending| PICTURES.contains(&ending.as_str())) {
                let stem = file.file_stem().unwrap_or_default().to_string_lossy();
                let id = format!("{name}/{stem}");
                found.items.push(item(id, file, spaced.clone()));
            }
        }
    }
    Ok((!found.items.is_empty()).then_some(found))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let io = |source| LoadError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        found.push(entry.map_err(io)?.path());
    }
    found.sort();
    Ok(found)
}
