//! Two machines of one kernel, in network namespaces of their own, with a cable between them that is pulled.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::tools::{PATIENCE, SAVED, Tools, losses};
use crate::process;

const MACHINES: [(&str, &str, &str); 2] = [
    ("adamllm-test-0", "cable0", "10.77.0.1"),
    ("adamllm-test-1", "cable1", "10.77.0.2"),
];
/// A start that takes longer hangs.
const WHOLE: Duration = Duration::from_mins(10);
/// Less than processes wait for each other's heartbeats.
const SHORT: Duration = Duration::from_secs(5);

pub fn run(tools: Tools<'_>) -> Result<String> {
    let network = Network::lay()?;
    let calm = tools.work.join("calm");
    start(tools, &calm)?.finish()?;
    let expected = losses(&calm)?;

    let short = tools.work.join("short");
    let run = start(tools, &short)?;
    run.trains()?;
    network.cable("down")?;
    thread::sleep(SHORT);
    network.cable("up")?;
    run.finish()?;
    ensure!(
        losses(&short)? == expected,
        "a cable that was pulled for a moment changed the losses"
    );

    let long = tools.work.join("long");
    let run = start(tools, &long)?;
    run.trains()?;
    network.cable("down")?;
    let since = Instant::now();
    let (ended, said) = run.end(PATIENCE)?;
    let until = since.elapsed();
    for rank in 0..2 {
        let other = format!("rank {} (process", 1 - rank);
        ensure!(
            !ended[rank].success() && said[rank].contains(&other),
            "rank {rank} ended with {} and does not name the other one: {}",
            ended[rank],
            said[rank]
        );
    }
    network.cable("up")?;
    start(tools, &long)?.finish()?;
    ensure!(
        losses(&long)? == expected,
        "a run that went on after its cable was pulled has other losses"
    );
    Ok(format!(
        "pulled for {} s nothing changes; pulled for good both ended with the other one's name after {:.0} s, and went on with \
         the same {} losses",
        SHORT.as_secs(),
        until.as_secs_f64(),
        expected.len()
    ))
}

/// The namespaces, which go with it.
struct Network {
    /// The machine and the end of the cable that is pulled.
    end: [&'static str; 2],
}

fn ip(words: &[&str]) -> Result<String> {
    process::output(Command::new("ip").args(words))
}

impl Network {
    fn lay() -> Result<Self> {
        let [(one, cable0, _), (other, cable1, _)] = MACHINES;
        let network = Self {
            end: [other, cable1],
        };
        // Left by one that was killed.
        network.clear();
        let what =
            "network namespaces cannot be made: this needs root and `ip` (Debian's iproute2)";
        ip(&["netns", "add", one]).context(what)?;
        ip(&["netns", "add", other])?;
        ip(&[
            "link", "add", cable0, "netns", one, "type", "veth", "peer", "name", cable1, "netns",
            other,
        ])?;
        for (machine, cable, address) in MACHINES {
            let address = format!("{address}/24");
            ip(&["-n", machine, "addr", "add", &address, "dev", cable])?;
            ip(&["-n", machine, "link", "set", cable, "up"])?;
            ip(&["-n", machine, "link", "set", "lo", "up"])?;
        }
        Ok(network)
    }

    fn clear(&self) {
        for machine in [MACHINES[0].0, self.end[0]] {
            // It may not be there.
            let _ = ip(&["netns", "del", machine]);
        }
    }

    /// Pulls the cable out of the second machine, or puts it in again.
    fn cable(&self, is: &str) -> Result<()> {
        let [machine, cable] = self.end;
        ip(&["-n", machine, "link", "set", cable, is]).map(drop)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A process of each machine.
struct Started {
    processes: Vec<Child>,
    run: PathBuf,
    logs: [PathBuf; 2],
}

/// Starts the quick demo in both.
fn start(tools: Tools<'_>, run: &Path) -> Result<Started> {
    let logs = [0, 1].map(|rank| run.with_extension(format!("{rank}.log")));
    let mut processes = Vec::new();
    for (rank, (machine, cable, _)) in MACHINES.iter().enumerate() {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", machine]);
        command.args(tools.demo(run)).args(SAVED);
        command.envs([("MASTER_ADDR", MACHINES[0].2), ("MASTER_PORT", "29500")]);
        command.envs([
            ("WORLD_SIZE", "2"),
            ("LOCAL_WORLD_SIZE", "1"),
            ("LOCAL_RANK", "0"),
        ]);
        command.env("RANK", rank.to_string());
        command.env("GLOO_SOCKET_IFNAME", cable);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&logs[rank])?);
        processes.push(command.spawn().context("`ip` cannot be started")?);
    }
    Ok(Started {
        processes,
        run: run.to_owned(),
        logs,
    })
}

impl Started {
    /// Waits until a training has gone some steps.
    fn trains(&self) -> Result<()> {
        let since = Instant::now();
        while losses(&self.run).map_or(0, |found| found.len()) < 5 {
            ensure!(since.elapsed() < WHOLE, "no training began");
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Waits until both have ended; gives how, and what they said.
    fn end(mut self, patience: Duration) -> Result<([ExitStatus; 2], [String; 2])> {
        let since = Instant::now();
        while let Some(process) =
            self.processes
                .iter_mut()
                .find_map(|process| match process.try_wait() {
                    Ok(Some(_)) => None,
                    lives => Some(lives),
                })
        {
            process?;
            ensure!(
                since.elapsed() < patience,
                "after {} s a process has not ended",
                patience.as_secs()
            );
            thread::sleep(Duration::from_millis(50));
        }
        let [one, other] = &mut self.processes[..] else {
            unreachable!("two are started");
        };
        let ended = [one.wait()?, other.wait()?];
        let said = [
            std::fs::read_to_string(&self.logs[0])?,
            std::fs::read_to_string(&self.logs[1])?,
        ];
        Ok((ended, said))
    }

    fn finish(self) -> Result<()> {
        let (ended, said) = self.end(WHOLE)?;
        ensure!(ended.iter().all(ExitStatus::success), "{ended:?}: {said:?}");
        Ok(())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
