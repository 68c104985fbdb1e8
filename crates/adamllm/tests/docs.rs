//! The documents followed literally: their commands run, in order, in a folder that holds what they speak of.
//!
//! Commands that need models and data of tens of gigabytes are parsed by a unit test of the command line instead.

mod program;

use std::path::Path;

use program::text;

/// The commands of the document's `sh` blocks.
fn commands(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    let document = std::fs::read_to_string(path).expect("document");
    let blocks = document.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    lines.map(str::to_owned).collect()
}

fn follow(name: &str, folder: &Path, skipped: &[&str]) {
    let mut ran = 0;
    for command in commands(name) {
        let words: Vec<&str> = command.split_whitespace().collect();
        assert_eq!(words[0], "adamllm", "{command}");
        if skipped.contains(&command.as_str()) {
            continue;
        }
        let output = program::adamllm()
            .current_dir(folder)
            .args(&words[1..])
            .output();
        let output = output.expect("the program starts");
        assert!(
            output.status.success(),
            "{name}: `{command}`:\n{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        ran += 1;
    }
    assert!(ran > 3, "{ran} commands of {name}");
}

fn pictures(folder: &Path) -> Vec<String> {
    std::fs::create_dir_all(folder).expect("folder");
    let mut names = Vec::new();
    for (at, word) in [
        "red", "green", "blue", "yellow", "black", "orange", "pink", "brown",
    ]
    .iter()
    .enumerate()
    {
        let at = at as u32;
        let picture = image::RgbImage::from_fn(72, 72, |x, y| {
            let on = (x / (6 + 2 * at) + y / 9).is_multiple_of(2);
            image::Rgb(if on {
                [30 * at as u8, 250 - 25 * at as u8, 80]
            } else {
                [255; 3]
            })
        });
        picture
            .save(folder.join(format!("{word}.png")))
            .expect("picture");
        std::fs::write(
            folder.join(format!("{word}.txt")),
            format!("A {word} board.\n"),
        )
        .expect("caption");
        names.push(format!("{word}.png"));
    }
    names
}

#[test]
fn adding_a_dataset() {
    let folder = tempfile::tempdir().expect("folder");
    let rows: Vec<String> = pictures(folder.path())
        .iter()
        .map(|name| format!("{name}\tA board called {name}\n"))
        .collect();
    std::fs::write(
        folder.path().join("photos.tsv"),
        format!("filepath\ttitle\n{}", rows.concat()),
    )
    .expect("table");
    follow("adding-a-dataset.md", folder.path(), &[]);
    let written = std::fs::read_to_string(folder.path().join("factory/pairs.json")).expect("pairs");
    assert_eq!(written.matches("A board called").count(), 8);
}

#[test]
fn own_domain() {
    let folder = tempfile::tempdir().expect("folder");
    pictures(&folder.path().join("photos"));
    // The same as the short run before it, for an hour.
    follow(
        "own-domain.md",
        folder.path(),
        &["adamllm run my.toml --run-dir runs/my"],
    );
    let run = folder.path().join("runs/try");
    assert!(run.join("report/index.html").is_file());
    let card = std::fs::read_to_string(run.join("train/model/README.md")).expect("card");
    assert!(
        card.contains("| `train.max_steps` | `2` | --set |"),
        "{card}"
    );
    let card = std::fs::read_to_string(run.join("train/model/DATA.md")).expect("card");
    assert!(card.contains("| not stated | not stated |"), "{card}");
}
