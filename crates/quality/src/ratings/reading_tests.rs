use serde_json::json;
use synthesis::prompts::Prompts;

use super::*;

/// Two triplets, of which one has a picture, and a plain task with a picture.
fn sample() -> Sample {
    let item = |key: &str, has_picture: bool, is_triplet: bool| Item {
        key: key.to_owned(),
        images: has_picture
            .then(|| PathBuf::from("a.png"))
            .into_iter()
            .collect(),
        informative: is_triplet.then(|| "It is blue.".to_owned()),
        precise: is_triplet.then(|| "blue".to_owned()),
        ..Item::default()
    };
    Sample {
        id: "s1".to_owned(),
        seed: 1,
        sets: Vec::new(),
        items: vec![
            item("a", true, true),
            item("b", false, true),
            item("c", true, false),
        ],
    }
}

fn file(items: &Value) -> Value {
    json!({
        "format": "adamllm-ratings", "version": 1, "sample": "s1", "rater": " Ada ",
        "made": "2026-01-31T12:00:00.000Z", "rubrics": "1",
        "aspects": ["accuracy", "knowledge", "consistency"], "items": items,
    })
}

fn parsed(content: &str) -> Result<RatedSheet, RatingsError> {
    let prompts = Prompts::default();
    parse(
        content.as_bytes(),
        Path::new("x.json"),
        &sample(),
        &prompts.rubrics,
    )
}

fn check_error(content: &str, expected: &str) {
    let error = parsed(content).expect_err("bad");
    assert_eq!(error.to_string(), expected, "{content}");
}

fn check_items(items: &Value, expected: &str) {
    check_error(&file(items).to_string(), expected);
}

#[test]
fn values_become_ratings_and_what_is_missing_is_counted() {
    let content = file(&json!([
        {"key": "c", "values": {"knowledge": 5, "task-type": "Segmentation"}, "note": "blurred"},
        {"key": "a", "values": {"consistency": "yes", "knowledge": 1}},
        {"key": "b", "values": {}, "note": " "},
    ]));
    let sheet = parsed(&format!("\u{feff}{content}")).expect("ratings");
    assert_eq!(sheet.rater.name, "Ada");
    assert_eq!(sheet.rater.ground, Ground::Person);
    let values: Vec<(&str, Aspect, Option<usize>)> = (sheet.ratings.iter())
        .map(|rating| (rating.key.as_str(), rating.aspect, rating.value))
        .collect();
    assert_eq!(
        values,
        [
            ("c", Aspect::Knowledge, Some(5)),
            ("c", Aspect::TaskType, Some(19)),
            ("a", Aspect::Consistency, Some(2)),
            ("a", Aspect::Knowledge, Some(1)),
        ]
    );
    let coverage: Vec<(&str, usize, usize, usize)> = (sheet.coverage.iter())
        .map(|c| (c.aspect.as_str(), c.items, c.rated, c.missing()))
        .collect();
    assert_eq!(
        coverage,
        [
            ("knowledge", 2, 2, 0),
            ("accuracy", 3, 0, 3),
            ("consistency", 2, 1, 1),
            ("task-type", 3, 1, 2),
        ]
    );
    assert_eq!(sheet.notes.len(), 1);
    assert_eq!(
        (sheet.notes[0].key.as_str(), sheet.notes[0].text.as_str()),
        ("c", "blurred")
    );
}

#[test]
fn what_is_no_file_of_ratings_is_told() {
    let whole = file(&json!([{"key": "a", "values": {"knowledge": 3}}])).to_string();
    let cut = &whole[..whole.len() - 9];
    let error = parsed(cut).expect_err("cut");
    assert!(matches!(error, RatingsError::NotJson { .. }), "{error}");
    let error = parsed("hello").expect_err("prose");
    assert!(matches!(error, RatingsError::NotJson { .. }), "{error}");
    for other in ["[1]", "{}", r#"{"format": "ratings", "version": 1}"#] {
        let error = parsed(other).expect_err("other");
        assert!(matches!(error, RatingsError::NotRatings { .. }), "{error}");
    }
    check_error(
        r#"{"format": "adamllm-ratings", "version": 2, "sheets": []}"#,
        "`x.json` has version 2 of the format, this program reads version 1",
    );
    check_error(
        r#"{"format": "adamllm-ratings"}"#,
        "`x.json` has version null of the format, this program reads version 1",
    );
    let doubled = whole.replace(r#""rater":"#, r#""rater": "Bob", "rater":"#);
    let error = parsed(&doubled).expect_err("two raters");
    assert!(
        error.to_string().contains("duplicate field `rater`"),
        "{error}"
    );
    let unknown = whole.replace(r#""values":"#, r#""worths":"#);
    let error = parsed(&unknown).expect_err("misspelt");
    assert!(
        error.to_string().contains("unknown field `worths`"),
        "{error}"
    );
}

#[test]
fn a_file_that_was_cut_anywhere_is_refused() {
    let whole = file(&json!([{"key": "a", "values": {"knowledge": 3}, "note": "so"}])).to_string();
    assert!(parsed(&whole).is_ok());
    for end in 0..whole.len() {
        let error = parsed(&whole[..end]).expect_err("cut");
        assert!(
            matches!(error, RatingsError::NotJson { .. }),
            "{end}: {error}"
        );
    }
    // Not even text.
    let rubrics = Prompts::default().rubrics;
    let error = parse(
        b"{\"format\": \"\xff\"}",
        Path::new("x.json"),
        &sample(),
        &rubrics,
    );
    assert!(error.is_err());
}

#[test]
fn a_sheet_of_another_sample_or_of_nobody_is_refused() {
    let mut other = file(&json!([]));
    other["sample"] = json!("s2");
    check_error(
        &other.to_string(),
        "`x.json` rates the sample `s2`, not `s1`: its sheet was made of another sample",
    );
    let mut nobody = file(&json!([]));
    nobody["rater"] = json!(" ");
    check_error(
        &nobody.to_string(),
        "`x.json` does not say who rated: `rater` is empty",
    );
}

#[test]
fn foreign_and_doubled_items_and_aspects_are_named() {
    check_items(
        &json!([{"key": "z", "values": {"knowledge": 3}}]),
        "`x.json` rates the item `z`, which the sample does not have",
    );
    check_items(
        &json!([{"key": "a", "values": {"knowledge": 3}}, {"key": "a", "values": {}}]),
        "`x.json` has the item `a` twice",
    );
    let doubled = file(&json!([{"key": "a", "values": {"knowledge": 3}}]))
        .to_string()
        .replace(r#""knowledge":3"#, r#""knowledge":3,"knowledge":3"#);
    check_error(
        &doubled,
        "`x.json` has the aspect `knowledge` of the item `a` twice",
    );
    let known = "expected one of knowledge, complexity, accuracy, precise-accuracy, informative-accuracy, consistency, \
                 task-type, image-domain";
    check_items(
        &json!([{"key": "a", "values": {"beauty": 3}}]),
        &format!("`x.json` names the unknown aspect `beauty` of the item `a`; {known}"),
    );
    let mut asked = file(&json!([{"key": "a", "values": {"knowledge": 3}}]));
    asked["aspects"] = json!(["beauty"]);
    check_error(
        &asked.to_string(),
        &format!("`x.json` names the unknown aspect `beauty`; {known}"),
    );
    check_items(
        &json!([{"key": "c", "values": {"precise-accuracy": 3}}]),
        "`x.json` rates `precise-accuracy` of the item `c`, which has nothing of the kind",
    );
}

#[test]
fn a_value_off_its_scale_is_named() {
    for value in [
        json!(0),
        json!(6),
        json!(-1),
        json!(2.5),
        json!("3"),
        json!(null),
    ] {
        check_items(
            &json!([{"key": "a", "values": {"accuracy": value}}]),
            &format!(
                "`x.json` gives `accuracy` of the item `a` the value {value}; expected a whole number from 1 to 5"
            ),
        );
    }
    check_items(
        &json!([{"key": "a", "values": {"consistency": true}}]),
        "`x.json` gives `consistency` of the item `a` the value true; expected one of no, yes",
    );
    let error =
        parsed(&file(&json!([{"key": "a", "values": {"image-domain": "Soup"}}])).to_string());
    let error = error.expect_err("class").to_string();
    assert!(
        error.contains("the value \"Soup\"; expected one of Objects and General Items, Animal, "),
        "{error}"
    );
}

#[test]
fn a_sheet_with_nothing_is_refused() {
    check_items(&json!([]), "`x.json` holds no rating at all");
    check_items(
        &json!([{"key": "a", "values": {}, "note": "what is this?"}]),
        "`x.json` holds no rating at all",
    );
}

#[test]
fn a_person_is_read_once() {
    let folder = tempfile::tempdir().expect("folder");
    let write = |name: &str, rater: &str| {
        let path = folder.path().join(name);
        let mut content = file(&json!([{"key": "a", "values": {"knowledge": 3}}]));
        content["rater"] = json!(rater);
        std::fs::write(&path, content.to_string()).expect("write");
        path
    };
    let (ada, bob, again) = (write("1", "Ada"), write("2", "Bob"), write("3", "ada "));
    let rubrics = &Prompts::default().rubrics;
    let both = read(&[ada.clone(), bob.clone()], &sample(), rubrics).expect("two");
    let names: Vec<&str> = both.iter().map(|sheet| sheet.rater.name.as_str()).collect();
    assert_eq!(names, ["Ada", "Bob"]);
    let error = read(&[ada.clone(), bob, again.clone()], &sample(), rubrics).expect_err("thrice");
    let (first, last) = match error {
        RatingsError::SameRater { first, file, .. } => (first, file),
        other => panic!("{other}"),
    };
    assert_eq!((first, last), (ada, again));
    let absent = read(&[folder.path().join("4")], &sample(), rubrics).expect_err("absent");
    assert!(
        matches!(absent, RatingsError::Unreadable { .. }),
        "{absent}"
    );
}

#[test]
fn the_file_is_written_as_it_is_read() {
    let value = file(
        &json!([{"key": "a", "values": {"knowledge": 3}, "note": "x"}, {"key": "b", "values": {}}]),
    );
    let read: RatingsFile = serde_json::from_value(value.clone()).expect("file");
    assert_eq!(serde_json::to_value(&read).expect("json"), value);
}
