//! The data sets that the paper used, in the layouts in which they are published: pairs of a domain, and the synthesizer's
//! seed data, joined from two of them (paper, appendices B and C).
//!
//! Takes files that the user fetched, gives records with counts, and warns where a count is not the published one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::error::{Error, Reason};
use crate::mersenne::Mersenne;
use crate::seed::{Rng, hash};
use crate::{IMAGE_MARK, Pair, Rejected, Seed, SeedTask};

mod domains;

pub use domains::{DOMAINS, domain};

/// A published data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Vision-FLAN's human answers with ALLaVA-4V's captions and answers: seed data.
    VisionFlanAllava,
    /// LLaVA-Med's alignment file: PMC-Raw.
    LlavaMed,
    /// PubMedVision's alignment file: PMC-Refined.
    PubMedVision,
    /// Recipe1M's `layer1.json` and `layer2.json`.
    Recipe1M,
    /// NWPU-Captions.
    Nwpu,
    /// RSICD, RSITMD, Sydney-Captions or UCM-Captions, which share a layout.
    RemoteSensing(&'static str),
}

/// Names on the command line.
pub const SOURCES: [(&str, Source); 9] = [
    ("vision-flan+allava", Source::VisionFlanAllava),
    ("llava-med", Source::LlavaMed),
    ("pubmedvision", Source::PubMedVision),
    ("recipe1m", Source::Recipe1M),
    ("nwpu-captions", Source::Nwpu),
    ("rsicd", Source::RemoteSensing("rsicd")),
    ("rsitmd", Source::RemoteSensing("rsitmd")),
    ("sydney-captions", Source::RemoteSensing("sydney-captions")),
    ("ucm-captions", Source::RemoteSensing("ucm-captions")),
];

/// What a source gave.
#[derive(Debug, Default)]
pub struct Imported<T> {
    /// Records, paths of pictures as from where the program runs.
    pub rows: Vec<T>,
    /// Seed data alone: a tenth of each task, kept for validation.
    pub dev: Vec<T>,
    /// What was left out.
    pub rejected: Vec<Rejected>,
    /// Counts, by task for seed data.
    pub counts: BTreeMap<String, usize>,
    /// Seed data alone: pictures by image domain, [`domain`] of their task.
    pub domains: BTreeMap<String, usize>,
    /// Where a count is not the published one.
    pub warnings: Vec<String>,
}

impl<T> Imported<T> {
    fn new() -> Self {
        Self {
            rows: Vec::new(),
            dev: Vec::new(),
            rejected: Vec::new(),
            counts: BTreeMap::new(),
            domains: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    fn reject(&mut self, id: &str, reason: &str, detail: impl Into<String>) {
        self.rejected.push(Rejected {
            id: id.to_owned(),
            stage: "read".to_owned(),
            reason: reason.to_owned(),
            detail: detail.into(),
        });
    }

    /// Warns if there are not about as many as were published.
    fn expect(&mut self, what: &str, found: usize, low: usize, high: usize) {
        if !(low..=high).contains(&found) {
            let range = if low == high {
                low.to_string()
            } else {
                format!("{low} to {high}")
            };
            self.warnings.push(format!(
                "{found} {what} where {range} were published; is the file complete"
            ));
        }
    }
}

/// Requests that a caption answers, in our words; one is drawn for each pair.
fn pool(source: Source) -> &'static [&'static str] {
    match source {
        Source::LlavaMed | Source::PubMedVision => &[
            "Describe this medical picture.",
            "What does this figure show?",
            "Tell me what can be seen in this image.",
            "Give an account of the findings in this picture.",
            "Explain what is shown here.",
            "Write a caption for this biomedical figure.",
        ],
        Source::Recipe1M => &[
            "How is the dish in this picture made?",
            "Write the recipe of this dish.",
            "What are the ingredients and the steps for this meal?",
            "I would like to cook this. What do I need, and what do I do?",
            "Give the title, ingredients and instructions for what is shown.",
            "Which recipe gives a dish like this one?",
        ],
        _ => &[
            "Describe this aerial picture in one sentence.",
            "What does this satellite image show?",
            "Write a short caption for this view from above.",
            "What can be seen on the ground here?",
            "Summarise this remote-sensing image.",
            "Say in a sentence what lies in this scene.",
        ],
    }
}

fn request(source: Source, seed: u64, id: &str) -> String {
    let mut rng = Rng::new(hash(seed, id));
    (*rng.choose(pool(source))).to_owned()
}

fn read(path: &Path) -> Result<Value, Error> {
    let bytes = std::fs::read(path).map_err(Error::reading(path))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::file(path, format!("is not sound JSON: {e}")))
}

fn list(path: &Path) -> Result<Vec<Value>, Error> {
    match read(path)? {
        Value::Array(rows) => Ok(rows),
        _ => Err(Error::file(path, "is not a JSON array of records")),
    }
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

/// What the model says in a conversation, the first time, and what it was asked.
fn exchange(row: &Value) -> Option<(&str, &str)> {
    // LLaVA-Med's file has a misspelt key.
    let turns = ["conversations", "conversatons"]
        .iter()
        .find_map(|key| row[*key].as_array())?;
    let said = |name: &str| {
        turns
            .iter()
            .find(|turn| turn["from"] == name)
            .map(|turn| text(turn, "value"))
    };
    Some((said("human")?, said("gpt")?))
}

fn bare(question: &str) -> String {
    question.replace(IMAGE_MARK, "").trim().to_owned()
}

/// The one picture of a row, under the root.
fn one_picture(row: &Value, root: &Path) -> Result<PathBuf, (Reason, String)> {
    let named: Vec<&str> = match &row["image"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => return Err((Reason::NoImage, "names no `image`".to_owned())),
    };
    let [one] = named.as_slice() else {
        return Err((
            Reason::ImageMarks,
            format!("has {} pictures; those with one are used", named.len()),
        ));
    };
    let path = root.join(one);
    if path.is_file() {
        Ok(path)
    } else {
        Err((
            Reason::MissingImage,
            format!("`{}` does not exist", path.display()),
        ))
    }
}

/// Pairs of a source. `images` is where pictures lie, the input's folder if none; `seed` draws the requests.
///
/// `path` is the published file, for Recipe1M the folder of both.
pub fn pairs(
    source: Source,
    path: &Path,
    images: Option<&Path>,
    seed: u64,
) -> Result<Imported<Pair>, Error> {
    let beside = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(Path::new(""))
    };
    let root = images.unwrap_or(beside);
    let mut out = match source {
        Source::LlavaMed | Source::PubMedVision => alignment(source, path, root)?,
        Source::Recipe1M => recipes(path, root)?,
        Source::Nwpu => nwpu(path, root, seed)?,
        Source::RemoteSensing(name) => captions(name, path, root, seed)?,
        Source::VisionFlanAllava => {
            return Err(Error::file(
                path,
                "vision-flan+allava gives seed data, and no pairs",
            ));
        }
    };
    for pair in &mut out.rows {
        pair.request = Some(request(source, seed, &pair.id));
    }
    let found = out.rows.len()
        + out
            .rejected
            .iter()
            .filter(|row| row.reason == "missing-image")
            .count();
    match source {
        Source::LlavaMed => out.expect("pairs", found, 460_000, 480_000),
        // The paper says 510K, the data's page 500K.
        Source::PubMedVision => out.expect("pairs with one picture", found, 495_000, 515_000),
        Source::Recipe1M => out.expect("pairs", found, 125_000, 135_000),
        _ => {}
    }
    out.counts.insert("pairs".to_owned(), out.rows.len());
    Ok(out)
}

fn pair(id: String, image: PathBuf, caption: &str, source: &str, meta: Map<String, Value>) -> Pair {
    Pair {
        id,
        images: vec![image],
        caption: caption.trim().to_owned(),
        request: None,
        group: None,
        source: Some(source.to_owned()),
        meta,
    }
}

fn alignment(source: Source, path: &Path, root: &Path) -> Result<Imported<Pair>, Error> {
    let mut out = Imported::new();
    let name = if source == Source::LlavaMed {
        "PMC-Raw"
    } else {
        "PMC-Refined"
    };
    for (at, row) in list(path)?.iter().enumerate() {
        let id = row["id"]
            .as_str()
            .map_or_else(|| format!("{name}-{at}"), str::to_owned);
        let Some((_, caption)) = exchange(row).filter(|(_, caption)| !caption.trim().is_empty())
        else {
            out.reject(&id, Reason::EmptyCaption.as_str(), "no answer of `gpt`");
            continue;
        };
        match one_picture(row, root) {
            Ok(image) => {
                let mut meta = Map::new();
                for key in ["modality", "body_part", "domain"] {
                    if !row[key].is_null() {
                        meta.insert(key.to_owned(), row[key].clone());
                    }
                }
                out.rows.push(pair(id, image, caption, name, meta));
            }
            Err((reason, detail)) => out.reject(&id, reason.as_str(), detail),
        }
    }
    Ok(out)
}

/// Recipe1M: title, ingredients and steps are the caption of a recipe's first picture; of the training part.
fn recipes(folder: &Path, root: &Path) -> Result<Imported<Pair>, Error> {
    let mut out = Imported::new();
    let pictures: HashMap<String, String> = list(&folder.join("layer2.json"))?
        .iter()
        .filter_map(|row| {
            let first = row["images"].as_array()?.first()?;
            Some((text(row, "id").to_owned(), text(first, "id").to_owned()))
        })
        .collect();
    for row in list(&folder.join("layer1.json"))? {
        let (id, partition) = (
            text(&row, "id").to_owned(),
            text(&row, "partition").to_owned(),
        );
        if partition != "train" {
            *out.counts
                .entry(format!("left for evaluation ({partition})"))
                .or_default() += 1;
            continue;
        }
        let Some(name) = pictures.get(&id) else {
            *out.counts
                .entry("recipes without a picture".to_owned())
                .or_default() += 1;
            continue;
        };
        // Published in folders of the name's first four signs.
        let mut nested = root.join(&partition);
        name.chars()
            .take(4)
            .for_each(|sign| nested.push(sign.to_string()));
        let places = [nested.join(name), root.join(name)];
        let Some(image) = places.iter().find(|place| place.is_file()) else {
            out.reject(
                &id,
                Reason::MissingImage.as_str(),
                format!("`{}` does not exist", places[0].display()),
            );
            continue;
        };
        let lines = |key: &str| -> Vec<&str> {
            row[key]
                .as_array()
                .into_iter()
                .flatten()
                .map(|item| text(item, "text"))
                .collect()
        };
        let steps: Vec<String> = lines("instructions")
            .iter()
            .enumerate()
            .map(|(at, step)| format!("{}. {step}", at + 1))
            .collect();
        let caption = format!(
            "Title: {}\nIngredients: {}\nInstructions:\n{}",
            text(&row, "title"),
            lines("ingredients").join("; "),
            steps.join("\n")
        );
        let mut made = pair(id.clone(), image.clone(), &caption, "Recipe1M", Map::new());
        made.group = Some(id);
        out.rows.push(made);
    }
    Ok(out)
}

/// One of a picture's captions, drawn by the picture's name.
fn drawn<'a>(seed: u64, id: &str, said: &[&'a str]) -> Option<&'a str> {
    let said: Vec<&str> = said
        .iter()
        .copied()
        .filter(|text| !text.trim().is_empty())
        .collect();
    (!said.is_empty()).then(|| *Rng::new(hash(seed, &format!("caption of {id}"))).choose(&said))
}

/// RSICD and its kin: `images` of `filename`, `sentences` and `split`; the training part.
fn captions(name: &str, path: &Path, root: &Path, seed: u64) -> Result<Imported<Pair>, Error> {
    let mut out = Imported::new();
    let document = read(path)?;
    let Some(rows) = document["images"].as_array() else {
        return Err(Error::file(
            path,
            "has no list `images` of `filename` and `sentences`",
        ));
    };
    // All parts together.
    let published = match name {
        "rsicd" => 10_921,
        "rsitmd" => 4_743,
        "sydney-captions" => 613,
        _ => 2_100,
    };
    out.expect("pictures", rows.len(), published, published);
    for row in rows {
        let file = text(row, "filename");
        let sentences = row["sentences"].as_array().into_iter().flatten();
        let said: Vec<&str> = sentences.map(|sentence| text(sentence, "raw")).collect();
        one_of(
            &mut out,
            name,
            file,
            &root.join(file),
            text(row, "split"),
            &said,
            seed,
            Map::new(),
        );
    }
    Ok(out)
}

#[expect(clippy::too_many_arguments, reason = "the fields of a published row")]
fn one_of(
    out: &mut Imported<Pair>,
    name: &str,
    file: &str,
    image: &Path,
    split: &str,
    said: &[&str],
    seed: u64,
    meta: Map<String, Value>,
) {
    if split != "train" {
        *out.counts
            .entry(format!("left for evaluation ({split})"))
            .or_default() += 1;
        return;
    }
    let id = format!("{name}/{file}");
    match drawn(seed, &id, said) {
        None => out.reject(&id, Reason::EmptyCaption.as_str(), "has no sentence"),
        Some(_) if !image.is_file() => {
            out.reject(
                &id,
                Reason::MissingImage.as_str(),
                format!("`{}` does not exist", image.display()),
            );
        }
        Some(caption) => out
            .rows
            .push(pair(id, image.to_owned(), caption, name, meta)),
    }
}

/// NWPU-Captions: a list of pictures for each class, with `raw` to `raw_4`.
fn nwpu(path: &Path, root: &Path, seed: u64) -> Result<Imported<Pair>, Error> {
    let mut out = Imported::new();
    let Value::Object(classes) = read(path)? else {
        return Err(Error::file(
            path,
            "is not a JSON object of a list for each class",
        ));
    };
    let mut all = 0;
    for (class, rows) in &classes {
        for row in rows.as_array().into_iter().flatten() {
            all += 1;
            let file = text(row, "filename");
            let said = ["raw", "raw_1", "raw_2", "raw_3", "raw_4"].map(|key| text(row, key));
            let places = [root.join(class).join(file), root.join(file)];
            let image = places
                .iter()
                .find(|place| place.is_file())
                .unwrap_or(&places[0])
                .clone();
            let meta = Map::from_iter([("class".to_owned(), json!(class))]);
            one_of(
                &mut out,
                "nwpu-captions",
                file,
                &image,
                text(row, "split"),
                &said,
                seed,
                meta,
            );
        }
    }
    out.expect("pictures", all, 31_500, 31_500);
    Ok(out)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, name: &str, content: &Value) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(&path, content.to_string()).expect("write");
    }

    fn talk(question: &str, answer: &str) -> Value {
        json!([{"from": "human", "value": question}, {"from": "gpt", "value": answer}])
    }

    #[test]
    fn seed_data_is_joined_by_file_name_and_split_by_task() {
        let folder = tempfile::tempdir().expect("folder");
        let folder = folder.path();
        let (mut flan, mut captions, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..10 {
            let name = format!("{i}.jpg");
            put(folder, &format!("pics/{name}"), &json!("x"));
            flan.push(json!({"id": format!("vqa+{i}"), "task_name": "vqa", "image": format!("pics/{name}"),
                "conversations": talk("<image>\nWhat?", &format!("p{i}"))}));
            // Both layouts of a caption.
            captions.push(if i % 2 == 0 {
                json!({"image": format!("other/{name}"), "caption": format!("c{i}")})
            } else {
                json!({"image": format!("other/{name}"), "conversations": talk("<image>Describe", &format!("c{i}"))})
            });
            captions.push(json!({"image": format!("other/{name}"), "caption": "a later one"}));
            answers.push(json!({"image": format!("other/{name}"), "conversations": talk("What?\n<image>", &format!("i{i}"))}));
        }
        flan.push(json!({"id": "ocr+x", "image": "pics/x.jpg", "conversations": talk("<image>Read", "p")}));
        captions.push(json!({"image": "laion.jpg", "caption": "nobody's"}));
        put(folder, "metadata.json", &json!(flan));
        put(folder, "ALLaVA-Caption-VFLAN-4V.json", &json!(captions));
        put(folder, "ALLaVA-Instruct-VFLAN-4V.json", &json!(answers));
        let found = seeds(folder, None).expect("seeds");
        assert_eq!((found.rows.len(), found.dev.len()), (9, 1));
        // CPython's shuffle of ten with seed 42 ends in 1.
        let dev = &found.dev[0];
        assert_eq!((dev.id.as_str(), dev.caption.as_str()), ("vqa+1", "c1"));
        let task = &dev.tasks[0];
        assert_eq!(
            (
                task.instruction.as_str(),
                task.informative.as_str(),
                task.precise.as_str()
            ),
            ("What?", "i1", "p1")
        );
        assert_eq!(found.rejected[0].reason, "no-caption");
        assert_eq!(found.counts["vqa"], 10);
        assert_eq!(found.domains["Objects/General Items"], 10);
        assert!(
            found.warnings.iter().any(|w| w
                .starts_with("1 image domains where 20 were published; without a picture: Animal")),
            "{:?}",
            found.warnings
        );
        assert!(
            found
                .warnings
                .iter()
                .any(|w| w.starts_with("1 tasks where 191")),
            "{:?}",
            found.warnings
        );
    }

    #[test]
    fn recipes_are_captions_of_their_first_picture() {
        let folder = tempfile::tempdir().expect("folder");
        let folder = folder.path();
        let recipe = |id: &str, part: &str| {
            json!({"id": id, "title": "Soup", "partition": part, "ingredients": [{"text": "1 leek"}, {"text": "salt"}],
                "instructions": [{"text": "Cut."}, {"text": "Boil."}]})
        };
        put(
            folder,
            "layer1.json",
            &json!([
                recipe("a", "train"),
                recipe("b", "test"),
                recipe("c", "train"),
                recipe("d", "train")
            ]),
        );
        let images = |id: &str| json!({"id": id, "images": [{"id": format!("0123{id}.jpg")}, {"id": "z.jpg"}]});
        put(
            folder,
            "layer2.json",
            &json!([images("a"), images("b"), images("d")]),
        );
        put(folder, "train/0/1/2/3/0123a.jpg", &json!("x"));
        let found = pairs(Source::Recipe1M, folder, None, 1).expect("pairs");
        let pair = &found.rows[0];
        assert_eq!(
            pair.caption,
            "Title: Soup\nIngredients: 1 leek; salt\nInstructions:\n1. Cut.\n2. Boil."
        );
        assert_eq!((found.rows.len(), pair.group.as_deref()), (1, Some("a")));
        assert!(pool(Source::Recipe1M).contains(&pair.request.as_deref().expect("request")));
        assert_eq!(found.counts["left for evaluation (test)"], 1);
        assert_eq!(found.counts["recipes without a picture"], 1);
        assert_eq!(
            (found.rejected.len(), found.rejected[0].id.as_str()),
            (1, "d")
        );
        assert!(
            found.warnings[0].starts_with("2 pairs where 125000 to 135000"),
            "{:?}",
            found.warnings
        );
    }

    #[test]
    fn alignment_files_give_pairs_of_one_picture() {
        let folder = tempfile::tempdir().expect("folder");
        let folder = folder.path();
        put(folder, "a.jpg", &json!("x"));
        let rows = json!([
            {"id": "1", "image": "a.jpg", "conversatons": talk("Describe.\n<image>", " A scan. ")},
            {"id": "2", "image": ["a.jpg", "b.jpg"], "conversations": talk("?", "Two.")},
            {"id": "3", "image": ["a.jpg"], "modality": "CT", "conversations": talk("?", "One.")},
            {"id": "4", "image": "gone.jpg", "conversations": talk("?", "Gone.")},
        ]);
        put(folder, "file.json", &rows);
        let found = pairs(Source::PubMedVision, &folder.join("file.json"), None, 1).expect("pairs");
        let shown: Vec<_> = found
            .rows
            .iter()
            .map(|p| (p.id.as_str(), p.caption.as_str()))
            .collect();
        assert_eq!(shown, [("1", "A scan."), ("3", "One.")]);
        assert_eq!(found.rows[1].meta["modality"], "CT");
        let reasons: Vec<_> = found.rejected.iter().map(|r| r.reason.as_str()).collect();
        assert_eq!(reasons, ["image-marks", "missing-image"]);
    }

    #[test]
    fn remote_sensing_captions_of_the_training_part() {
        let folder = tempfile::tempdir().expect("folder");
        let folder = folder.path();
        put(folder, "p_1.tif", &json!("x"));
        put(folder, "port/port_1.jpg", &json!("x"));
        let sentences = json!([{"raw": "Ships lie here."}, {"raw": "A port."}]);
        put(
            folder,
            "dataset.json",
            &json!({"images": [
            {"filename": "p_1.tif", "split": "train", "sentences": sentences},
            {"filename": "p_2.tif", "split": "test", "sentences": sentences}]}),
        );
        put(
            folder,
            "nwpu.json",
            &json!({"port": [
            {"filename": "port_1.jpg", "split": "train", "raw": "A port.", "raw_1": "Ships lie here."}]}),
        );
        for (source, file, left) in [
            (Source::RemoteSensing("rsicd"), "dataset.json", 1),
            (Source::Nwpu, "nwpu.json", 0),
        ] {
            let found = pairs(source, &folder.join(file), None, 1).expect("pairs");
            assert_eq!((found.rows.len(), found.rejected.len()), (1, 0));
            assert!(["Ships lie here.", "A port."].contains(&found.rows[0].caption.as_str()));
            assert_eq!(
                found
                    .counts
                    .get("left for evaluation (test)")
                    .copied()
                    .unwrap_or(0),
                left
            );
            // The same seed draws the same caption and request.
            assert_eq!(
                pairs(source, &folder.join(file), None, 1)
                    .expect("pairs")
                    .rows,
                found.rows
            );
        }
    }
}
