//! Vision-FLAN's human answers with ALLaVA-4V's captions and answers: the synthesizer's seed data.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::domains::{DOMAINS, domain};
use super::imported::Imported;
use super::rows::{exchange, list, one_picture, text};
use crate::error::{Error, Reason};
use crate::mersenne::Mersenne;
use crate::{IMAGE_MARK, Seed, SeedTask};

/// The synthesizer's seed data from a folder with Vision-FLAN's `metadata.json` and ALLaVA's caption and instruct files of
/// the VFLAN part.
///
/// Joined by the pictures' file names: the first caption of a picture wins, and only pictures with both answers stay. Each
/// task is shuffled with seed 42 and its last tenth kept for validation; then everything is shuffled with seed 12345.
pub fn seeds(folder: &Path, images: Option<&Path>) -> Result<Imported<Seed>, Error> {
    let root = images.unwrap_or(folder);
    let find = |parts: &[&str]| -> Result<PathBuf, Error> {
        let entries = std::fs::read_dir(folder).map_err(Error::reading(folder))?;
        let paths = entries.map(|entry| Ok(entry.map_err(Error::reading(folder))?.path()));
        let paths: Vec<PathBuf> = paths.collect::<Result<_, Error>>()?;
        let mut names: Vec<PathBuf> = paths
            .into_iter()
            .filter(|path| {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .to_lowercase();
                path.extension()
                    .is_some_and(|e| e.eq_ignore_ascii_case("json"))
                    && parts.iter().all(|part| name.contains(part))
            })
            .collect();
        names.sort();
        names.into_iter().next().ok_or_else(|| {
            Error::file(
                folder,
                format!("has no JSON file whose name has {}", parts.join(" and ")),
            )
        })
    };
    let mut out = Imported::new();
    let base = |row: &Value| -> String {
        text(row, "image")
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let mut captions: HashMap<String, String> = HashMap::new();
    let rows = list(&find(&["allava", "caption"])?)?;
    out.expect("ALLaVA captions", rows.len(), 202_552, 202_552);
    for row in &rows {
        // Either a key of its own, or the answer of a conversation.
        let caption = match text(row, "caption") {
            "" => exchange(row)
                .map(|(_, caption)| caption)
                .unwrap_or_default(),
            caption => caption,
        };
        if !caption.trim().is_empty() {
            captions
                .entry(base(row))
                .or_insert_with(|| caption.trim().to_owned());
        }
    }
    let mut informative: HashMap<String, Vec<(String, String)>> = HashMap::new();
    let rows = list(&find(&["allava", "instruct"])?)?;
    out.expect("ALLaVA answers", rows.len(), 203_065, 203_065);
    for row in &rows {
        if let Some((question, answer)) = exchange(row) {
            let entry = (bare(question), answer.trim().to_owned());
            informative.entry(base(row)).or_default().push(entry);
        }
    }
    let mut by_task: BTreeMap<String, Vec<Seed>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for row in list(&find(&["metadata"])?)? {
        let name = base(&row);
        let id = row["id"]
            .as_str()
            .map_or_else(|| name.clone(), str::to_owned);
        let Some((question, precise)) =
            exchange(&row).filter(|(_, answer)| !answer.trim().is_empty())
        else {
            out.reject(&id, "no-precise-answer", "Vision-FLAN has no answer");
            continue;
        };
        let Some(caption) = captions.get(&name) else {
            out.reject(
                &id,
                "no-caption",
                format!("ALLaVA has no caption of `{name}`"),
            );
            continue;
        };
        let question = bare(question);
        let answers = informative.get(&name).map_or(&[][..], Vec::as_slice);
        // A picture has one question as a rule; where it has several, the same question is looked for.
        let answer = answers
            .iter()
            .find(|(asked, _)| *asked == question)
            .or(if let [one] = answers { Some(one) } else { None });
        let Some((_, answer)) = answer.filter(|(_, answer)| !answer.is_empty()) else {
            out.reject(
                &id,
                "no-informative-answer",
                format!("ALLaVA has no answer about `{name}`"),
            );
            continue;
        };
        if !seen.insert(id.clone()) {
            out.reject(
                &id,
                Reason::DuplicateId.as_str(),
                "an earlier row has this id too",
            );
            continue;
        }
        let task = match text(&row, "task_name") {
            // Ids begin with the task, a plus sign and the picture.
            "" => id
                .rsplit_once('+')
                .map_or("unknown", |(task, _)| task)
                .to_owned(),
            task => task.to_owned(),
        };
        match one_picture(&row, root) {
            Err((reason, detail)) => out.reject(&id, reason.as_str(), detail),
            Ok(image) => by_task.entry(task.clone()).or_default().push(Seed {
                id,
                images: vec![image],
                caption: caption.clone(),
                task: Some(task),
                tasks: vec![SeedTask {
                    instruction: question,
                    informative: answer.clone(),
                    precise: precise.trim().to_owned(),
                }],
            }),
        }
    }
    out.expect("tasks", by_task.len(), 191, 191);
    count_domains(&mut out, &by_task);
    for (task, mut rows) in by_task {
        out.counts.insert(task, rows.len());
        Mersenne::new(42).shuffle(&mut rows);
        let kept = rows.len() * 9 / 10;
        out.dev.extend(rows.split_off(kept));
        out.rows.extend(rows);
    }
    Mersenne::new(12345).shuffle(&mut out.rows);
    out.expect(
        "usable pictures",
        out.rows.len() + out.dev.len(),
        165_000,
        195_000,
    );
    Ok(out)
}

/// Pictures of each of the paper's 20 image domains; warns of tasks without one, and of domains without a picture.
fn count_domains(out: &mut Imported<Seed>, by_task: &BTreeMap<String, Vec<Seed>>) {
    let mut unknown = Vec::new();
    for (task, rows) in by_task {
        match domain(task) {
            Some(domain) => *out.domains.entry(domain.to_owned()).or_default() += rows.len(),
            None => unknown.push(format!("`{task}`")),
        }
    }
    let absent: Vec<&str> = DOMAINS
        .into_iter()
        .filter(|domain| !out.domains.contains_key(*domain))
        .collect();
    if !absent.is_empty() {
        out.warnings.push(format!(
            "{} image domains where {} were published; without a picture: {}",
            out.domains.len(),
            DOMAINS.len(),
            absent.join(", ")
        ));
    }
    if !unknown.is_empty() {
        out.warnings.push(format!(
            "{} tasks are of no image domain that is known here: {}",
            unknown.len(),
            unknown.join(", ")
        ));
    }
}

fn bare(question: &str) -> String {
    question.replace(IMAGE_MARK, "").trim().to_owned()
}
