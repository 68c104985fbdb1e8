//! Worlds of real processes: this program starts itself again, once a rank.
#![expect(clippy::print_stdout, reason = "a started process tells what it found")]

mod proxy;

use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use distributed::{Asked, Error, Pace, World};
use proxy::Proxy;
use run::launch::Launch;
use rustix::process::{Pid, Signal, kill_process};
use torch::{Kind, Tensor};

/// What a process of a test is to do.
const SCENE: &str = "ADAMLLM_TEST_SCENE";
const RANK: &str = "ADAMLLM_TEST_RANK";
const SIZE: &str = "ADAMLLM_TEST_SIZE";
const PORT: &str = "ADAMLLM_TEST_PORT";

/// After this time a test counts as hanging.
const PATIENCE: Duration = Duration::from_mins(1);

const PACE: Pace = Pace {
    beat: Duration::from_millis(50),
    patience: Duration::from_secs(2),
    grace: Duration::from_millis(200),
    joining: Duration::from_secs(20),
};

fn number(name: &str) -> usize {
    let text = std::env::var(name).expect(name);
    text.parse().expect("a number")
}

fn launch(rank: usize, size: usize, port: u16) -> Launch {
    Launch {
        rank,
        size,
        local_rank: rank,
        local_size: size,
        address: "127.0.0.1".to_owned(),
        port,
        serves: true,
        ..Launch::alone()
    }
}

/// What a started process does; without a scene this is no test.
#[test]
fn process() {
    let Ok(scene) = std::env::var(SCENE) else {
        return;
    };
    let (rank, size) = (number(RANK), number(SIZE));
    let port = u16::try_from(number(PORT)).expect("a port");
    let asked = Asked::default();
    let tell = |why: &str| println!("told: {why}");
    let joined = World::join(&launch(rank, size, port), PACE, asked.clone(), tell);
    let world = match joined {
        Ok(world) => world,
        Err(error) => {
            println!("refused: {error}");
            std::process::exit(3);
        }
    };
    println!("joined");
    let ended = match scene.as_str() {
        "talk" => talk(&world),
        "wait" => world.exchange("I am here").and_then(|_| wait(&world)),
        "reduce" => world.exchange("I am here").map(|_| reduce(&world)),
        "fail" => fail(&world),
        "stop" => stop(&world, &asked),
        "late" => late(&world),
        other => panic!("no scene `{other}`"),
    };
    if let Err(error) = ended {
        println!("ended: {error}");
        std::process::exit(1);
    }
    world.leave().expect("left");
    println!("left");
}

fn talk(world: &World) -> Result<(), Error> {
    let all = world.exchange(&format!("from {}", world.rank()))?;
    let expected: Vec<String> = (0..world.size())
        .map(|rank| format!("from {rank}"))
        .collect();
    assert_eq!(all, expected);
    let own = format!("what {} says", world.rank());
    assert_eq!(world.share(&own)?, "what 0 says");
    let group = world.group().expect("a group");
    for kind in [Kind::Double, Kind::Float, Kind::BFloat16, Kind::Int64] {
        let own = Tensor::from(world.rank() as i64 + 1).to_kind(kind);
        let own = own.expand([3], false).copy();
        group.all_reduce(&own)?;
        let sum = world.size() * (world.size() + 1) / 2;
        assert_eq!(
            own.to_kind(Kind::Int64).int64_value(&[2]),
            sum as i64,
            "{kind:?}"
        );
    }
    let size = world.size() as i64;
    let each = Tensor::arange(2 * size, (Kind::Float, torch::Device::Cpu));
    let part = Tensor::zeros([2], (Kind::Float, torch::Device::Cpu));
    group.reduce_scatter(&part, &each)?;
    let first = 2 * world.rank() * world.size();
    assert_eq!(part.to_kind(Kind::Int64).int64_value(&[0]), first as i64);
    let all = Tensor::zeros([2 * size], (Kind::Float, torch::Device::Cpu));
    group.all_gather(&all, &part)?;
    assert!(all.equal(&(each * size)));
    let given = Tensor::from(world.rank() as i64);
    group.broadcast(&given, 1)?;
    assert_eq!(given.int64_value(&[]), 1);
    group.barrier()?;
    // Each number is one process's.
    let own: Vec<u64> = (0..50)
        .map(|_| world.take("blocks"))
        .collect::<Result<_, _>>()?;
    let all = world.exchange(&serde_json::to_string(&own).expect("text"))?;
    let all = all
        .iter()
        .map(|text| serde_json::from_str(text).expect("numbers"));
    let mut all: Vec<u64> = all.flat_map(|own: Vec<u64>| own).collect();
    all.sort_unstable();
    let expected: Vec<u64> = (0..50 * world.size() as u64).collect();
    assert_eq!(all, expected);
    Ok(())
}

/// Waits for what never comes.
fn wait(world: &World) -> Result<(), Error> {
    if world.rank() == 1 {
        std::thread::sleep(PATIENCE);
    }
    world.wait_for_all()
}

/// Adds up for ever; the last rank leaves the others alone with it.
fn reduce(world: &World) {
    let group = world.group().expect("a group");
    let own = Tensor::zeros([1 << 20], (Kind::Float, torch::Device::Cpu));
    loop {
        if let Err(error) = group.all_reduce(&own) {
            println!("ended: {}", world.reason().unwrap_or(error.to_string()));
            std::process::exit(1);
        }
    }
}

fn fail(world: &World) -> Result<(), Error> {
    world.exchange("I am here")?;
    if world.rank() == 2 {
        world.fail("sample `x`: its picture is missing");
        std::process::exit(1);
    }
    world.wait_for_all()
}

/// Waits for a signal that another process gets.
fn stop(world: &World, asked: &Asked) -> Result<(), Error> {
    world.exchange("I am here")?;
    if world.rank() == 1 {
        asked.signal.store(15, Ordering::Relaxed);
        asked.stop.store(true, Ordering::Relaxed);
    }
    let begun = Instant::now();
    while !asked.stop.load(Ordering::Relaxed) {
        assert!(begun.elapsed() < PATIENCE, "nobody told");
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("stopped by {}", asked.signal.load(Ordering::Relaxed));
    Ok(())
}

/// One is busy for longer than anybody may be silent.
fn late(world: &World) -> Result<(), Error> {
    if world.is_first() {
        std::thread::sleep(PACE.patience * 2);
    }
    world.wait_for_all()
}

/// Processes of a test, which do not outlive it.
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Processes {
    fn start(scene: &str, size: usize, ranks: &[usize], port: u16) -> Self {
        let ranks: Vec<(usize, u16)> = ranks.iter().map(|rank| (*rank, port)).collect();
        Self::start_at(scene, size, &ranks)
    }

    /// Starts ranks, each of which is told a port of its own.
    fn start_at(scene: &str, size: usize, ranks: &[(usize, u16)]) -> Self {
        let own = std::env::current_exe().expect("this program");
        let start = |(rank, port): &(usize, u16)| {
            Command::new(&own)
                .args(["--exact", "process", "--nocapture"])
                .envs([(SCENE, scene), (RANK, &rank.to_string())])
                .envs([(SIZE, size.to_string()), (PORT, port.to_string())])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("started")
        };
        Self(ranks.iter().map(start).collect())
    }

    /// Sends a signal to the process of this place.
    fn signal(&self, place: usize, signal: Signal) {
        let id = i32::try_from(self.0[place].id()).expect("a number");
        kill_process(Pid::from_raw(id).expect("a process"), signal).expect("sent");
    }

    /// Waits until a process of this place has said so much.
    fn said(&mut self, place: usize, text: &str) {
        let out = self.0[place].stdout.as_mut().expect("piped");
        let mut heard = String::new();
        let mut byte = [0];
        while !heard.contains(text) {
            assert!(out.read(&mut byte).expect("read") > 0, "it said `{heard}`");
            heard.push(char::from(byte[0]));
        }
    }

    /// How the processes of these places ended, and what they said last.
    fn ended(&mut self, places: impl IntoIterator<Item = usize>) -> Vec<(ExitStatus, String)> {
        let begun = Instant::now();
        let mut all = Vec::new();
        for place in places {
            let child = &mut self.0[place];
            let status = loop {
                if let Some(status) = child.try_wait().expect("waited") {
                    break status;
                }
                assert!(begun.elapsed() < PATIENCE, "process {place} hangs");
                std::thread::sleep(Duration::from_millis(20));
            };
            let mut said = String::new();
            let out = child.stdout.as_mut().expect("piped");
            out.read_to_string(&mut said).expect("text");
            all.push((status, said));
        }
        all
    }
}

/// A port that nobody else of this program is given.
fn port() -> u16 {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    TAKEN.fetch_add(1, Ordering::Relaxed);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its number").port()
}

#[test]
fn processes_tell_each_other_what_they_have() {
    for size in [2, 3] {
        let ranks: Vec<usize> = (0..size).collect();
        let mut all = Processes::start("talk", size, &ranks, port());
        for (status, said) in all.ended(0..size) {
            assert!(status.success() && said.contains("left"), "{said}");
        }
    }
}

#[test]
fn one_that_is_gone_or_hangs_ends_the_others_with_its_name() {
    for scene in ["wait", "reduce"] {
        for signal in [Signal::KILL, Signal::STOP] {
            for gone in [0, 1] {
                let mut all = Processes::start(scene, 3, &[0, 1, 2], port());
                (0..3).for_each(|place| all.said(place, "joined"));
                all.signal(gone, signal);
                let others: Vec<usize> = (0..3).filter(|place| *place != gone).collect();
                for (status, said) in all.ended(others) {
                    let name = format!("rank {gone} (process {}", all.0[gone].id());
                    assert!(!status.success(), "{said}");
                    assert!(
                        said.contains(&name),
                        "{scene}, {signal:?} of {gone}: {said}"
                    );
                }
            }
        }
    }
}

#[test]
fn an_error_of_one_is_told_by_all() {
    let mut all = Processes::start("fail", 3, &[0, 1, 2], port());
    for (status, said) in all.ended(0..2) {
        assert!(!status.success(), "{said}");
        assert!(said.contains("rank 2 (process"), "{said}");
        assert!(
            said.contains("sample `x`: its picture is missing"),
            "{said}"
        );
    }
}

#[test]
fn a_signal_to_one_is_a_signal_to_all() {
    let mut all = Processes::start("stop", 3, &[0, 1, 2], port());
    for (status, said) in all.ended(0..3) {
        assert!(status.success() && said.contains("stopped by 15"), "{said}");
    }
}

#[test]
fn one_may_be_busy_for_long() {
    let mut all = Processes::start("late", 2, &[0, 1], port());
    for (status, said) in all.ended(0..2) {
        assert!(status.success(), "{said}");
    }
}

#[test]
fn a_slow_network_is_no_end() {
    let port = port();
    let proxy = Proxy::to(port, Duration::from_millis(20));
    let mut all = Processes::start_at("talk", 2, &[(0, port), (1, proxy.port)]);
    for (status, said) in all.ended(0..2) {
        assert!(status.success() && said.contains("left"), "{said}");
    }
}

#[test]
fn a_network_that_stalls_for_less_than_patience_is_no_end() {
    let port = port();
    let proxy = Proxy::to(port, Duration::ZERO);
    let mut all = Processes::start_at("late", 2, &[(0, port), (1, proxy.port)]);
    (0..2).for_each(|place| all.said(place, "joined"));
    proxy.stall(true);
    std::thread::sleep(PACE.patience / 2);
    proxy.stall(false);
    for (status, said) in all.ended(0..2) {
        assert!(status.success() && said.contains("left"), "{said}");
    }
}

#[test]
fn a_network_that_stalls_ends_both_sides_with_the_other_ones_name() {
    for scene in ["wait", "reduce"] {
        let port = port();
        let proxy = Proxy::to(port, Duration::ZERO);
        let mut all = Processes::start_at(scene, 2, &[(0, port), (1, proxy.port)]);
        (0..2).for_each(|place| all.said(place, "joined"));
        proxy.stall(true);
        for (rank, (status, said)) in all.ended(0..2).into_iter().enumerate() {
            let name = format!("rank {} (process {}", 1 - rank, all.0[1 - rank].id());
            assert!(!status.success(), "{said}");
            assert!(said.contains(&name), "{scene}: {said}");
            assert!(said.contains("has not answered"), "{scene}: {said}");
        }
    }
}

#[test]
fn who_cannot_join_is_told_why() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let taken = listener.local_addr().expect("its number").port();
    let mut all = Processes::start("talk", 2, &[0], taken);
    let (status, said) = all.ended(0..1).remove(0);
    assert_eq!(status.code(), Some(3), "{said}");
    let told = format!("port {taken} of this machine cannot be listened at");
    assert!(
        said.contains(&told) && said.contains("MASTER_PORT"),
        "{said}"
    );

    // A second rank 1, as of a second run with the same port.
    let port = port();
    let mut all = Processes::start("wait", 3, &[0, 1, 1], port);
    let refused = all.ended_first();
    assert!(
        refused.contains("there is a process of rank 1 already at 127.0.0.1"),
        "{refused}"
    );
}

impl Processes {
    /// What the process said that ended first.
    fn ended_first(&mut self) -> String {
        let begun = Instant::now();
        loop {
            for place in 0..self.0.len() {
                if self.0[place].try_wait().expect("waited").is_some() {
                    return self.ended([place]).remove(0).1;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "nobody ended");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
