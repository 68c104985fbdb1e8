//! The paper's data sets through the binary, each as a small file in its published layout.

mod program;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use program::text;
use serde_json::{Value, json};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("folder"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &Value) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(path, content.to_string()).expect("write");
    }

    fn picture(&self, name: &str, level: u8) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        let picture =
            image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, level]));
        picture.save(path).expect("picture");
    }

    /// What `convert --from SOURCE` says, and the records that it wrote.
    fn convert(&self, source: &str, input: &str) -> (Value, String, Vec<Value>) {
        let (told, said) = self.convert_to("jsonl", source, input);
        (told, said, rows(&self.at("out.jsonl")))
    }

    fn convert_to(&self, layout: &str, source: &str, input: &str) -> (Value, String) {
        let output = program::adamllm()
            .args(["convert", "--json", "--to", layout, "--from", source])
            .args([self.at(input), self.at("out").with_extension(layout)])
            .output()
            .expect("the program starts");
        let said = text(&output.stderr);
        assert!(output.status.success(), "{source}: {said}");
        (serde_json::from_slice(&output.stdout).expect("JSON"), said)
    }
}

fn rows(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("records");
    let parse = |line: &str| serde_json::from_str(line).expect("JSON");
    text.lines().map(parse).collect()
}

fn talk(question: &str, answer: &str) -> Value {
    json!([{"from": "human", "value": question}, {"from": "gpt", "value": answer}])
}

/// That the records can be used by everything else.
fn inspected(path: &Path, rows: usize) {
    let output = program::adamllm()
        .args(["inspect", "data", "--json", "--strict"])
        .arg(path)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["summary"]["num_rows"], rows);
}

#[test]
fn seed_data_is_joined_split_and_counted() {
    let folder = Folder::new();
    let (mut flan, mut captions, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for (task, domain) in [
        ("VQARAD+question_answer", 0_u8),
        ("PACS+dog_image", 1),
        ("own", 2),
    ] {
        for i in 0..10_u8 {
            let name = format!("{domain}_{i}.jpg");
            folder.picture(&format!("seed/images/{name}"), domain * 90 + i);
            flan.push(json!({"id": format!("{task}+{name}"), "task_name": task, "image": format!("images/{name}"),
                "conversations": talk(&format!("<image>\nWhat is {i}?"), &format!("p{i}"))}));
            // Both layouts of a caption.
            captions.push(if i % 2 == 0 {
                json!({"image": format!("vflan/{name}"), "caption": format!("Caption {name}.")})
            } else {
                json!({"image": format!("vflan/{name}"), "conversations": talk("<image>\nDescribe it.", &format!("Caption {name}."))})
            });
            answers.push(json!({"image": format!("vflan/{name}"),
                "conversations": talk(&format!("What is {i}?\n<image>"), &format!("It is p{i}, as one sees."))}));
        }
    }
    folder.write("seed/metadata.json", &json!(flan));
    folder.write("seed/ALLaVA-Caption-VFLAN-4V.json", &json!(captions));
    folder.write("seed/ALLaVA-Instruct-VFLAN-4V.json", &json!(answers));
    let (told, said, train) = folder.convert("vision-flan+allava", "seed");
    assert_eq!((&told["written"], &told["dev"]), (&27.into(), &3.into()));
    assert_eq!(
        told["counts"],
        json!({"PACS+dog_image": 10, "VQARAD+question_answer": 10, "own": 10})
    );
    assert_eq!(told["domains"], json!({"Animal": 10, "Medical": 10}));
    for warning in [
        "warning: 30 ALLaVA captions where 202552 were published",
        "warning: 30 ALLaVA answers where 203065 were published",
        "warning: 3 tasks where 191 were published",
        "warning: 2 image domains where 20 were published; without a picture: Objects/General Items, Celebrity/Human",
        "warning: 1 tasks are of no image domain that is known here: `own`",
        "warning: 30 usable pictures where 165000 to 195000 were published",
    ] {
        assert!(said.contains(warning), "{warning} is not in:\n{said}");
    }
    for row in &train {
        let task = &row["tasks"][0];
        let number = row["images"][0].as_str().expect("path");
        let number = number
            .rsplit_once('_')
            .expect("name")
            .1
            .trim_end_matches(".jpg");
        assert_eq!(task["instruction"], format!("What is {number}?"));
        assert_eq!(task["precise"], format!("p{number}"));
        assert_eq!(
            task["informative"],
            format!("It is p{number}, as one sees.")
        );
    }
    let dev = rows(&folder.at("out.dev.jsonl"));
    let ids = |rows: &[Value]| -> BTreeSet<String> {
        rows.iter().map(|row| row["id"].to_string()).collect()
    };
    assert_eq!(ids(&train).union(&ids(&dev)).count(), 30);
    // One of each task.
    let tasks: BTreeSet<&str> = dev.iter().filter_map(|row| row["task"].as_str()).collect();
    assert_eq!(tasks.len(), 3);
    inspected(&folder.at("out.jsonl"), 27);
}

#[test]
fn pictures_with_captions_of_each_source_become_pairs() {
    let folder = Folder::new();
    for (at, name) in [
        "a.jpg",
        "b.jpg",
        "train/0/1/2/3/0123c.jpg",
        "port/port_1.jpg",
    ]
    .iter()
    .enumerate()
    {
        folder.picture(name, at as u8 * 60);
    }
    let alignment = json!([
        {"id": "1", "image": "a.jpg", "conversations": talk("Describe.\n<image>", "A scan of a lung.")},
        {"id": "2", "image": ["a.jpg", "b.jpg"], "conversations": talk("?", "Two of them.")},
        {"id": "3", "image": ["b.jpg"], "conversations": talk("?", "A scan of a knee.")},
        {"id": "4", "image": "gone.jpg", "conversations": talk("?", "Gone.")},
    ]);
    folder.write("alignment.json", &alignment);
    let recipe = |id: &str, part: &str| {
        json!({"id": id, "title": "Leek soup", "partition": part,
        "ingredients": [{"text": "1 leek"}], "instructions": [{"text": "Cut."}, {"text": "Boil."}]})
    };
    folder.write(
        "layer1.json",
        &json!([recipe("c", "train"), recipe("d", "test")]),
    );
    folder.write(
        "layer2.json",
        &json!([{"id": "c", "images": [{"id": "0123c.jpg"}]}]),
    );
    let sentences = json!([{"raw": "Ships lie here."}, {"raw": "A port with ships."}]);
    let published = json!({"images": [{"filename": "a.jpg", "split": "train", "sentences": sentences},
        {"filename": "b.jpg", "split": "test", "sentences": sentences}]});
    folder.write("dataset.json", &published);
    let nwpu = json!({"port": [{"filename": "port_1.jpg", "split": "train", "raw": "Ships lie here.", "raw_1": "A port."}]});
    folder.write("nwpu.json", &nwpu);
    let folder_of_recipes = "";
    let sources = [
        (
            "llava-med",
            "alignment.json",
            2,
            "3 pairs where 460000 to 480000",
        ),
        (
            "pubmedvision",
            "alignment.json",
            2,
            "3 pairs with one picture where 495000 to 515000",
        ),
        (
            "recipe1m",
            folder_of_recipes,
            1,
            "1 pairs where 125000 to 135000",
        ),
        ("nwpu-captions", "nwpu.json", 1, "1 pictures where 31500"),
        ("rsicd", "dataset.json", 1, "2 pictures where 10921"),
        ("rsitmd", "dataset.json", 1, "2 pictures where 4743"),
        ("sydney-captions", "dataset.json", 1, "2 pictures where 613"),
        ("ucm-captions", "dataset.json", 1, "2 pictures where 2100"),
    ];
    let mut questions = BTreeSet::new();
    for (source, input, expected, warning) in sources {
        let (told, said, rows) = folder.convert(source, input);
        assert_eq!(
            (&told["written"], rows.len()),
            (&expected.into(), expected),
            "{source}"
        );
        assert!(
            said.contains(&format!("warning: {warning} were published")),
            "{source}: {said}"
        );
        for row in &rows {
            assert!(
                row["caption"].as_str().is_some_and(|text| text.len() > 5),
                "{source}: {row}"
            );
            questions.insert(row["request"].as_str().expect("a question").to_owned());
        }
        inspected(&folder.at("out.jsonl"), expected);
    }
    // Questions are drawn from a pool for each kind of source.
    assert!(questions.len() > 3, "{questions:?}");
    let (_, _, rows) = folder.convert("recipe1m", folder_of_recipes);
    let caption = "Title: Leek soup\nIngredients: 1 leek\nInstructions:\n1. Cut.\n2. Boil.";
    assert_eq!(rows[0]["caption"], caption);
    // Into another layout at once.
    folder.convert_to("parquet", "rsicd", "dataset.json");
    inspected(&folder.at("out.parquet"), 1);
}
