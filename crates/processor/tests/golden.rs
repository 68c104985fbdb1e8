//! Token ids, masks and pixels against transformers; see golden/README.md.

use std::path::PathBuf;

use corpus::{Open, Request, Role, Sample, Turn};
use processor::{Options, Processor, load};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn golden() -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder().join("golden.json")).expect("golden"))
        .expect("json")
}

fn llava() -> Box<dyn Processor> {
    load(&folder().join("folder"), &Options::default()).expect("processor")
}

fn sample(turns: Vec<Turn>) -> Sample {
    Sample {
        id: "s".to_owned(),
        images: Vec::new(),
        turns,
        end: false,
        origin: Value::Null,
    }
}

fn request(turns: Vec<Turn>, open: Open) -> Request {
    Request {
        id: "r".to_owned(),
        images: Vec::new(),
        turns,
        open,
        prompt: None,
        decoding: corpus::Decoding::default(),
    }
}

fn ids(value: &Value) -> Vec<i64> {
    serde_json::from_value(value.clone()).expect("ids")
}

fn marked(turns: Vec<Turn>, end: bool) -> String {
    let processor = llava();
    let encoded = processor
        .sample(&Sample {
            end,
            ..sample(turns)
        })
        .expect("encoded");
    let spans = processor.spans(&encoded);
    spans
        .iter()
        .map(|(text, learned)| {
            if *learned {
                format!("«{text}»")
            } else {
                text.clone()
            }
        })
        .collect()
}

#[test]
fn ids_and_mask_equal_the_chat_template_of_transformers() {
    for conversation in golden()["conversations"].as_array().expect("list") {
        let mut turns: Vec<Turn> =
            serde_json::from_value(conversation["turns"].clone()).expect("turns");
        let processor = llava();
        let last = turns.len() - 1;
        turns[last].learn = true;
        let encoded = processor.sample(&sample(turns.clone())).expect("encoded");
        assert_eq!(encoded.ids, ids(&conversation["ids"]), "{turns:?}");
        let head = ids(&conversation["head"]);
        assert!(
            encoded
                .learn
                .iter()
                .enumerate()
                .all(|(i, &learned)| learned == (i >= head.len())),
            "{turns:?}"
        );
        let asked = processor
            .request(&request(turns[..last].to_vec(), Open::Assistant))
            .expect("request");
        assert_eq!(asked.ids, head);
    }
}

#[test]
fn control_tokens_that_a_user_typed_are_text() {
    let golden = golden();
    let text = golden["typed"]["text"].as_str().expect("text");
    let processor = llava();
    let encoded = processor
        .request(&request(vec![Turn::new(Role::User, text)], Open::None))
        .expect("request");
    let expected = ids(&golden["typed"]["ids"]);
    assert!(
        encoded.ids.windows(expected.len()).any(|w| w == expected),
        "{:?}",
        encoded.ids
    );
    assert_eq!(encoded.ids.iter().filter(|&&id| id == 4).count(), 1);
}

#[test]
fn pixels_equal_the_torchvision_processor() {
    let processor = llava();
    let folder = tempfile::tempdir().expect("folder");
    for picture in golden()["pictures"].as_array().expect("list") {
        let size = |key: &str| picture[key].as_u64().expect("size") as u32;
        let (width, height) = (size("width"), size("height"));
        let image = image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb(
                [
                    40 + x * 150 / width,
                    60 + y * 120 / height,
                    50 + x * 70 / width + y * 70 / height,
                ]
                .map(|c| c as u8),
            )
        });
        let path = folder.path().join(format!("{width}x{height}.png"));
        corpus::images::encode_png(&image, &path).expect("png");
        let input = processor.image(&path).expect("input");
        assert_eq!(
            serde_json::json!(input.shape),
            picture["shape"],
            "{width} × {height}"
        );
        let step = picture["step"].as_u64().expect("step") as usize;
        let values: Vec<f32> = serde_json::from_value(picture["values"].clone()).expect("values");
        // One level is 1 ÷ 255 ÷ std.
        let level = 1.0 / 255.0 / 0.261;
        let far = input
            .pixels
            .iter()
            .step_by(step)
            .zip(&values)
            .filter(|(a, b)| (*a - *b).abs() > 1e-3);
        let far: Vec<f32> = far.map(|(a, b)| (a - b).abs()).collect();
        assert!(
            far.iter().all(|d| *d <= level * 1.01),
            "{width} × {height}: {far:?}"
        );
        assert!(
            far.len() * 100 <= values.len(),
            "{width} × {height}: {} of {} differ",
            far.len(),
            values.len()
        );
    }
}

#[test]
fn learned_spans_follow_the_rule_for_headers() {
    let user = |text: &str| Turn::new(Role::User, text);
    let assistant = |text: &str| Turn::new(Role::Assistant, text);
    // Post-training: answers only.
    insta::assert_snapshot!(marked(vec![user("one"), assistant("two").learned(), user("three"), assistant("four").learned()], false).replace('\n', "⏎"),
        @"<|begin_of_text|><|start_header_id|>user<|end_header_id|>⏎⏎one<|eot_id|><|start_header_id|>assistant<|end_header_id|>⏎⏎«two<|eot_id|>»<|start_header_id|>user<|end_header_id|>⏎⏎three<|eot_id|><|start_header_id|>assistant<|end_header_id|>⏎⏎«four<|eot_id|>»");
    // Synthesizer: everything after the caption turn, later headers and the end of text too.
    insta::assert_snapshot!(marked(vec![user("one"), assistant("caption"), user("three").learned(), assistant("four").learned()], true).replace('\n', "⏎"),
        @"<|begin_of_text|><|start_header_id|>user<|end_header_id|>⏎⏎one<|eot_id|><|start_header_id|>assistant<|end_header_id|>⏎⏎caption<|eot_id|><|start_header_id|>user<|end_header_id|>⏎⏎«three<|eot_id|><|start_header_id|>assistant<|end_header_id|>⏎⏎four<|eot_id|><|end_of_text|>»");
}

#[test]
fn open_user_ends_after_a_bare_header() {
    let processor = llava();
    let turns = vec![
        Turn::new(Role::User, "one"),
        Turn::new(Role::Assistant, "two"),
    ];
    let encoded = processor
        .request(&request(turns, Open::User))
        .expect("request");
    assert!(
        processor
            .decode(&encoded.ids, false)
            .ends_with("two<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n")
    );
    let markers = processor.markers().expect("markers");
    assert_eq!(markers.end_of_turn, "<|eot_id|>");
    assert_eq!(
        markers.user_header,
        "<|start_header_id|>user<|end_header_id|>\n\n"
    );
    assert_eq!(
        markers.assistant_header,
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    );
}

#[test]
fn marks_become_image_tokens_and_must_match_the_pictures() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("x.png");
    corpus::images::encode_png(&image::RgbImage::new(72, 72), &path).expect("png");
    let processor = llava();
    let asks = Turn::new(Role::User, "<image>\nWhat is it?").with_marks();
    let mut sample = sample(vec![
        asks,
        Turn::new(Role::Assistant, "an <image>").learned(),
    ]);
    let message = processor.sample(&sample).expect_err("marks").to_string();
    assert!(
        message.contains("1 `<image>` marks and 0 pictures"),
        "{message}"
    );
    sample.images.push(path);
    let encoded = processor.sample(&sample).expect("encoded");
    // 6 × 6 patches of the overview, and of the tile with a newline a row.
    assert_eq!(
        encoded.ids.iter().filter(|&&id| id == 5).count(),
        36 + 6 * 7
    );
    assert!(
        processor.spans(&encoded)[0]
            .0
            .contains("user<|end_header_id|>\n\n[78 image tokens]\nWhat is it?<|eot_id|>")
    );
    assert!(
        encoded
            .ids
            .iter()
            .zip(&encoded.learn)
            .all(|(&id, &learned)| !learned || id != 5)
    );
}
