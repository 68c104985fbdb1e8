//! Data of any size and in any layout: memory of pairs, tasks, mix and training feed does not grow with the records, and pictures
//! inside of data files are read from there.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use corpus::Pair;
use corpus::digests::Digests;
use corpus::formats::{Format, Options, Reader, Writer};
use run::events::{Nobody, Reporter};
use run::recipe::{Recipe, Surroundings};
use run::{Layout, Stop};
use torch::{Device, Kind};

use super::{Stages, filter, mix, pairs, synthesize};
use crate::engine::Engine;
use crate::pictures::PictureStore;
use crate::records::read;
use crate::sample_set::SampleSet;
use crate::stage::Site;

/// How many records a process has that is measured.
const RECORDS: &str = "ADAMLLM_TEST_RECORDS";

/// Records of the processes that are compared.
const FEW: usize = 5_000;
const MANY: usize = 40_000;

/// Words of a caption.
const WORDS: usize = 120;

/// A record for each number: three of one group, a task each, few pictures.
fn write_records(folder: &Path, records: usize) {
    for number in 0..16 {
        let shade = |x, y| image::Luma([(17 * number + 31 * x * x + 7 * y) as u8]);
        let picture = image::GrayImage::from_fn(9, 9, shade);
        let path = folder.join(format!("{number}.png"));
        picture.save(path).expect("a picture");
    }
    let file = std::fs::File::create(folder.join("pairs.jsonl")).expect("a file");
    let mut out = std::io::BufWriter::new(file);
    for number in 0..records {
        let mut caption = String::new();
        for word in 0..WORDS {
            let _ = write!(caption, "w{:03} ", (number * 7 + word * word) % 1000);
        }
        let task =
            serde_json::json!({"instruction": "What?", "informative": caption, "precise": "that"});
        let pair = serde_json::json!({
            "id": format!("pair-{number}"), "images": [format!("{}.png", number % 16)], "caption": caption,
            "group": format!("group-{}", number / 3), "tasks": [task],
        });
        writeln!(out, "{pair}").expect("written");
    }
    out.flush().expect("written");
}

/// Runs those of a recipe's stages that are named.
fn run_stages(folder: &Path, recipe: &str, names: &[&str], run: &Path) {
    let surroundings = Surroundings {
        demo_recipe: include_str!("../../../../recipes/demo.toml"),
        ..Surroundings::default()
    };
    std::fs::create_dir_all(folder.join("model")).expect("folder");
    let config = "{\"model_type\": \"qwen2_vl\"}";
    std::fs::write(folder.join("model/config.json"), config).expect("file");
    let recipe = Recipe::read(recipe, &[], folder, &surroundings).expect("a recipe");
    let stages = Stages::of(&recipe, run, None).expect("stages");
    let graph = stages.graph();
    let place = |node: &run::Node| (node.name.clone(), graph.stage_folder(run, node));
    let places = graph.nodes().iter().map(place).collect();
    let engine = Engine::on(Device::Cpu, Kind::Float);
    let (stop, store) = (AtomicBool::new(false), PictureStore::of(run));
    let digests = RefCell::new(Digests::default());
    for (stage, node) in stages.all().zip(graph.nodes()) {
        let name = node.name.as_str();
        if !names.contains(&name) {
            continue;
        }
        let own = graph.stage_folder(run, node).path;
        std::fs::create_dir_all(&own).expect("folder");
        let site = Site {
            folder: &own,
            whole: &own,
            run,
            layout: Layout::Run,
            places: &places,
            graph,
            engine: &engine,
            report: Reporter::new(name, &Nobody),
            stop: Stop::when(&stop),
            pictures: &store,
            digests: &digests,
        };
        stage.run(&site).expect(name);
    }
}

/// Runs the stages up to the samples and gives these.
fn samples(folder: &Path) -> SampleSet {
    let recipe = "[model]\ncheckpoint = \"model\"\ndtype = \"f32\"\n[data]\npairs = \"pairs.jsonl\"\nmaker = \"general\"\n\
                  [filter]\nenabled = false\n[mix]\ncaption = false\n";
    let run = folder.join("run");
    let names = [pairs::NAME, synthesize::NAME, filter::NAME, mix::NAME];
    run_stages(folder, recipe, &names, &run);
    SampleSet::open(&run.join(mix::NAME).join(mix::SAMPLES)).expect("samples")
}

/// The process that is measured; nothing where nobody asks for it.
#[test]
fn of_many_records() {
    let Ok(records) = std::env::var(RECORDS) else {
        return;
    };
    let records: usize = records.parse().expect("a number");
    let within = tempfile::tempdir().expect("folder");
    write_records(within.path(), records);
    let samples = samples(within.path());
    // A tenth of the groups is held out.
    let expected = records * 9 / 10;
    assert!(samples.len().abs_diff(expected) <= 3, "{}", samples.len());
    let config = train::Config::small(1.0, 16, 4);
    let ids = (0..samples.len()).map(|at| samples.id(at));
    let plan = train::Plan::new(ids, &config);
    assert_eq!(plan.times_drawn().len(), samples.len());
    for at in plan.batch(0) {
        let sample = samples.get(at).expect("a sample");
        assert_eq!(
            (sample.turns.len(), sample.id.as_str()),
            (2, samples.id(at))
        );
    }
    let learned = samples
        .iter()
        .filter(|one| one.as_ref().is_ok_and(|one| one.turns[1].learn));
    assert_eq!(learned.count(), samples.len());
    println!("peak {}", train::peak_rss_bytes());
}

#[test]
fn memory_does_not_grow_with_the_records() {
    let peak = |records: usize| -> u64 {
        let program = std::env::current_exe().expect("this test");
        let told = Command::new(program)
            .args([
                "--exact",
                "stages::data_tests::of_many_records",
                "--nocapture",
            ])
            .env(RECORDS, records.to_string())
            .output()
            .expect("a process");
        let text = String::from_utf8_lossy(&told.stdout);
        let peak = text
            .split("peak ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        peak.and_then(|peak| peak.parse().ok())
            .unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&told.stderr)))
    };
    let grown = peak(MANY).saturating_sub(peak(FEW));
    // A record has 1,400 bytes of text, and several times that in memory.
    let each = grown / (MANY - FEW) as u64;
    assert!(each < 600, "{grown} bytes, {each} for each record");
}

#[test]
fn pictures_in_archives_and_tables_stay_there() {
    let within = tempfile::tempdir().expect("folder");
    let folder = within.path();
    write_records(folder, 40);
    let record = |format, name: &str| {
        let mut out = Writer::create(&folder.join(name), format, false).expect("created");
        let rows = Reader::pairs(&folder.join("pairs.jsonl"), &Options::default()).expect("pairs");
        for entry in rows {
            let entry = entry.expect("read").expect("sound");
            assert_eq!(out.pair(&entry).expect("written"), None);
        }
        out.finish().expect("written");
    };
    record(Format::WebDataset, "pairs.tar");
    record(Format::Parquet, "pairs.parquet");
    // Of which single cells cannot be read.
    record(Format::Arrow, "pairs.arrow");

    let mut all = Vec::new();
    for (name, files) in [
        ("pairs.jsonl", 16),
        ("pairs.arrow", 16),
        ("pairs.tar", 0),
        ("pairs.parquet", 0),
    ] {
        let recipe = format!(
            "[model]\ncheckpoint = \"model\"\ndtype = \"f32\"\n[data]\npairs = \"{name}\"\nmaker = \"general\"\n\
             [filter]\nenabled = false\n"
        );
        let run = folder.join(format!("run-{name}"));
        run_stages(folder, &recipe, &[pairs::NAME], &run);
        let found = std::fs::read_dir(run.join("pictures")).expect("folder");
        let found = found.filter(|one| {
            let path = one.as_ref().expect("an entry").path();
            path.extension().is_some_and(|ending| ending == "png")
        });
        assert_eq!(found.count(), files, "{name}");
        let own = run.join(pairs::NAME);
        let text = |file: &str| std::fs::read_to_string(own.join(file)).expect("text");
        let rows: Vec<Pair> = read(&own.join(pairs::PAIRS)).expect("pairs");
        for pair in &rows {
            let picture = corpus::images::decode(&pair.images[0]).expect(name);
            assert_eq!(picture.dimensions(), (9, 9));
        }
        all.push([pairs::PAIRS, pairs::HELD_OUT].map(text));
    }
    assert!(all.windows(2).all(|two| two[0] == two[1]), "the same bytes");
}
