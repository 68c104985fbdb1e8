//! Token ids, masks and pixels of every family against transformers; see golden/README.md.

use std::path::{Path, PathBuf};

use corpus::{Role, Turn};
use processor::{ImageGrid, Options, Processor, load};
use serde_json::{Value, json};

mod shared;

use shared::{ROOT, digest, golden, noise, sample};

const FOLDERS: [&str; 5] = ["text", "qwen", "tile", "dino", "canvas"];

fn open(folder: &str, options: &Options) -> Box<dyn Processor> {
    load(&Path::new(ROOT).join(folder), options).expect("processor")
}

/// The pictures of a conversation, by their sizes.
fn pictures(row: &Value, folder: &Path) -> Vec<PathBuf> {
    let sizes: Vec<(u32, u32)> = serde_json::from_value(row["sizes"].clone()).expect("sizes");
    let files = sizes.into_iter().map(|(h, w)| noise(h, w, folder));
    files.collect()
}

#[test]
fn ids_and_masks_equal_those_of_transformers() {
    let folder = tempfile::tempdir().expect("folder");
    let rows = golden("families.json", "conversations");
    for name in FOLDERS {
        let processor = open(name, &Options::default());
        let mut compared = 0;
        for row in &rows {
            let Some(expected) = row["of"].get(name) else {
                continue;
            };
            let mut turns: Vec<Turn> = serde_json::from_value(row["turns"].clone()).expect("turns");
            for turn in &mut turns {
                turn.learn = turn.role == Role::Assistant;
            }
            let images = pictures(row, folder.path());
            let encoded = processor.sample(&sample(turns, images)).expect("encoded");
            let found = json!([
                encoded.ids.len(),
                digest(encoded.ids.iter().copied()),
                digest(encoded.learn.iter().map(|&l| i64::from(l)))
            ]);
            assert_eq!(found, *expected, "{name} {row}");
            compared += 1;
        }
        let wanted = if name == "text" { 100..201 } else { 200..201 };
        assert!(wanted.contains(&compared), "{name}: {compared}");
    }
}

#[test]
fn control_tokens_that_someone_typed_are_text_and_parsed_only_on_demand() {
    let folder = tempfile::tempdir().expect("folder");
    let rows = golden("families.json", "typed");
    for name in ["text", "qwen", "tile", "canvas"] {
        for parse_texts in [false, true] {
            let processor = open(
                name,
                &Options {
                    parse_texts,
                    ..Options::default()
                },
            );
            let (mut compared, mut matters) = (0, 0);
            for row in &rows {
                let expected = &row["of"][name][usize::from(parse_texts)];
                if expected.is_null() {
                    continue;
                }
                let turns = serde_json::from_value(row["turns"].clone()).expect("turns");
                let images = pictures(row, folder.path());
                let encoded = processor.sample(&sample(turns, images)).expect("encoded");
                assert_eq!(*expected, digest(encoded.ids.into_iter()), "{name} {row}");
                compared += 1;
                matters += usize::from(row["of"][name][2] == true);
            }
            let found = format!("{name}: {compared} compared, {matters} differ with the switch");
            assert!(compared >= 30 && matters >= 15, "{found}");
        }
    }
}

#[test]
fn pixels_equal_those_of_the_torchvision_processors_to_the_bit() {
    let folder = tempfile::tempdir().expect("folder");
    let mut compared = 0;
    for row in golden("families.json", "pictures") {
        let name = row["folder"].as_str().expect("folder");
        let size: (u32, u32) = serde_json::from_value(row["size"].clone()).expect("size");
        let input = open(name, &Options::default())
            .image(&noise(size.0, size.1, folder.path()))
            .expect("input");
        assert_eq!(json!(input.shape), row["shape"], "{name} {size:?}");
        let bits = input
            .pixels
            .iter()
            .zip(0_u64..)
            .fold(0_u64, |sum, (value, i)| {
                let weight = i.wrapping_mul(2_654_435_761).wrapping_add(1);
                sum.wrapping_add(weight.wrapping_mul(u64::from(value.to_bits())))
            });
        assert_eq!(row["bits"], bits.to_string(), "{name} {size:?}");
        match input.grid {
            ImageGrid::Patches { patches } => assert_eq!(json!(patches), row["patches"]),
            ImageGrid::Canvas { tiles } => {
                let known = [
                    (1, 1),
                    (1, 2),
                    (1, 3),
                    (1, 4),
                    (2, 1),
                    (2, 2),
                    (3, 1),
                    (4, 1),
                ];
                let place = known.iter().position(|&t| t == tiles).expect("known") + 1;
                assert_eq!(json!(place), row["arrangement"]);
            }
            _ => {}
        }
        compared += 1;
    }
    assert_eq!(compared, 48);
}

/// `convert_to_rgb` of transformers 5.17.0: Mllama's lays pictures on white, the others' is Pillow's `convert("RGB")`.
#[test]
fn transparent_pixels_follow_the_family() {
    let folder = tempfile::tempdir().expect("folder");
    let (width, height) = (60, 72);
    let colour = |x: u32, y: u32| [x as u8 * 4, y as u8 * 3, 90];
    let is_seen = |x: u32, y: u32| (x / 10 + y / 9).is_multiple_of(2);
    let save = |name: &str, picture: image::DynamicImage| {
        let path = folder.path().join(name);
        picture.save(&path).expect("picture");
        path
    };
    let given = image::RgbaImage::from_fn(width, height, |x, y| {
        let [r, g, b] = colour(x, y);
        image::Rgba([r, g, b, if is_seen(x, y) { 255 } else { 0 }])
    });
    let white = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb(if is_seen(x, y) {
            colour(x, y)
        } else {
            [255; 3]
        })
    });
    let dropped = image::RgbImage::from_fn(width, height, |x, y| image::Rgb(colour(x, y)));
    let given = save("given.png", given.into());
    let (white, dropped) = (
        save("white.png", white.into()),
        save("dropped.png", dropped.into()),
    );
    for name in ["llama", "qwen", "tile", "dino", "canvas"] {
        let processor = open(name, &Options::default());
        let pixels = |path: &Path| processor.image(path).expect("input").pixels;
        let (alike, other) = if name == "canvas" {
            (&white, &dropped)
        } else {
            (&dropped, &white)
        };
        assert_eq!(pixels(&given), pixels(alike), "{name}");
        assert_ne!(pixels(&given), pixels(other), "{name}");
    }
}

#[test]
fn a_budget_of_pixels_bounds_pictures_of_their_own_size() {
    let folder = tempfile::tempdir().expect("folder");
    let path = noise(200, 300, folder.path());
    let tokens = |min_pixels, max_pixels| {
        let options = Options {
            min_pixels,
            max_pixels,
            ..Options::default()
        };
        open("qwen", &options)
            .image(&path)
            .expect("input")
            .num_tokens
    };
    // Blocks of 28 pixels that `smart_resize` of transformers 5.17.0 gives for 300 × 200 pixels.
    assert_eq!(tokens(None, Some(28 * 28 * 12)), 8);
    assert_eq!(tokens(None, Some(56 * 56)), 2);
    assert_eq!(tokens(Some(28 * 28 * 100), Some(28 * 28 * 200)), 117);
    let options = Options {
        min_pixels: Some(10_000),
        max_pixels: Some(5000),
        ..Options::default()
    };
    let message = load(&Path::new(ROOT).join("qwen"), &options)
        .err()
        .expect("error")
        .to_string();
    assert!(message.contains("from 10000 to 5000 pixels"), "{message}");
}

#[test]
fn pictures_that_a_family_cannot_take_are_named() {
    let folder = tempfile::tempdir().expect("folder");
    let path = noise(3, 900, folder.path());
    let message = |name: &str| {
        open(name, &Options::default())
            .image(&path)
            .expect_err("refused")
            .to_string()
    };
    assert!(message("qwen").contains("3x900.png` is 900 × 3; one side may be at most 200 times"));
    assert!(message("text").contains("this one reads text only"));
    let asks = vec![Turn::new(Role::User, "<image>\nWhat?").with_marks()];
    let refused = open("text", &Options::default()).sample(&sample(asks, vec![path]));
    assert!(refused.is_err());
}

#[test]
fn settings_that_do_not_fit_the_model_are_errors() {
    for (name, file, key, value, part) in [
        (
            "qwen",
            "processor_config.json",
            "patch_size",
            json!(16),
            "must be the same",
        ),
        (
            "qwen",
            "processor_config.json",
            "do_resize",
            json!(false),
            "`do_resize` false",
        ),
        (
            "tile",
            "processor_config.json",
            "crop_size",
            json!({"height": 64, "width": 64}),
            "takes 48 × 48",
        ),
        (
            "tile",
            "processor_config.json",
            "image_processor_type",
            json!("SiglipImageProcessor"),
            "known are CLIPImageProcessor",
        ),
        (
            "tile",
            "processor_config.json",
            "do_center_crop",
            json!(false),
            "pictures of one size",
        ),
        (
            "canvas",
            "processor_config.json",
            "max_image_tiles",
            json!(6),
            "`max_num_tiles` is 4",
        ),
        (
            "canvas",
            "processor_config.json",
            "size",
            json!({"height": 28, "width": 28}),
            "takes 56 × 56",
        ),
    ] {
        let folder = tempfile::tempdir().expect("folder");
        for entry in std::fs::read_dir(Path::new(ROOT).join(name)).expect("golden") {
            let entry = entry.expect("entry");
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copy");
        }
        let path = folder.path().join(file);
        let mut settings: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).expect("file")).expect("json");
        settings["image_processor"][key] = value;
        std::fs::write(&path, settings.to_string()).expect("write");
        let message = load(folder.path(), &Options::default())
            .err()
            .expect("error")
            .to_string();
        assert!(message.contains(part), "{name} {key}: {message}");
    }
}
