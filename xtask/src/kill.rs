//! `cargo xtask kill-test`: ends the demo with SIGKILL at random moments, starts it again each time, and compares what
//! comes out with an undisturbed run, byte by byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::process;

/// How often a run is killed on average before it comes to its end.
const KILLS_A_RUN: f64 = 15.0;

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
    let options = parse(root, args)?;
    let program = match &options.program {
        Some(path) => std::path::absolute(path)?,
        None => build(root)?,
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
    std::fs::rename(&place, &whole)?;
    let expected = results(&whole)?;
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
        kills: 20,
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
        // Checkpoints as often as kills, so that runs go on from them.
        options.demo = [
            "--quick",
            "--set",
            "synthesizer.train.save_steps=4",
            "--set",
            "train.save_steps=4",
        ]
        .map(str::to_owned)
        .into();
    }
    Ok(options)
}

fn build(root: &Path) -> Result<PathBuf> {
    let status = process::cargo(root, &["build", "--release", "-p", "adamllm"]).status()?;
    ensure!(status.success(), "the program does not build");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/adamllm"))
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

/// The stage that was not finished when the run was killed.
fn stage_at(run: &Path) -> String {
    let entries = std::fs::read_dir(run).into_iter().flatten().flatten();
    let mut open = entries.filter(|entry| {
        let stage = entry.path();
        stage.join("begun.json").exists() && !stage.join("manifest.json").exists()
    });
    open.next().map_or_else(
        || "between stages".to_owned(),
        |stage| stage.file_name().to_string_lossy().into_owned(),
    )
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
        if entry.file_type()?.is_dir() {
            // Pages and what the demo's files are made of tell times and the program.
            if folder != run || (name != "report" && name != "demo") {
                collect(run, &path, out)?;
            }
        } else if folder != run && !["manifest.json", "metrics.jsonl"].contains(&name.as_str()) {
            let digest = Sha256::digest(std::fs::read(&path)?);
            let text = digest.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
            out.insert(path.strip_prefix(run)?.display().to_string(), text);
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
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
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
}
