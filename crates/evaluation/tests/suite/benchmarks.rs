//! Benchmarks from files in their published layouts.

use std::path::Path;

use corpus::Label;
use evaluation::benchmarks::{Benchmark, Keep, LoadError, Packing, load, load_own};
use evaluation::predictions::Reason;
use evaluation::tasks::{UserTask, find};

fn packaged(task: &str, keep: &mut Keep<'_>) -> Benchmark {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/packaged")
        .join(task);
    load(&find(task).expect("built in"), &folder, keep).expect("a benchmark")
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(path, text).expect("write");
    }
    folder
}

fn loaded(task: &str, files: &[(&str, &str)]) -> Result<Benchmark, LoadError> {
    let folder = folder(files);
    load(
        &find(task).expect("built in"),
        folder.path(),
        &mut Keep::Nothing,
    )
}

fn reasons(found: &Benchmark) -> Vec<(&str, Reason)> {
    found
        .problems
        .iter()
        .map(|p| (p.id.as_str(), p.reason))
        .collect()
}

#[test]
fn tables_hold_questions_answers_and_pictures() {
    let out = tempfile::tempdir().expect("folder");
    let found = packaged("slake", &mut Keep::Folder(out.path()));
    assert_eq!((found.items.len(), found.packing), (3, Packing::Packaged));
    let [organ, healthy, mass] = found.items.as_slice() else {
        panic!("three items")
    };
    assert_eq!(organ.id, "0");
    assert_eq!(organ.question.as_deref(), Some("Which organ is this?"));
    assert_eq!(
        (&organ.label, healthy.answer_type.as_deref()),
        (&Label::Text("Lung".into()), Some("CLOSED"))
    );
    assert_eq!(organ.images, healthy.images, "one picture is written once");
    assert_eq!(std::fs::read_dir(out.path()).expect("folder").count(), 1);
    let picture = corpus::images::decode(&organ.images[0]).expect("picture");
    assert_eq!(
        (picture.dimensions(), picture.get_pixel(1, 2).0),
        ((12, 8), [60, 60, 50])
    );
    assert_eq!(reasons(&found), [("2", Reason::NoPicture)]);
    assert!(
        found.problems[0]
            .detail
            .contains("`lost.jpg` is not in the table")
    );
    assert_eq!(mass.index, Some(2));
    assert!(
        found.warnings[0]
            .contains("1 open and 2 closed questions here, 645 and 416 in the published"),
        "{:?}",
        found.warnings
    );
}

#[test]
fn arrow_streams_hold_options() {
    let mut seen = Vec::new();
    let mut show =
        |item: &str, _: &Path, content: &[u8]| seen.push((item.to_owned(), content.len()));
    let found = packaged("pmc-vqa", &mut Keep::Show(&mut show));
    let request = found.items[0]
        .request(&find("pmc-vqa").expect("built in"))
        .expect("complete");
    assert!(
        request.turns[0]
            .text
            .ends_with("(A) CT\n(B) MRI\n(C) X-ray\n(D) Ultrasound")
    );
    assert_eq!(seen.len(), 2);
    assert_ne!(found.items[0].images, found.items[1].images);
}

#[test]
fn classes_are_named_and_shards_come_in_order() {
    let found = packaged("food101", &mut Keep::Nothing);
    let labels: Vec<_> = found.items.iter().map(|item| item.label.clone()).collect();
    assert_eq!(
        labels,
        [
            Label::Text("apple_pie".into()),
            Label::Text("baby_back_ribs".into())
        ]
    );
    let captions = packaged("nwpu-captions", &mut Keep::Nothing);
    assert_eq!(captions.items[0].images.len(), 2);
    assert_eq!(
        captions.items[0].label,
        Label::List(vec!["a river".into(), "two planes".into()])
    );
}

#[test]
fn slake_is_its_english_questions() {
    let test = r#"[{"img_id":1,"img_name":"xmlab1/source.jpg","question":"What modality is used?","answer":"MRI","q_lang":"en","location":"Abdomen","modality":"MRI","answer_type":"OPEN","base_type":"vqa","content_type":"Modality","triple":["vhead","_","_"],"qid":9835},
        {"img_id":1,"img_name":"xmlab1/source.jpg","question":"?","answer":"?","q_lang":"zh","answer_type":"OPEN","qid":9836},
        {"img_id":2,"question":"Is it?","answer":"No","q_lang":"en","answer_type":"CLOSED","qid":9837}]"#;
    let found = loaded(
        "slake",
        &[("test.json", test), ("imgs/xmlab1/source.jpg", "x")],
    )
    .expect("loaded");
    assert_eq!(found.items.len(), 1);
    let item = &found.items[0];
    assert_eq!(
        (item.id.as_str(), item.answer_type.as_deref()),
        ("9835", Some("OPEN"))
    );
    assert_eq!(item.meta["modality"], "MRI");
    assert_eq!(reasons(&found), [("9837", Reason::NotARecord)]);
}

#[test]
fn vqa_rad_is_its_test_questions() {
    let public = r#"[{"qid":"1","phrase_type":"freeform","image_name":"a.jpg","question":"q","answer":"yes","answer_type":"CLOSED"},
        {"qid":"2","phrase_type":"test_freeform","image_organ":"CHEST","image_name":"a.jpg","question":"Is it?","answer":"Yes","answer_type":"CLOSED "},
        {"qid":3,"phrase_type":"test_para","image_name":"b.jpg","question":"Count?","answer":2,"answer_type":"OPEN"}]"#;
    let found = loaded(
        "vqa-rad",
        &[
            ("VQA_RAD Dataset Public.json", public),
            ("VQA_RAD Image Folder/a.jpg", "x"),
        ],
    )
    .expect("loaded");
    let show: Vec<_> = found
        .items
        .iter()
        .map(|i| (i.id.as_str(), i.answer_type.as_deref(), i.label.clone()))
        .collect();
    assert_eq!(
        show,
        [
            ("2", Some("CLOSED"), Label::Text("Yes".into())),
            ("3", Some("OPEN"), Label::Text("2".into()))
        ]
    );
    assert_eq!(reasons(&found), [("3", Reason::NoPicture)]);
    let turns = r#"[{"id":"a","image":"a.jpg","answer_type":"CLOSED","conversations":[{"from":"human","value":"Is it?\n<image>"},{"from":"gpt","value":"No"}]}]"#;
    let found = loaded("vqa-rad", &[("test.json", turns), ("images/a.jpg", "x")]).expect("loaded");
    assert_eq!(
        (found.items[0].question.as_deref(), found.problems.len()),
        (Some("Is it?"), 0)
    );
}

#[test]
fn a_named_split_is_told_from_the_papers() {
    let row = |id: usize, kind: &str| {
        format!(
            r#"{{"id":"{id}","image":"a.jpg","question":"q","label":"yes","answer_type":"{kind}"}}"#
        )
    };
    let rows: Vec<String> = (0..451)
        .map(|i| row(i, if i < 200 { "OPEN" } else { "CLOSED" }))
        .collect();
    let found = loaded(
        "vqa-rad",
        &[("test.jsonl", &rows.join("\n")), ("a.jpg", "x")],
    )
    .expect("loaded");
    assert_eq!(found.items.len(), 451);
    assert!(
        found.warnings[0].contains("not in the one of the paper"),
        "{:?}",
        found.warnings
    );
    let rows: Vec<String> = (0..451)
        .map(|i| row(i, if i < 179 { "OPEN" } else { "CLOSED" }))
        .collect();
    let found = loaded(
        "vqa-rad",
        &[("test.jsonl", &rows.join("\n")), ("a.jpg", "x")],
    )
    .expect("loaded");
    assert_eq!((found.warnings.len(), found.packing), (0, Packing::Own));
}

#[test]
fn pmc_vqa_is_a_table() {
    let table = "Figure_path,Question,Answer,Choice A,Choice B,Choice C,Choice D,Answer_label\n\
                 PMC1.jpg,\"Which, then?\",MRI,A:CT ,B: MRI,C:X-ray,D:PET,B\n\
                 PMC2.jpg,Why?,x,,,,,A\n";
    let found = loaded(
        "pmc-vqa",
        &[("test_clean.csv", table), ("images/PMC1.jpg", "x")],
    )
    .expect("loaded");
    let options = found.items[0].options().expect("options");
    assert_eq!(
        (options["A"].as_str(), options["B"].as_str()),
        (Some("CT"), Some("MRI"))
    );
    assert_eq!(found.items[0].label, Label::Text("B".into()));
    assert_eq!(reasons(&found), [("1", Reason::Options)]);
    let error = loaded("pmc-vqa", &[("test.csv", "a,b\n1,2\n")])
        .expect_err("bad")
        .to_string();
    assert!(
        error.contains("expected the columns `Figure_path`") && error.contains("found `a`, `b`"),
        "{error}"
    );
}

#[test]
fn food101_and_class_folders_say_what_they_lack() {
    let found = loaded(
        "food101",
        &[
            ("meta/test.txt", "apple_pie/1\npizza/2\nbad\n"),
            ("images/apple_pie/1.jpg", "x"),
        ],
    )
    .expect("loaded");
    assert_eq!(found.items[0].id, "apple_pie/1");
    assert_eq!(
        reasons(&found),
        [("pizza/2", Reason::NoPicture), ("bad", Reason::NotARecord)]
    );
    let files = [
        ("Images/tenniscourt/t01.tif", "x"),
        ("Images/river/r.tif", "x"),
        ("Images/moon/m.tif", "x"),
        ("Images/river/Thumbs.db", "x"),
    ];
    let found = loaded("uc-merced", &files).expect("loaded");
    let ids: Vec<&str> = found.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["river/r", "tenniscourt/t01"]);
    assert!(
        found.problems[0]
            .detail
            .contains("the folder `moon` is none of the task's 21 classes")
    );
    assert!(
        found.warnings[0].contains("2 items here and 2100"),
        "{:?}",
        found.warnings
    );
}

#[test]
fn names_come_with_the_data() {
    let files = [
        (
            "test.jsonl",
            r#"{"id":"1","image":"a.jpg","label":["egg"]}"#,
        ),
        ("a.jpg", "x"),
        ("category_id.txt", "0\tbackground\n1\tcandy\n2\tegg tart\n"),
    ];
    let found = loaded("foodseg103", &files).expect("loaded");
    assert_eq!(
        found.names.expect("names"),
        ["background", "candy", "egg tart"]
    );
    let files = [
        (
            "test.jsonl",
            r#"{"id":"1","image":"a.jpg","label":["egg"]}"#,
        ),
        (
            "ingredients_metadata.csv",
            "ingr,id,cal/g\n\"eggs, whole\",1,2\ntea,2,0\n",
        ),
    ];
    let found = loaded("nutrition5k", &files).expect("loaded");
    assert_eq!(found.names.expect("names"), ["eggs, whole", "tea"]);
}

#[test]
fn what_cannot_be_loaded_says_what_is_expected() {
    let message =
        |task: &str, files: &[(&str, &str)]| loaded(task, files).expect_err("bad").to_string();
    let nothing = message("slake", &[("notes.md", "x")]);
    assert!(
        nothing.contains(
            "holds no data of `slake`: expected Parquet or Arrow tables, SLAKE's `test.json`"
        ),
        "{nothing}"
    );
    let broken = message("slake", &[("test.parquet", "PAR1 no")]);
    assert!(
        broken.contains("test.parquet`: not a sound Parquet file"),
        "{broken}"
    );
    let other = message("slake", &[("test.arrow", "hello there")]);
    assert!(
        other.contains("neither Parquet nor an Arrow stream"),
        "{other}"
    );
    assert!(message("slake", &[("test.arrow", "")]).contains("the file is empty"));
    let json = message("slake", &[("test.json", "{\"a\": NaN}")]);
    assert!(
        json.contains("is not in the published layout of `slake`"),
        "{json}"
    );
}

#[test]
fn a_users_items_are_read_beside_their_task() {
    let folder = folder(&[
        (
            "trees.toml",
            "id = \"trees\"\nscoring = \"exact\"\nprompt = \"{question}\"\ndata = \"rows.jsonl\"\nitems = 3\n",
        ),
        (
            "rows.jsonl",
            "{\"id\":\"1\",\"image\":\"a.png\",\"question\":\"q\",\"label\":\"oak\"}\n{\"id\":\"1\",\"image\":\"a.png\",\"question\":\"q\",\"label\":\"ash\"}\n{\"id\":\"2\"}\n",
        ),
        ("a.png", "x"),
    ]);
    let task = UserTask::read(&folder.path().join("trees.toml")).expect("a task");
    let found = load_own(&task).expect("items");
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.items[0].images, [folder.path().join("a.png")]);
    assert_eq!(
        found.problems.iter().map(|p| p.reason).collect::<Vec<_>>(),
        [Reason::NotARecord, Reason::DuplicateId]
    );
    assert!(
        found.warnings[0].contains("1 items here and 3"),
        "{:?}",
        found.warnings
    );
}
