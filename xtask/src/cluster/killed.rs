//! One of several processes is killed or stopped at random moments, again and again.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::tools::{PATIENCE, SAVED, Tools, losses, succeed};
use crate::kill::Random;
use crate::process;

const PROCESSES: usize = 4;
const TIMES: usize = 20;
/// How long a start is left alone at most.
const CALM: f64 = 40.0;
pub fn run(tools: Tools<'_>) -> Result<String> {
    let calm = tools.work.join("calm");
    succeed(
        tools
            .torchrun(PROCESSES, 0)
            .args(tools.demo(&calm))
            .args(SAVED),
    )?;
    let expected = losses(&calm)?;
    let mut random = Random(27);
    let (mut done, mut slowest, mut runs) = (0, Duration::ZERO, 0);
    while done < TIMES {
        let run = tools.work.join(format!("disturbed-{runs}"));
        runs += 1;
        let mut command = tools.torchrun(PROCESSES, TIMES + 1);
        command.args(tools.demo(&run)).args(SAVED);
        let log = std::fs::File::create(run.with_extension("log"))?;
        let started = command.stdout(Stdio::null()).stderr(log).spawn();
        let mut torchrun = started.context("torchrun cannot be started")?;
        let disturbed = disturb(&mut torchrun, TIMES - done, &mut random);
        if disturbed.is_err() {
            torchrun.kill()?;
        }
        let status = torchrun.wait()?;
        let (times, longest) = disturbed?;
        ensure!(
            status.success(),
            "torchrun ended with {status}; see `{}`",
            run.with_extension("log").display()
        );
        ensure!(
            losses(&run)? == expected,
            "`{}` has other losses than `{}`",
            run.display(),
            calm.display()
        );
        done += times;
        slowest = slowest.max(longest);
    }
    Ok(format!(
        "{TIMES} times in {runs} runs, {} losses of each to the last bit; at most {:.0} s until all had ended",
        expected.len(),
        slowest.as_secs_f64()
    ))
}

/// Disturbs a run until it ends or that was done so many times; gives how often, and the longest time until all had ended.
fn disturb(torchrun: &mut Child, times: usize, random: &mut Random) -> Result<(usize, Duration)> {
    let (mut done, mut longest) = (0, Duration::ZERO);
    while done < times {
        let Some(started) = started(torchrun)? else {
            break;
        };
        let calm = Duration::from_secs_f64(1.0 + CALM * random.unit());
        let until = Instant::now() + calm;
        while Instant::now() < until && torchrun.try_wait()?.is_none() {
            thread::sleep(Duration::from_millis(50));
        }
        if torchrun.try_wait()?.is_some() {
            break;
        }
        let chosen = &started[(random.unit() * PROCESSES as f64) as usize % PROCESSES];
        let signal = if random.unit() < 0.5 { "KILL" } else { "STOP" };
        // It may have ended by itself a moment ago.
        if process::output(Command::new("kill").args(["-s", signal, chosen])).is_err() {
            continue;
        }
        done += 1;
        let since = Instant::now();
        while torchrun.try_wait()?.is_none() && started.iter().any(|process| lives(process)) {
            ensure!(
                since.elapsed() < PATIENCE,
                "60 s after {signal} not all processes have ended"
            );
            thread::sleep(Duration::from_millis(50));
        }
        longest = longest.max(since.elapsed());
    }
    Ok((done, longest))
}

/// torchrun's processes, once all of them are there; none if it ended.
fn started(torchrun: &mut Child) -> Result<Option<Vec<String>>> {
    let id = torchrun.id();
    let list = format!("/proc/{id}/task/{id}/children");
    loop {
        if torchrun.try_wait()?.is_some() {
            return Ok(None);
        }
        // torchrun starts them from threads as well.
        let mut found = Vec::new();
        for task in std::fs::read_dir(format!("/proc/{id}/task"))
            .with_context(|| format!("cannot read `{list}`"))?
            .flatten()
        {
            let children = std::fs::read_to_string(task.path().join("children"));
            let children = children.unwrap_or_default();
            found.extend(children.split_whitespace().map(str::to_owned));
        }
        found.retain(|process| lives(process));
        if found.len() == PROCESSES {
            return Ok(Some(found));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Whether a process is there and has not ended.
fn lives(process: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process).join("stat"));
    let stat = stat.unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}
