//! `--processes N`, and launchers that leave it to the program to start a machine's processes: copies of this one, each told its
//! place by the variables that torchrun sets.

mod children;

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command as Program;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use run::launch::{Found, Node, PARENT, Variables, lookup};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

pub use self::children::{Grace, Ranked, run as run_children};
pub use crate::rank::of_process;

use crate::cli::{Cli, Command};
use crate::rank::machine;

/// Starts this machine's processes if it is for this one to do that, and gives their exit code when they have ended; none where
/// this process does the work itself.
pub fn start(cli: &Cli) -> Result<Option<u8>> {
    let Some(asked) = Asked::of(&cli.command) else {
        return Ok(None);
    };
    end_with_parent()?;
    if asked.is_look {
        return Ok(None);
    }
    match lookup(asked.processes, machine(), &Variables::of_process())? {
        Found::Alone | Found::Process(_) => Ok(None),
        Found::Node(node) => children::run(copies(node)?, Grace::default()).map(Some),
    }
}

/// What a verb that works in several processes says of them.
struct Asked {
    processes: Option<usize>,
    /// Looked at, begun by nobody: one process does that.
    is_look: bool,
}

impl Asked {
    /// None for verbs that know one process.
    fn of(command: &Command) -> Option<Self> {
        let (processes, is_look) = match command {
            Command::Demo(demo) => (demo.processes, demo.dry_run),
            Command::Run(run) => (run.stage.processes, run.dry_run),
            Command::Synthesize(synthesize) => {
                (synthesize.stage.processes, synthesize.preview.is_some())
            }
            Command::TuneSynthesizer(stage)
            | Command::Filter(stage)
            | Command::Mix(stage)
            | Command::Train(stage)
            | Command::Report(stage) => (stage.processes, false),
            Command::Evaluate(evaluate) if evaluate.recipe.is_some() => (evaluate.processes, false),
            _ => return None,
        };
        Some(Self { processes, is_look })
    }
}

/// A process that another one of ours started does not outlive it, however that one ends.
fn end_with_parent() -> Result<()> {
    let Ok(parent) = std::env::var(PARENT) else {
        return Ok(());
    };
    let named = parent.parse().ok().and_then(Pid::from_raw);
    let Some(named) = named else {
        bail!(
            "`{PARENT}` is `{parent}`, and no number of a process; this program sets it for those that it starts: unset it"
        );
    };
    set_parent_process_death_signal(Some(Signal::KILL))
        .context("the system cannot be asked to end this process with the one that started it")?;
    // It may have ended before that was asked for.
    if getppid() != Some(named) {
        bail!(
            "process {named}, which started this one, has ended; if nothing of the kind was started here, unset `{PARENT}`",
            named = named.as_raw_nonzero()
        );
    }
    Ok(())
}

/// The commands of a machine's processes. They are given the same arguments, so that what they say of how to go on is right, and
/// `--threads` is each one's; else each takes its share of the processors by `LOCAL_WORLD_SIZE`.
fn copies(mut node: Node) -> Result<Vec<Ranked>> {
    let program = std::env::current_exe().context("the program cannot find itself")?;
    let own = std::process::id();
    let port = match node.port {
        Some(port) => port,
        None => free_port()?,
    };
    // Other machines could not know a name that is made here.
    if node.id.is_empty() && node.nodes == 1 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        node.id = format!("{own}-{}", now.map_or(0, |time| time.as_nanos()));
    }
    let one = |local| {
        let launch = node.launch(local, port);
        let mut command = Program::new(&program);
        let mut arguments = std::env::args_os();
        if let Some(name) = arguments.next() {
            std::os::unix::process::CommandExt::arg0(&mut command, name);
        }
        command.args(arguments).envs(launch.variables());
        command.env(PARENT, own.to_string());
        Ranked {
            rank: launch.rank,
            command,
        }
    };
    Ok((0..node.processes).map(one).collect())
}

/// A port of this machine that nobody has at the moment. Whoever takes it before rank 0 does is told by rank 0.
fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .context("no port is free for the processes to find each other")
}
