//! `cargo xtask kill-test`: ends the demo with SIGKILL at random moments, starts it again each time, and compares what
//! comes out with an undisturbed run, byte by byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::program;

const HELP: &str = "\
usage: cargo xtask kill-test [FLAGS] [-- DEMO ARGS]

Runs the whole demo once undisturbed, then again and again with SIGKILL at random moments, each
time started anew until it comes to its end, and compares what the runs gave byte by byte.

  --kills N      kills in all, about 15 a run (default: 30)
  --seed S       of the moments (default: 1)
  --program P    a built program, with its engine beside it (default: built in release mode)
  --work D       folder for the runs, emptied first (default: target/kill-test)

`-- --quick` takes the short demo instead. Both save checkpoints often; other arguments after `--`
are taken as they are.
";

/// How often a run is killed on average before it comes to its end.
const KILLS_A_RUN: f64 = 15.0;

/// Checkpoints of the demo as often as kills, so that runs go on from them.
const CHECKPOINTS: [&str; 4] = [
    "--set",
    "synthesizer.train.save_steps=20",
    "--set",
    "train.save_steps=20",
];

/// The same for the quick demo, whose trainings are short.
const CHECKPOINTS_OF_QUICK: [&str; 4] = [
    "--set",
    "synthesizer.train.save_steps=4",
    "--set",
    "train.save_steps=4",
];

/// What was asked for.
struct Options {
    kills: usize,
    seed: u64,
    /// A built program; else it is built in release mode.
    program: Option<PathBuf>,
    work: PathBuf,
    /// Arguments of `adamllm demo`.
    demo: Vec<String>,
}

/// Runs the test; fails if a disturbed run came out otherwise than the undisturbed one.
pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    if args
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--help")
    {
        eprint!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = parse(root, args)?;
    let program = match &options.program {
        Some(path) => std::path::absolute(path)?,
        None => program::build(root)?,
    };
    if options.work.exists() {
        std::fs::remove_dir_all(&options.work)?;
    }
    std::fs::create_dir_all(&options.work)?;
    // Records hold the paths of their pictures, so both runs take place in the same folder.
    let (place, whole) = (options.work.join("run"), options.work.join("whole"));
    let start = || {
        let mut command = Command::new(&program);
        command.arg("demo").args(&options.demo);
        command.args(["--threads", "1", "--quiet", "--run-dir"]);
        command.arg(&place).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        command
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))
    };

    eprintln!(
        "kill-test: {} {}",
        program.display(),
        options.demo.join(" ")
    );
    let begin = Instant::now();
    finished(start()?)?;
    let seconds = begin.elapsed().as_secs_f64();
    // Before it is moved away: links may lead from one part of the run to another.
    let expected = results(&place)?;
    std::fs::rename(&place, &whole)?;
    eprintln!(
        "kill-test: undisturbed in {seconds:.1} s, {} files to compare",
        expected.len()
    );

    let mut random = Random(options.seed);
    let (mut kills, mut runs, mut same) = (0, 0, 0);
    let mut stages: BTreeMap<String, usize> = BTreeMap::new();
    while kills < options.kills {
        let mut here = 0;
        loop {
            let mut child = start()?;
            let wait = Duration::from_secs_f64(random.unit() * 2.0 * seconds / KILLS_A_RUN);
            let spared = kills + here >= options.kills;
            if spared || ended_within(&mut child, wait)?.is_some() {
                finished(child)?;
                break;
            }
            child.kill()?;
            child.wait()?;
            here += 1;
            *stages.entry(stage_at(&place)).or_default() += 1;
        }
        (kills, runs) = (kills + here, runs + 1);
        let found = results(&place)?;
        let differing = differing(&expected, &found);
        if differing.is_empty() {
            same += 1;
            eprintln!("kill-test: run {runs}, {here} kills, {kills} in all: the same");
            std::fs::remove_dir_all(&place)?;
        } else {
            let kept = options.work.join(format!("differs-{runs}"));
            std::fs::rename(&place, &kept)?;
            eprintln!(
                "kill-test: run {runs}, {here} kills: these differ (kept in `{}`): {}",
                kept.display(),
                differing.join(", ")
            );
        }
    }
    let where_killed: Vec<String> = stages.iter().map(|(s, n)| format!("{s} {n}")).collect();
    eprintln!(
        "kill-test: {kills} kills in {runs} runs; {same} of {runs} ended in the same bits ({} files each); killed in: {}",
        expected.len(),
        where_killed.join(", ")
    );
    Ok(if same == runs {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn parse(root: &Path, args: &[String]) -> Result<Options> {
    let mut options = Options {
        kills: 30,
        seed: 1,
        program: None,
        work: root.join("target/kill-test"),
        demo: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        if flag == "--" {
            options.demo = args.by_ref().cloned().collect();
            break;
        }
        let value = args
            .next()
            .with_context(|| format!("`{flag}` needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .with_context(|| format!("`{flag} {value}`: expected a whole number"))
        };
        match flag.as_str() {
            "--kills" => options.kills = usize::try_from(number()?)?,
            "--seed" => options.seed = number()?,
            "--program" => options.program = Some(value.into()),
            "--work" => options.work = std::path::absolute(value)?,
            _ => bail!("unknown flag `{flag}`; known: --kills, --seed, --program, --work, -- ARGS"),
        }
    }
    if options.demo.is_empty() {
        options.demo.extend(CHECKPOINTS.map(str::to_owned));
    } else if options.demo == ["--quick"] {
        options.demo.extend(CHECKPOINTS_OF_QUICK.map(str::to_owned));
    }
    Ok(options)
}

/// The exit status, if the child ends within the time.
fn ended_within(child: &mut Child, wait: Duration) -> Result<Option<ExitStatus>> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = wait.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        std::thread::sleep(left.min(Duration::from_millis(20)));
    }
}

/// Waits for a child that must succeed.
fn finished(child: Child) -> Result<()> {
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the demo failed: {}", said.trim());
    Ok(())
}

/// The stage that was not finished when the run was killed; it may lie in the folder of a group of stages.
fn stage_at(run: &Path) -> String {
    let folders = |of: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(of).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let stages = folders(run);
    let inner: Vec<PathBuf> = stages.iter().flat_map(|stage| folders(stage)).collect();
    let mut open = stages
        .iter()
        .chain(&inner)
        .filter(|stage| stage.join("begun.json").exists() && !stage.join("manifest.json").exists());
    let name = |stage: &PathBuf| {
        stage
            .strip_prefix(run)
            .map(|name| name.display().to_string())
    };
    open.next()
        .and_then(|stage| name(stage).ok())
        .unwrap_or_else(|| "between stages".to_owned())
}

/// Digest of everything that a run gave: all files of its stages but notes of times, and the scores.
fn results(run: &Path) -> Result<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    collect(run, run, &mut out)?;
    ensure!(
        out.contains_key("train/model/model.safetensors"),
        "`{}` has no adapted model",
        run.display()
    );
    let path = run.join("report/summary.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut summary: serde_json::Value = serde_json::from_str(&text)?;
    if let Some(map) = summary.as_object_mut() {
        map.remove("seconds");
        map.remove("peak_rss_bytes");
    }
    out.insert("report/summary.json".to_owned(), summary.to_string());
    Ok(out)
}

fn collect(run: &Path, folder: &Path, out: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let key = path.strip_prefix(run)?.display().to_string();
        let is_link = entry.file_type()?.is_symlink();
        // A link counts as what it leads to; it may be written anew, and relative or not.
        let Ok(file) = path.metadata() else {
            ensure!(is_link, "`{}` cannot be read", path.display());
            out.insert(key, "a link to nowhere".to_owned());
            continue;
        };
        if file.is_dir() {
            // Pages, events, and what the demo's files are made of tell times and the program, a lease the process.
            let tells_times = name == "events"
                || (folder == run && ["report", "demo", ".lease"].contains(&name.as_str()));
            let leads_back = is_link && folder.canonicalize()?.starts_with(path.canonicalize()?);
            if !tells_times && !leads_back {
                collect(run, &path, out)?;
            }
        } else if folder != run && !["manifest.json", "metrics.jsonl"].contains(&name.as_str()) {
            let digest = Sha256::digest(std::fs::read(&path)?);
            let text = digest.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
            out.insert(key, text);
        }
    }
    Ok(())
}

fn differing(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let names = a
        .keys()
        .chain(b.keys().filter(|name| !a.contains_key(*name)));
    names
        .filter(|name| a.get(*name) != b.get(*name))
        .cloned()
        .collect()
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same moments for the same seed.
pub struct Random(pub u64);

impl Random {
    /// From 0 to 1.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_differ_or_are_missing_are_named() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
            pairs.iter().map(own).collect()
        };
        let expected = map(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let found = map(&[("a", "1"), ("b", "0"), ("d", "4")]);
        assert_eq!(differing(&expected, &found), ["b", "c", "d"]);
        assert!(differing(&expected, &expected).is_empty());
    }

    #[test]
    fn flags_are_read_and_unknown_ones_named() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let options =
            parse(Path::new("x"), &words("--kills 7 --seed 3 -- --seed 2")).expect("flags");
        assert_eq!((options.kills, options.seed), (7, 3));
        assert_eq!(options.demo, ["--seed", "2"]);
        let error = parse(Path::new("x"), &words("--kill 7"))
            .err()
            .expect("unknown");
        assert!(error.to_string().contains("unknown flag `--kill`"));
        let error = parse(Path::new("x"), &words("--kills few"))
            .err()
            .expect("no number");
        assert!(error.to_string().contains("expected a whole number"));
    }

    #[test]
    fn the_whole_demo_is_the_default_and_the_quick_one_can_be_asked_for() {
        let options = parse(Path::new("x"), &[]).unwrap();
        assert_eq!(
            (options.kills, options.demo),
            (30, CHECKPOINTS.map(str::to_owned).to_vec())
        );
        let options = parse(Path::new("x"), &["--", "--quick"].map(str::to_owned)).unwrap();
        assert_eq!(options.demo[0], "--quick");
        assert_eq!(options.demo[1..], CHECKPOINTS_OF_QUICK);
    }

    #[test]
    fn only_what_a_run_gave_is_compared_and_links_by_what_they_lead_to() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("run");
        let write = |path: &str, text: &str| {
            let path = run.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("recipe.json", "notes at the top");
        write("pairs/pairs.jsonl", "pairs");
        write("pairs/manifest.json", "times");
        write("train/metrics.jsonl", "times");
        write("report/index.html", "times");
        write("demo/program.json", "the program");
        write("events/1.jsonl", "times");
        write(".lease/1", "the process");
        write("train/events/1.jsonl", "times");
        write("evaluate/report/task.json", "scores");
        let link = |to: &Path, at: &str| {
            let at = run.join(at);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(to, at).unwrap();
        };
        let outside = root.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("a.png"), "picture").unwrap();
        link(&outside, "pairs/pictures");
        link(&outside.join("a.png"), "mix/b.png");
        link(Path::new(".."), "mix/back");
        link(Path::new("gone"), "mix/gone");

        let mut found = BTreeMap::new();
        collect(&run, &run, &mut found).unwrap();
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        let expected = [
            "evaluate/report/task.json",
            "mix/b.png",
            "mix/gone",
            "pairs/pairs.jsonl",
            "pairs/pictures/a.png",
        ];
        assert_eq!(names, expected);
        assert_eq!(found["mix/b.png"], found["pairs/pictures/a.png"]);
        assert_ne!(found["mix/b.png"], found["pairs/pairs.jsonl"]);
    }

    #[test]
    fn the_unfinished_stage_is_named() {
        let root = tempfile::tempdir().unwrap();
        let begin = |stage: &str| {
            std::fs::create_dir_all(root.path().join(stage)).unwrap();
            std::fs::write(root.path().join(stage).join("begun.json"), "").unwrap();
        };
        assert_eq!(stage_at(root.path()), "between stages");
        begin("pairs");
        assert_eq!(stage_at(root.path()), "pairs");
        std::fs::write(root.path().join("pairs/manifest.json"), "").unwrap();
        begin("evaluate/answer");
        assert_eq!(stage_at(root.path()), "evaluate/answer");
    }
}
