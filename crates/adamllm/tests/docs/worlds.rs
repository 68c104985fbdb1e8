//! The folders that the documents are followed in: small stand-ins under the names that a document uses.

use std::path::Path;

use model::Parameter;
use serde_json::{Value, json};
use torch::{Device, Kind};

use crate::program;
use crate::published::{self, root};

/// A folder with all that is in it. Weights are never written in place, so a second name for them will do where there can be
/// one.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("folder").flatten() {
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        let is_weights = path
            .extension()
            .is_some_and(|ending| ending == "safetensors");
        if path.is_dir() {
            copy(&path, &place);
        } else if !(is_weights && std::fs::hard_link(&path, &place).is_ok()) {
            std::fs::copy(path, place).expect("copy");
        }
    }
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
    std::fs::write(path, text).expect("write");
}

fn lines(rows: impl IntoIterator<Item = Value>) -> String {
    let rows: Vec<String> = rows.into_iter().map(|row| format!("{row}\n")).collect();
    rows.concat()
}

fn picture(folder: &Path, name: &str, level: u8) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
    let picture = image::RgbImage::from_fn(64, 48, |x, y| {
        image::Rgb([(x * 4) as u8, (y * 5) as u8, level])
    });
    picture.save(path).expect("picture");
}

/// What must succeed before a document begins.
fn adamllm(folder: &Path, command: &str) {
    let output = program::adamllm()
        .current_dir(folder)
        .args(command.split(' '))
        .args(["--threads", "1"])
        .output()
        .expect("the program starts");
    let said = program::text(&output.stderr);
    assert!(output.status.success(), "`{command}`: {said}");
}

/// Eight pictures with their captions beside them.
pub fn pictures(folder: &Path) -> Vec<String> {
    std::fs::create_dir_all(folder).expect("folder");
    let words = [
        "red", "green", "blue", "yellow", "black", "orange", "pink", "brown",
    ];
    let mut names = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let at = at as u32;
        let picture = image::RgbImage::from_fn(72, 72, |x, y| {
            let on = (x / (6 + 2 * at) + y / 9).is_multiple_of(2);
            image::Rgb(if on {
                [30 * at as u8, 250 - 25 * at as u8, 80]
            } else {
                [255; 3]
            })
        });
        let name = format!("{word}.png");
        picture.save(folder.join(&name)).expect("picture");
        put(
            folder,
            &format!("{word}.txt"),
            &format!("A {word} board.\n"),
        );
        names.push(name);
    }
    names
}

/// A table of the same pictures.
pub fn table(folder: &Path) {
    let names = pictures(folder);
    let rows: Vec<String> = names
        .iter()
        .map(|name| format!("{name}\tA board called {name}\n"))
        .collect();
    let text = format!("filepath\ttitle\n{}", rows.concat());
    put(folder, "photos.tsv", &text);
}

/// Pairs, and a recipe of two steps a training for the shipped base.
pub fn own_pairs(folder: &Path) {
    let names = pictures(&folder.join("photos"));
    let pairs = names.iter().map(|name| {
        json!({"id": name, "images": [format!("photos/{name}")], "caption": format!("A board called {name}.")})
    });
    put(folder, "pairs.jsonl", &lines(pairs));
    let seeds = names.iter().take(4).map(|name| {
        let task = json!({"instruction": "What is it?", "informative": "It is a board of one colour.", "precise": "board"});
        json!({"id": name, "images": [format!("photos/{name}")], "caption": "A board.", "task": "name", "tasks": [task]})
    });
    put(folder, "seeds.jsonl", &lines(seeds));
    let truth = names.iter().map(|name| {
        let answer = json!({"kind": "name", "question": "What is it?", "answer": "board"});
        json!({"id": name, "answers": [answer]})
    });
    put(folder, "truth.jsonl", &lines(truth));
    put(
        folder,
        "my.toml",
        "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"pairs.jsonl\"\ntruth = \"truth.jsonl\"\nheld_out = 0.25\n[synthesizer]\n\
         seed_data = \"seeds.jsonl\"\nmax_new_tokens = 24\n[synthesizer.train]\nmax_steps = 2\nbatch_size = 2\n[train]\n\
         max_steps = 2\nbatch_size = 2\n[evaluate]\nmax_new_tokens = 16\nquality = true\n\
         [quality]\ndata = [\"seeds=seeds.jsonl\"]\nsample = 2\nshow = [\"red.png\"]\ncheckpoint = \"demo\"\nanswerer = \"demo\"\n",
    );
}

/// What the documents that follow a run name beside it.
pub fn after_a_run(folder: &Path) {
    // A second run, a quick one, and a control that the first did not train.
    copy(&folder.join("runs/my"), &folder.join("runs/other"));
    copy(&folder.join("runs/my"), &folder.join("runs/quick"));
    let evaluate = folder.join("runs/my/evaluate");
    copy(&evaluate.join("adapted"), &evaluate.join("captions"));
    let recipe = std::fs::read_to_string(folder.join("my.toml")).expect("recipe");
    put(
        folder,
        "other.toml",
        &recipe.replace("max_steps = 2", "max_steps = 3"),
    );
    copy(
        &root().join("assets/demo/base-model"),
        &folder.join("models/general"),
    );
    for name in ["DIR", "models/llava"] {
        copy(&folder.join("models/general"), &folder.join(name));
    }
    copy(&root().join("recipes"), &folder.join("recipes"));
    picture(folder, "photo.jpg", 90);
    picture(folder, "a.png", 91);
    // The request is the one that the document on serving shows.
    let serving = std::fs::read_to_string(root().join("docs/serving.md")).expect("document");
    let request = serving
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    put(folder, "requests.jsonl", request.expect("a request"));
    benchmarks(folder);
    systems(folder);
    own_benchmark(folder);
    let mine = std::fs::read_to_string(folder.join("trees.toml")).expect("task");
    put(folder, "mine.toml", &mine.replace("\"trees\"", "\"mine\""));
    put(folder, "samples.jsonl", &samples("photo.jpg"));
}

/// A few items of three benchmarks, and answers to them.
fn benchmarks(folder: &Path) {
    let at = folder.join("benchmarks");
    let closed = (0..3).map(|i| {
        picture(&at, &format!("slake/{i}.png"), i * 70);
        json!({"id": format!("s{i}"), "image": format!("{i}.png"), "question": "Is it red?", "label": "yes", "answer_type": "CLOSED"})
    });
    put(&at, "slake/test.jsonl", &lines(closed));
    let choices = json!({"A": "a red pot", "B": "a cup", "C": "a dog", "D": "a tree"});
    let choice = (0..2).map(|i| {
        picture(&at, &format!("pmc-vqa/{i}.png"), i * 70 + 9);
        json!({"id": format!("p{i}"), "image": format!("{i}.png"), "question": "What?", "label": "A", "choices": choices})
    });
    put(&at, "pmc-vqa/test.jsonl", &lines(choice));
    let answers = lines((0..3).map(|i| json!({"id": format!("s{i}"), "text": "Yes, it is."})));
    for place in ["runs/answers/slake.jsonl", "answers/slake.jsonl"] {
        put(folder, place, &answers);
    }
    let own = (0..3).map(|i| {
        json!({"id": format!("s{i}"), "prediction": "Yes.", "label": "yes", "answer_type": "CLOSED"})
    });
    put(folder, "slake.jsonl", &lines(own));
}

/// Scores of several systems, and two files of predictions.
fn systems(folder: &Path) {
    let system = |right: usize| {
        let rows = (0..24).map(|i| {
            let said = if i < right { "Yes." } else { "No." };
            json!({"id": i.to_string(), "prediction": said, "label": "yes", "answer_type": "CLOSED",
                "image": format!("{i}.png")})
        });
        lines(rows)
    };
    let names = ["base", "adapted", "llava-med", "llava", "a", "b", "c"];
    for (at, name) in names.iter().enumerate() {
        put(
            folder,
            &format!("predictions/{name}/slake.jsonl"),
            &system(8 + 2 * at),
        );
        adamllm(
            folder,
            &format!("score --predictions predictions/{name} --output scores/{name}"),
        );
    }
    put(folder, "before.jsonl", &system(9));
    put(folder, "after.jsonl", &system(20));
}

/// A benchmark of one's own, and answers to it.
pub fn own_benchmark(folder: &Path) {
    put(
        folder,
        "trees.toml",
        "id = \"trees\"\nscoring = \"class\"\nnames = [\"oak\", \"ash\"]\nprompt = \"{question} {names}\"\n\
         data = \"trees.jsonl\"\n",
    );
    let items = (0..4).map(|i| {
        picture(folder, &format!("tree{i}.png"), i * 60);
        let label = if i % 2 == 0 { "oak" } else { "ash" };
        json!({"id": i.to_string(), "image": format!("tree{i}.png"), "question": "Which tree?", "label": label})
    });
    put(folder, "trees.jsonl", &lines(items));
    let answers = (0..4).map(|i| json!({"id": i.to_string(), "prediction": "An oak.", "label": if i % 2 == 0 { "oak" } else { "ash" }}));
    put(folder, "answers.jsonl", &lines(answers));
}

fn samples(image: &str) -> String {
    let turns = json!([
        {"role": "user", "text": "<image>\nWhat is it?", "marks": true},
        {"role": "assistant", "text": "A board.", "learn": true},
    ]);
    lines([json!({"id": "0", "images": [image], "turns": turns})])
}

/// A folder of the processor's golden files with random weights.
fn write_model(name: &str, folder: &Path) {
    copy(
        &root().join("crates/processor/tests/golden").join(name),
        folder,
    );
    let config = std::fs::read_to_string(folder.join("config.json")).expect("config");
    let model = model::fresh(&config, 3, Device::Cpu, Kind::Float).expect("model");
    model::save(model.as_ref(), folder, None, Kind::Float).expect("saved");
}

/// The tower of a LLaVA-NeXT as a folder of its own, by the names of a CLIP.
fn write_tower(next: &Path, folder: &Path) {
    std::fs::create_dir_all(folder).expect("folder");
    let config = published::read(&next.join("config.json"))["vision_config"].to_string();
    put(folder, "config.json", &config);
    let settings = json!({"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 72},
        "crop_size": {"height": 72, "width": 72}});
    put(folder, "preprocessor_config.json", &settings.to_string());
    let model = model::load(next, Device::Cpu, Kind::Float).expect("model");
    let of_tower = |p: &Parameter| {
        let rest = p.name.strip_prefix("vision_tower.")?;
        Some(Parameter {
            name: format!("vision_model.{rest}"),
            tensor: p.tensor.shallow_clone(),
            adapter: None,
            ..*p
        })
    };
    let tower: Vec<Parameter> = model.parameters().iter().filter_map(of_tower).collect();
    model::save_as(&tower, &config, folder, None, Kind::Float).expect("saved");
}

/// A model that somebody added.
pub fn new_model(folder: &Path) {
    write_model("llama", &folder.join("models/new"));
    picture(folder, "a.png", 30);
    put(folder, "samples.jsonl", &samples("a.png"));
}

/// A LLaVA-NeXT in the original code's layout, its tower, and a text model to put together with one.
pub fn models_in_other_layouts(folder: &Path) {
    let at = |name: &str| folder.join("models").join(name);
    write_model("llama", &at("general"));
    write_tower(&at("general"), &at("clip"));
    copy(&at("clip"), &at("dinov2"));
    adamllm(
        folder,
        "convert --from hf --to open-llava-next models/general models/old",
    );
    write_model("text", &at("llama"));
    let template = "{{ bos_token }}{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '<|eot_id|>' }}\
                    {% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
    put(&at("llama"), "chat_template.jinja", template);
}

/// The recipes of the paper, the published configurations, and a few records.
pub fn recipes_of_the_paper(folder: &Path) {
    published::write_models(&folder.join("models"));
    published::write_data(&folder.join("data"));
    copy(&root().join("recipes"), &folder.join("recipes"));
}

/// The same, and the published files that pairs and seed data are made from, small.
pub fn data_of_the_paper(folder: &Path) {
    recipes_of_the_paper(folder);
    let talk = |question: &str, answer: &str| json!([{"from": "human", "value": question}, {"from": "gpt", "value": answer}]);
    let (mut flan, mut captions, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..10_u8 {
        let name = format!("{i}.jpg");
        picture(folder, &format!("seed-data/images/{name}"), i * 20);
        flan.push(json!({"id": name, "task_name": "VQARAD+question_answer", "image": format!("images/{name}"),
            "conversations": talk("<image>\nWhat?", "A board.")}));
        captions
            .push(json!({"image": format!("vflan/{name}"), "caption": "A board of many colours."}));
        answers.push(json!({"image": format!("vflan/{name}"),
            "conversations": talk("What?\n<image>", "It is a board.")}));
    }
    put(folder, "seed-data/metadata.json", &json!(flan).to_string());
    let allava = |part: &str| format!("seed-data/ALLaVA-{part}-VFLAN-4V.json");
    put(folder, &allava("Caption"), &json!(captions).to_string());
    put(folder, &allava("Instruct"), &json!(answers).to_string());

    let alignment = json!([{"id": "1", "image": "a.jpg", "conversations": talk("Describe.\n<image>", "A scan of a lung.")}]);
    for (file, pictures) in [
        ("llava_med_alignment_500k.json", "pmc-images"),
        ("PubMedVision_Alignment_VQA.json", "pubmedvision"),
    ] {
        put(folder, file, &alignment.to_string());
        picture(folder, &format!("{pictures}/a.jpg"), 50);
    }
    let recipe = json!([{"id": "c", "title": "Leek soup", "partition": "train", "ingredients": [{"text": "1 leek"}],
        "instructions": [{"text": "Cut."}, {"text": "Boil."}]}]);
    put(folder, "recipe1m/layer1.json", &recipe.to_string());
    let images = json!([{"id": "c", "images": [{"id": "0123c.jpg"}]}]);
    put(folder, "recipe1m/layer2.json", &images.to_string());
    picture(folder, "recipe1m/images/train/0/1/2/3/0123c.jpg", 70);
    let nwpu = json!({"port": [{"filename": "port_1.jpg", "split": "train", "raw": "Ships lie here.", "raw_1": "A port."}]});
    put(folder, "dataset_nwpu.json", &nwpu.to_string());
    picture(folder, "nwpu/port/port_1.jpg", 80);
    let rsicd = json!({"images": [{"filename": "a.jpg", "split": "train", "sentences": [{"raw": "Ships lie here."}]}]});
    put(folder, "dataset_rsicd.json", &rsicd.to_string());
    picture(folder, "rsicd/a.jpg", 90);
    benchmarks(folder);
}
