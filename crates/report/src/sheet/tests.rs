use std::path::Path;

use image::{Rgb, RgbImage};

use super::*;

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!-- \u{202e}txt\u{0} & \u{2028}";

/// Items of two sets with names that must not be seen.
fn sample(images: &[PathBuf], number: usize) -> Sample {
    let item = |n: usize| Item {
        question: None,
        key: format!("key{n:03}"),
        set: ["zebra-set", "walrus-set"][n % 2].to_owned(),
        id: format!("ident-{n}"),
        pair: format!("pairing-{n}"),
        images: images
            .get(n % images.len().max(1))
            .cloned()
            .into_iter()
            .collect(),
        caption: Some(HOSTILE.to_owned()),
        exchanges: vec![[format!("Question {n}?"), HOSTILE.to_owned()]],
        informative: n.is_multiple_of(2).then(|| "It is long.".to_owned()),
        precise: n.is_multiple_of(2).then(|| "long".to_owned()),
        task: Some("tasknaming".to_owned()),
        author: Some("authoring-model".to_owned()),
        kept: Some(true),
        p_yes: Some(0.625),
    };
    Sample {
        id: "0f3a".to_owned(),
        seed: 3,
        sets: Vec::new(),
        items: (0..number).map(item).collect(),
    }
}

/// A picture that does not compress well.
fn noise(path: &Path, side: u32, seed: u32) {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let picture = RgbImage::from_fn(side, side, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([(state >> 8) as u8, (state >> 16) as u8, (state >> 24) as u8])
    });
    picture.save(path).expect("picture");
}

fn data(sheet: &Sheet) -> Value {
    let opening = r#"<script type="application/json" id="data">"#;
    let start = sheet.html.find(opening).expect("data") + opening.len();
    let end = start + sheet.html[start..].find("</script>").expect("end");
    serde_json::from_str(&sheet.html[start..end]).expect("json")
}

fn keys(sheet: &Sheet) -> Vec<String> {
    let data = data(sheet);
    let items = data["items"].as_array().expect("items");
    (items.iter())
        .map(|item| item["key"].as_str().expect("key").to_owned())
        .collect()
}

#[test]
fn nothing_says_where_an_item_comes_from() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("naming.png");
    noise(&path, 40, 1);
    let options = SheetOptions {
        rater: Some("Ada".to_owned()),
        ..SheetOptions::default()
    };
    let sheet = sheet(&sample(&[path], 6), &options).expect("sheet");
    for hidden in [
        "zebra",
        "walrus",
        "ident-",
        "pairing",
        "tasknaming",
        "authoring",
        "naming.png",
        "0.625",
        "kept\":",
    ] {
        assert!(!sheet.html.contains(hidden), "{hidden}");
    }
}

#[test]
fn items_are_shuffled_by_seed_and_rater() {
    let sample = sample(&[], 40);
    let made = |seed: u64, rater: Option<&str>| {
        let options = SheetOptions {
            rater: rater.map(str::to_owned),
            ..SheetOptions::default()
        };
        let sample = Sample {
            seed,
            ..sample.clone()
        };
        keys(&sheet(&sample, &options).expect("sheet"))
    };
    let first = made(1, None);
    let mut sorted = first.clone();
    sorted.sort();
    let drawn: Vec<String> = sample.items.iter().map(|item| item.key.clone()).collect();
    assert_eq!(sorted, drawn);
    assert_ne!(first, drawn);
    assert_eq!(first, made(1, None));
    assert_ne!(first, made(2, None));
    assert_ne!(first, made(1, Some("Ada")));
    assert_eq!(made(1, Some("ada ")), made(1, Some("Ada")));
}

#[test]
fn hostile_texts_end_no_element_and_come_back_whole() {
    let sheet = sheet(&sample(&[], 2), &SheetOptions::default()).expect("sheet");
    // The data, and the script of the page itself.
    assert_eq!(sheet.html.matches("</script").count(), 2);
    assert!(!sheet.html.contains("<img") && !sheet.html.contains("<!--"));
    assert!(!sheet.html.contains('\u{202e}') && !sheet.html.contains('\0'));
    assert_eq!(data(&sheet)["items"][0]["caption"], HOSTILE);
}

#[test]
fn the_policy_allows_this_script_and_style_alone() {
    let sheet = sheet(&sample(&[], 1), &SheetOptions::default()).expect("sheet");
    let between = |opening: &str, closing: &str| {
        let start = sheet.html.rfind(opening).expect("opening") + opening.len();
        let end = start + sheet.html[start..].find(closing).expect("closing");
        sheet.html[start..end].to_owned()
    };
    let policy = between("Content-Security-Policy\" content=\"", "\"");
    assert!(policy.starts_with("default-src 'none'; img-src data:; style-src 'sha256-"));
    assert!(!policy.contains("unsafe"));
    assert!(!sheet.html.contains("http://") && !sheet.html.contains("https://"));
    let script = between("<script>", "</script>");
    assert!(script.starts_with("(() => {") && script.ends_with("})();\n"));
    assert!(!script.contains("innerHTML") && !script.contains('\r'));
}

#[test]
fn equal_pictures_are_there_once_and_what_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().expect("folder");
    let [first, copy, torn] = ["a.png", "b.png", "c.png"].map(|name| folder.path().join(name));
    noise(&first, 50, 1);
    std::fs::copy(&first, &copy).expect("copy");
    std::fs::write(&torn, b"no picture").expect("write");
    let absent = folder.path().join("d.png");
    let images = [first, copy, torn.clone(), absent.clone()];
    let sheet = sheet(&sample(&images, 8), &SheetOptions::default()).expect("sheet");
    assert_eq!(sheet.pictures, 1);
    let mut unreadable = sheet.unreadable.clone();
    unreadable.sort();
    assert_eq!(unreadable, [torn, absent]);
    let data = data(&sheet);
    let shown = data["items"].as_array().expect("items").iter();
    let found: Vec<&Value> = shown.map(|item| &item["pictures"][0]).collect();
    assert_eq!(found.iter().filter(|place| place.is_null()).count(), 4);
    assert_eq!(found.iter().filter(|place| ***place == json!(0)).count(), 4);
    assert_eq!(sheet.html.matches("\"text/plain\" id=\"p").count(), 1);
}

#[test]
fn pictures_are_made_small_enough_for_the_page() {
    let folder = tempfile::tempdir().expect("folder");
    let images: Vec<PathBuf> = (0..6)
        .map(|n| {
            let path = folder.path().join(format!("{n}.png"));
            noise(&path, 400, n);
            path
        })
        .collect();
    let made = |most_bytes: usize| {
        let options = SheetOptions {
            most_bytes,
            ..SheetOptions::default()
        };
        sheet(&sample(&images, 6), &options)
            .expect("sheet")
            .html
            .len()
    };
    let bare = made(0);
    for most in [150_000, 300_000] {
        let size = made(most);
        assert!(
            size <= most && size > most / 2,
            "{size} of {most}, {bare} at least"
        );
    }
}

#[test]
fn an_item_is_asked_what_it_has() {
    let sample = sample(&[], 2);
    let made = sheet(&sample, &SheetOptions::default()).expect("sheet");
    let data = data(&made);
    let names: Vec<&str> = (data["aspects"].as_array().expect("aspects").iter())
        .map(|aspect| aspect["name"].as_str().expect("name"))
        .collect();
    // Without pictures, neither knowledge nor the picture's domain.
    assert_eq!(
        names,
        [
            "complexity",
            "accuracy",
            "precise-accuracy",
            "informative-accuracy",
            "consistency",
            "task-type",
        ]
    );
    for item in data["items"].as_array().expect("items") {
        let expected = if item["precise"].is_null() {
            json!([0, 1, 5])
        } else {
            json!([0, 1, 2, 3, 4, 5])
        };
        assert_eq!(item["asks"], expected);
    }
    let options = SheetOptions {
        aspects: vec![Aspect::Knowledge],
        ..SheetOptions::default()
    };
    let error = sheet(&sample, &options).expect_err("no pictures");
    assert_eq!(
        error.to_string(),
        "none of the aspects that are asked is one of any item: knowledge"
    );
}

#[test]
fn a_sample_without_items_or_with_equal_keys_is_refused() {
    let empty = sample(&[], 0);
    assert_eq!(
        sheet(&empty, &SheetOptions::default()).expect_err("empty"),
        SheetError::NoItems
    );
    let mut twice = sample(&[], 2);
    twice.items[1].key = twice.items[0].key.clone();
    assert_eq!(
        sheet(&twice, &SheetOptions::default())
            .expect_err("equal")
            .to_string(),
        "the item `ident-1` of the set `walrus-set` has the key `key000`, which is empty or another item's; draw the sample anew"
    );
}
