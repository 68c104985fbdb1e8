//! Memory of pairs, tasks, mix and training feed does not grow with the records. A number of records is measured in a process of
//! its own, since what a process once had it may keep.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use corpus::digests::Digests;
use run::events::{Nobody, Reporter};
use run::recipe::{Recipe, Surroundings};
use run::{Layout, Stop};
use torch::{Device, Kind};

use super::Stages;
use super::{filter, mix, pairs, synthesize};
use crate::engine::Engine;
use crate::generation::Generation;
use crate::pictures::PictureStore;
use crate::sample_set::SampleSet;
use crate::stage::Site;

/// How many records a process has that is measured.
const RECORDS: &str = "ADAMLLM_TEST_RECORDS";

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
        let task = serde_json::json!({"instruction": "What?", "informative": caption, "precise": "that"});
        let pair = serde_json::json!({
            "id": format!("pair-{number}"), "images": [format!("{}.png", number % 16)], "caption": caption,
            "group": format!("group-{}", number / 3), "tasks": [task],
        });
        writeln!(out, "{pair}").expect("written");
    }
    out.flush().expect("written");
}

/// Runs the stages up to the samples and gives these.
fn samples(folder: &Path) -> SampleSet {
    let text = "[model]\ncheckpoint = \"model\"\ndtype = \"f32\"\n[data]\npairs = \"pairs.jsonl\"\nmaker = \"general\"\n\
                [filter]\nenabled = false\n[mix]\ncaption = false\n";
    let surroundings = Surroundings {
        demo_recipe: include_str!("../../../../recipes/demo.toml"),
        ..Surroundings::default()
    };
    std::fs::create_dir(folder.join("model")).expect("folder");
    let config = "{\"model_type\": \"qwen2_vl\"}";
    std::fs::write(folder.join("model/config.json"), config).expect("file");
    let recipe = Recipe::read(text, &[], folder, &surroundings).expect("a recipe");
    let run = folder.join("run");
    let stages = Stages::of(&recipe, &run, None).expect("stages");
    let graph = stages.graph();
    let place = |node: &run::Node| (node.name.clone(), graph.stage_folder(&run, node));
    let places = graph.nodes().iter().map(place).collect();
    let engine = Engine {
        device: Device::Cpu,
        dtype: Kind::Float,
        threads: 1,
        memory: None,
        generation: Generation::default(),
        processing: processor::Options::default(),
        extra_bos: None,
        base: None,
        endpoints: crate::endpoints::Endpoints::default(),
    };
    let (stop, store) = (AtomicBool::new(false), PictureStore::of(&run));
    let digests = RefCell::new(Digests::default());
    for (stage, node) in stages.all().zip(graph.nodes()) {
        let name = node.name.as_str();
        if ![pairs::NAME, synthesize::NAME, filter::NAME, mix::NAME].contains(&name) {
            continue;
        }
        let own = graph.stage_folder(&run, node).path;
        std::fs::create_dir_all(&own).expect("folder");
        let site = Site {
            folder: &own,
            run: &run,
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
        assert_eq!((sample.turns.len(), sample.id.as_str()), (2, samples.id(at)));
    }
    let learned = samples.iter().filter(|one| one.as_ref().is_ok_and(|one| one.turns[1].learn));
    assert_eq!(learned.count(), samples.len());
    println!("peak {}", train::peak_rss_bytes());
}

#[test]
fn memory_does_not_grow_with_the_records() {
    let peak = |records: usize| -> u64 {
        let program = std::env::current_exe().expect("this test");
        let told = Command::new(program)
            .args(["--exact", "stages::memory_tests::of_many_records", "--nocapture"])
            .env(RECORDS, records.to_string())
            .output()
            .expect("a process");
        let text = String::from_utf8_lossy(&told.stdout);
        let peak = text.split("peak ").nth(1).and_then(|rest| rest.split_whitespace().next());
        peak.and_then(|peak| peak.parse().ok())
            .unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&told.stderr)))
    };
    const FEW: usize = 5_000;
    const MANY: usize = 40_000;
    let grown = peak(MANY).saturating_sub(peak(FEW));
    // A record has 1,400 bytes of text, and several times that in memory.
    let each = grown / (MANY - FEW) as u64;
    assert!(each < 600, "{grown} bytes, {each} for each record");
}
