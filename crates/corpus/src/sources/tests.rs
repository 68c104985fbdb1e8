use std::path::Path;

use serde_json::{Value, json};

use super::requests::pool;
use super::{Source, pairs, seeds};

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
        flan.push(
            json!({"id": format!("vqa+{i}"), "task_name": "vqa", "image": format!("pics/{name}"),
            "conversations": talk("<image>\nWhat?", &format!("p{i}"))}),
        );
        // Both layouts of a caption.
        captions.push(if i % 2 == 0 {
            json!({"image": format!("other/{name}"), "caption": format!("c{i}")})
        } else {
            json!({"image": format!("other/{name}"), "conversations": talk("<image>Describe", &format!("c{i}"))})
        });
        captions.push(json!({"image": format!("other/{name}"), "caption": "a later one"}));
        answers.push(json!({"image": format!("other/{name}"), "conversations": talk("What?\n<image>", &format!("i{i}"))}));
    }
    flan.push(
        json!({"id": "ocr+x", "image": "pics/x.jpg", "conversations": talk("<image>Read", "p")}),
    );
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
        found
            .warnings
            .iter()
            .any(|w| w
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
    let images =
        |id: &str| json!({"id": id, "images": [{"id": format!("0123{id}.jpg")}, {"id": "z.jpg"}]});
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
