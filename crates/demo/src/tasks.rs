//! Questions about pictures as task files.

use std::path::{Path, PathBuf};

use corpus::Label;
use corpus::jsonl;
use corpus::seed::{Rng, hash};
use evaluation::tasks::{FileMetric, Item};
use serde_json::{Map, Value};

use crate::pictures::Picture;
use crate::world::{self, Asks, Question};

/// A question of one sort about each picture.
pub fn items(pictures: &[Picture], asks: Asks, kinds: &[String]) -> Vec<Item> {
    let item = |picture: &Picture| {
        // Questions do not depend on the run's seed, so that runs compare.
        let mut rng = Rng::new(hash(6, &format!("{} {}", asks.task(), picture.id)));
        let question = world::question(&picture.thing, asks, kinds, &mut rng);
        let images = vec![picture.path.clone()];
        asked(&picture.id, images, question, &picture.concept)
    };
    pictures.iter().map(item).collect()
}

/// A question as an item of a task file.
pub fn asked(id: &str, images: Vec<PathBuf>, question: Question, cluster: &str) -> Item {
    let letters = ('A'..='Z').map(String::from);
    let options = letters.zip(question.options.into_iter().map(Value::from));
    let choices: Map<String, Value> = options.collect();
    item(
        id,
        images,
        question.instruction,
        question.precise,
        cluster,
        question.asks.metric(),
        (!choices.is_empty()).then_some(choices),
    )
}

fn item(
    id: &str,
    images: Vec<PathBuf>,
    question: String,
    label: String,
    cluster: &str,
    metric: FileMetric,
    choices: Option<Map<String, Value>>,
) -> Item {
    Item {
        id: id.to_owned(),
        images,
        question: Some(question),
        label: Label::Text(label),
        answer_type: None,
        choices,
        cluster: Some(cluster.to_owned()),
        index: None,
        meta: Map::from_iter([("metric".to_owned(), metric.name().into())]),
    }
}

/// Captions that are asked for.
pub fn descriptions(pictures: &[Picture], kinds: &[String]) -> Vec<Item> {
    let label = |picture: &Picture| {
        let mut rng = Rng::new(hash(8, &picture.id));
        world::contrasting_caption(&picture.thing, kinds, &mut rng).0
    };
    let described = |picture: &Picture| {
        item(
            &picture.id,
            vec![picture.path.clone()],
            "Describe the image.".to_owned(),
            label(picture),
            &picture.concept,
            FileMetric::RougeL,
            None,
        )
    };
    pictures.iter().map(described).collect()
}

/// Writes a task file of the demo's folder. Pictures of the folder are named as they are seen from the file, so that the
/// folder can be moved.
pub(crate) fn write(folder: &Path, name: &str, mut items: Vec<Item>) -> Result<(), corpus::Error> {
    for image in items.iter_mut().flat_map(|item| &mut item.images) {
        if let Ok(inside) = image.strip_prefix(folder) {
            *image = Path::new("..").join(inside);
        }
    }
    let path = folder.join(format!("tasks/{name}.jsonl"));
    jsonl::write(&path, &items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Thing;

    #[test]
    fn pictures_are_named_as_seen_from_the_task_file() {
        let parent = tempfile::tempdir().expect("folder");
        let folder = parent.path().join("demo");
        std::fs::create_dir_all(folder.join("tasks")).expect("folder");
        let picture = Picture {
            id: "soup_noto".to_owned(),
            concept: "soup".to_owned(),
            subgroup: String::new(),
            style: "noto",
            path: folder.join("food/soup_noto.png"),
            thing: Thing {
                name: "soup".to_owned(),
                kind: "dish".to_owned(),
                colour: "red".to_owned(),
                keywords: Vec::new(),
                gloss: None,
            },
        };
        let kinds = ["dish", "fruit", "drink"].map(str::to_owned);
        let mut items = items(std::slice::from_ref(&picture), Asks::Kind, &kinds);
        assert_eq!(items[0].images, [picture.path]);
        write(&folder, "kind", items.clone()).expect("a task file");
        let written: Vec<Item> = jsonl::read(&folder.join("tasks/kind.jsonl")).expect("items");
        items[0].images = vec!["../food/soup_noto.png".into()];
        assert_eq!(written, items);
    }
}
