//! Processes that were started together: their lines, signals for them, and how they end.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGKILL, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

/// A process to start.
#[derive(Debug)]
pub struct Ranked {
    /// What its lines are told by.
    pub rank: usize,
    /// What is started. Its standard streams are set here.
    pub command: Command,
}

/// How long the others may go on when one has failed.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    /// To find out by themselves; after that they are asked to end.
    pub notice: Duration,
    /// To end when they are asked; after that they are killed.
    pub finish: Duration,
}

impl Default for Grace {
    /// Processes that work together find out within 20 seconds that one has gone.
    fn default() -> Self {
        Self {
            notice: Duration::from_secs(30),
            finish: Duration::from_secs(10),
        }
    }
}

/// Starts the processes, passes on their lines and to them the signals that come here, and waits for all of them.
///
/// Standard output is that of rank 0; the lines that others write on standard error begin with their rank. The exit code is that
/// of the first process given, or if that one did not fail, of the first that did.
pub fn run(processes: Vec<Ranked>, grace: Grace) -> Result<u8> {
    let (sender, events) = channel();
    // Before anything is started, so that no end is missed.
    let handle = listen(&sender)?;
    let mut all = Children {
        running: Vec::new(),
        ended: Vec::new(),
        is_asked: false,
    };
    let mut readers = 0;
    for Ranked { rank, mut command } in processes {
        command.stdin(Stdio::null());
        if rank != 0 {
            command.stdout(Stdio::null()).stderr(Stdio::piped());
        }
        let started = command.spawn();
        match started {
            Ok(mut child) => {
                if let Some(lines) = child.stderr.take() {
                    readers += 1;
                    pass_on(rank, lines, sender.clone());
                }
                all.running.push((rank, child));
            }
            Err(error) => {
                all.signal(Signal::KILL);
                all.wait();
                let name = command.get_program().display();
                return Err(error).with_context(|| format!("cannot start rank {rank}, `{name}`"));
            }
        }
    }
    readers -= all.go_on(&events, grace);
    handle.close();
    // What an ended process said last. One that it left behind may hold its end of the pipe for ever.
    let until = Instant::now() + Duration::from_secs(1);
    while readers > 0 {
        match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Event::Read) => readers -= 1,
            Ok(Event::Signal(_)) => {}
            Err(_) => break,
        }
    }
    Ok(all.code())
}

enum Event {
    Signal(i32),
    /// All lines of a process are read.
    Read,
}

/// Makes signals events.
fn listen(sender: &Sender<Event>) -> Result<signal_hook::iterator::Handle> {
    let mut signals = Signals::new([SIGCHLD, SIGINT, SIGTERM, SIGUSR1])
        .context("cannot take over Ctrl-C and SIGTERM")?;
    let (handle, sender) = (signals.handle(), sender.clone());
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if sender.send(Event::Signal(signal)).is_err() {
                break;
            }
        }
    });
    Ok(handle)
}

/// Writes a process's lines to our own standard error.
fn pass_on(rank: usize, lines: impl Read + Send + 'static, sender: Sender<Event>) {
    std::thread::spawn(move || {
        let mut lines = BufReader::new(lines);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            // Written at once, since rank 0 writes to the same place by itself.
            let text = String::from_utf8_lossy(&line);
            let text = format!("rank {rank}: {}\n", text.trim_end());
            let _ = std::io::stderr().write_all(text.as_bytes());
            line.clear();
        }
        let _ = sender.send(Event::Read);
    });
}

/// How a process ended.
struct End {
    rank: usize,
    code: u8,
    /// Whether we had asked or made it to.
    is_asked: bool,
    is_failure: bool,
}

struct Children {
    running: Vec<(usize, Child)>,
    /// In the order of their ends.
    ended: Vec<End>,
    /// Whether a signal came from outside.
    is_asked: bool,
}

impl Children {
    /// Waits until all have ended; gives how many readers have finished meanwhile.
    fn go_on(&mut self, events: &Receiver<Event>, grace: Grace) -> usize {
        let first = self.running.first().map(|(rank, _)| *rank);
        let mut read = 0;
        // What is done when the time is up: first asked, then killed.
        let mut next: Option<(Instant, Signal)> = None;
        loop {
            self.reap(next.is_some_and(|(_, signal)| signal == Signal::KILL));
            if self.running.is_empty() {
                break;
            }
            if next.is_none() && self.ended.iter().any(|end| end.is_failure) {
                next = Some((Instant::now() + grace.notice, Signal::TERM));
            }
            let event = match next {
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some((time, _)) => {
                    events.recv_timeout(time.saturating_duration_since(Instant::now()))
                }
            };
            match event {
                Ok(Event::Read) => read += 1,
                Ok(Event::Signal(SIGCHLD)) => {}
                Ok(Event::Signal(signal)) => {
                    self.is_asked = true;
                    self.signal(match signal {
                        SIGINT => Signal::INT,
                        SIGTERM => Signal::TERM,
                        _ => Signal::USR1,
                    });
                }
                Err(_) => {
                    if let Some((_, Signal::TERM)) = next {
                        eprintln!(
                            "error: {} did not end by themselves within {} seconds and are asked to",
                            self.names(),
                            grace.notice.as_secs()
                        );
                        self.signal(Signal::TERM);
                        next = Some((Instant::now() + grace.finish, Signal::KILL));
                    } else {
                        eprintln!("error: {} did not end and are killed", self.names());
                        self.signal(Signal::KILL);
                        self.wait();
                        break;
                    }
                }
            }
        }
        // The first one's end decides, whenever it came.
        if let Some(at) = self.ended.iter().position(|end| Some(end.rank) == first) {
            let end = self.ended.remove(at);
            self.ended.insert(0, end);
        }
        read
    }

    /// Takes out those that have ended.
    fn reap(&mut self, is_made: bool) {
        let is_asked = self.is_asked;
        let mut ended = Vec::new();
        self.running
            .retain_mut(|(rank, child)| match child.try_wait() {
                Ok(Some(status)) => {
                    ended.push(end(*rank, status, is_asked, is_made));
                    false
                }
                // A child of ours can be waited for.
                Ok(None) | Err(_) => true,
            });
        self.ended.extend(ended);
    }

    /// Waits for those that were killed.
    fn wait(&mut self) {
        for (rank, mut child) in std::mem::take(&mut self.running) {
            if let Ok(status) = child.wait() {
                self.ended.push(end(rank, status, self.is_asked, true));
            }
        }
    }

    fn signal(&self, signal: Signal) {
        for (_, child) in &self.running {
            // Not waited for, so that its number is still its own.
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                let _ = kill_process(pid, signal);
            }
        }
    }

    fn names(&self) -> String {
        let ranks: Vec<String> = self.running.iter().map(|(r, _)| r.to_string()).collect();
        format!("ranks {}", ranks.join(", "))
    }

    /// Ours, with the first process's end in the first place.
    fn code(&self) -> u8 {
        let is_bad = |end: &&End| end.code != 0;
        let own = self.ended.first().filter(is_bad);
        let own = own.filter(|end| !end.is_asked || end.is_failure);
        let failed = || self.ended.iter().find(|end| end.is_failure);
        let any = || self.ended.iter().find(is_bad);
        own.or_else(failed).or_else(any).map_or(0, |end| end.code)
    }
}

/// What an end means, said if it is a failure.
fn end(rank: usize, status: ExitStatus, is_asked: bool, is_made: bool) -> End {
    let (code, is_stop) = match (status.code(), status.signal()) {
        (Some(code), _) => (
            u8::try_from(code).unwrap_or(1),
            [128 + SIGINT, 128 + SIGTERM].contains(&code),
        ),
        (None, Some(signal)) => (
            u8::try_from(128 + signal).unwrap_or(1),
            [SIGINT, SIGTERM, SIGUSR1].contains(&signal),
        ),
        (None, None) => (1, false),
    };
    let is_asked = is_made || is_asked && is_stop;
    let is_failure = code != 0 && !is_asked;
    if is_failure {
        match status.signal() {
            Some(signal) => {
                let name = signal_name(signal).map_or_else(|| signal.to_string(), str::to_owned);
                let hint = if signal == SIGKILL {
                    ", by somebody or by the system for want of memory"
                } else {
                    ""
                };
                eprintln!("error: rank {rank} was ended by {name}{hint}");
            }
            // It has said why itself.
            None if [1, 2].contains(&code) => {}
            None => eprintln!("error: rank {rank} ended with code {code}"),
        }
    }
    End {
        rank,
        code,
        is_asked,
        is_failure,
    }
}
