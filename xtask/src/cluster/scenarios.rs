//! What is tried under torchrun. A scenario is a line in [`SCENARIOS`] and a function; one that kills or stops ranks finds their
//! processes below torchrun's.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::tools::{Tools, losses, succeed};
use super::{cable, killed};
use crate::process;

/// One of them.
pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    /// Gives what it found, in a few words.
    pub run: fn(Tools<'_>) -> Result<String>,
}

/// All of them, in order of cost.
pub const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "variables",
        about: "what torchrun sets is what the program reads",
        run: variables,
    },
    Scenario {
        name: "restarts",
        about: "a failed process has all started again, and the restart is counted",
        run: restarts,
    },
    Scenario {
        name: "signals",
        about: "torchrun passes each process SIGTERM and SIGUSR1, once",
        run: signals,
    },
    Scenario {
        name: "run",
        about: "the quick demo in 2 and 4 processes learns what it learns in one",
        run: same_losses,
    },
    Scenario {
        name: "cable",
        about: "two machines, in network namespaces, whose cable is pulled for a moment and for good (needs root and `ip`)",
        run: cable::run,
    },
    Scenario {
        name: "killed",
        about: "20 times one of 4 processes is killed or stopped at random, and the run ends with the same losses",
        run: killed::run,
    },
];

/// Writes each process's variables to `<attempt>-<rank>`.
const NOTE: &str = "env > $NOTES/$TORCHELASTIC_RESTART_COUNT-$RANK";

/// The variables that a process noted.
fn noted(file: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("no process wrote `{}`", file.display()))?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
}

fn expect(found: &BTreeMap<String, String>, name: &str, value: &str) -> Result<()> {
    let given = found.get(name).map(String::as_str);
    ensure!(
        given == Some(value),
        "{name} is {given:?}, expected `{value}`"
    );
    Ok(())
}

fn variables(tools: Tools<'_>) -> Result<String> {
    for size in [2, 4] {
        let notes = tools.work.join(size.to_string());
        std::fs::create_dir(&notes)?;
        let mut command = tools.torchrun(size, 0);
        succeed(command.args(["sh", "-c", NOTE]).env("NOTES", &notes))?;
        let first = noted(&notes.join("0-0"))?;
        for rank in 0..size {
            let found = noted(&notes.join(format!("0-{rank}")))?;
            expect(&found, "LOCAL_RANK", &rank.to_string())?;
            expect(&found, "WORLD_SIZE", &size.to_string())?;
            expect(&found, "LOCAL_WORLD_SIZE", &size.to_string())?;
            expect(&found, "TORCHELASTIC_USE_AGENT_STORE", "True")?;
            expect(&found, "OMP_NUM_THREADS", "1")?;
            for name in ["TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT"] {
                let value = first
                    .get(name)
                    .with_context(|| format!("{name} is not set"))?;
                expect(&found, name, value)?;
            }
        }
    }
    Ok("as expected in 2 and in 4 processes".to_owned())
}

fn restarts(tools: Tools<'_>) -> Result<String> {
    let script = format!("{NOTE}; [ $RANK$TORCHELASTIC_RESTART_COUNT != 10 ]");
    let mut command = tools.torchrun(2, 2);
    succeed(command.args(["sh", "-c", &script]).env("NOTES", tools.work))?;
    let [before, after] = ["0-1", "1-1"].map(|name| noted(&tools.work.join(name)));
    let (before, after) = (before?, after?);
    let id = before
        .get("TORCHELASTIC_RUN_ID")
        .cloned()
        .unwrap_or_default();
    expect(&after, "TORCHELASTIC_RUN_ID", &id)?;
    expect(&after, "TORCHELASTIC_RESTART_COUNT", "1")?;
    ensure!(
        !tools.work.join("2-0").exists(),
        "it was started a third time"
    );
    Ok("counted, under the same name".to_owned())
}

/// Notes each signal, and ends after one.
const LISTEN: &str = "for s in TERM USR1; do trap \"echo $s >> $NOTES/got-$RANK; is=1\" $s; done; touch $NOTES/got-$RANK; \
    while [ -z \"$is\" ]; do sleep 0.1; done; sleep 1";

fn signals(tools: Tools<'_>) -> Result<String> {
    for name in ["TERM", "USR1"] {
        let notes = tools.work.join(name);
        std::fs::create_dir(&notes)?;
        let mut command = tools.torchrun(2, 0);
        command.args(["sh", "-c", LISTEN]).env("NOTES", &notes);
        let started = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let started = started.context("torchrun cannot be started")?;
        let got = [0, 1].map(|rank| notes.join(format!("got-{rank}")));
        let since = Instant::now();
        while !got.iter().all(|file| file.exists()) {
            ensure!(since.elapsed() < Duration::from_mins(2), "no process began");
            std::thread::sleep(Duration::from_millis(50));
        }
        let pid = started.id().to_string();
        process::output(Command::new("kill").args(["-s", name, &pid]))?;
        // torchrun's own code says nothing.
        started.wait_with_output()?;
        for file in got {
            let text = std::fs::read_to_string(&file)?;
            ensure!(
                text == format!("{name}\n"),
                "`{}`: {text:?}",
                file.display()
            );
        }
    }
    Ok("each came once".to_owned())
}

/// By how much losses in f32 may differ that were added up in another order, over the quick demo's steps.
const MOST: f64 = 1e-3;

fn same_losses(tools: Tools<'_>) -> Result<String> {
    let alone = tools.work.join("alone");
    let words = tools.demo(&alone);
    succeed(
        Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null()),
    )?;
    let expected = losses(&alone)?;
    let mut worst: f64 = 0.0;
    for size in [2, 4] {
        let run = tools.work.join(format!("together-{size}"));
        succeed(tools.torchrun(size, 0).args(tools.demo(&run)))?;
        let found = losses(&run)?;
        ensure!(
            found.len() == expected.len(),
            "{} steps in {size} processes, {} in one",
            found.len(),
            expected.len()
        );
        for (step, (one, other)) in expected.iter().zip(&found).enumerate() {
            let difference = (one - other).abs() / one.abs();
            if difference.is_nan() || difference > MOST {
                bail!("step {step}: {other} in {size} processes, {one} in one");
            }
            worst = worst.max(difference);
        }
    }
    Ok(format!(
        "{} losses, at most {worst:.1e} apart relatively",
        expected.len()
    ))
}
