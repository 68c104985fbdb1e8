//! All processes of a run.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use run::launch::Launch;
use torch::Device;
use torch::distributed::{Group, Store};

use crate::error::Error;
use crate::member::Member;
use crate::watch::{self, Asked, Pace, Watch, Watched};

/// What every operation of a group has to be done within. Whoever is gone or hangs is noticed long before; this is for
/// networks that swallow what they are given.
const OPERATION: Duration = Duration::from_mins(30);

/// The network interface that Gloo is to be found at, as with PyTorch.
const INTERFACE: &str = "GLOO_SOCKET_IFNAME";

/// The library of NCCL, which lies beside the program.
const NCCL: &str = "libadamllm_nccl.so";

/// How long a process that ends waits for the others to take notice.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The key of how many processes stopped, below the prefix of a run.
const STOPPED: &str = "stopped";

/// Between two looks at the store for what another process will put there.
const SHORTEST_LOOK: Duration = Duration::from_millis(1);
const LONGEST_LOOK: Duration = Duration::from_millis(100);

/// All processes of a run, and this one's place among them. What is done together is called by all of them in the same order.
///
/// ```
/// # fn main() -> Result<(), distributed::Error> {
/// let world = distributed::World::alone();
/// assert_eq!(world.exchange("what I have")?, ["what I have"]);
/// assert!(world.is_first() && world.is_alone());
/// # Ok(())
/// # }
/// ```
pub struct World {
    launch: Launch,
    joined: Option<Joined>,
}

struct Joined {
    store: Store,
    group: Group,
    on_gpus: OnceCell<Group>,
    prefix: String,
    members: Vec<Member>,
    watch: Watch,
    /// Operations done together so far.
    done: Cell<u64>,
}

impl World {
    /// One process, which works alone.
    pub fn alone() -> Self {
        Self {
            launch: Launch::alone(),
            joined: None,
        }
    }

    /// Joins the others. A signal that one process gets reaches `asked` of all; `tell` hears why this process is ended, if
    /// another one's end ends it in the middle of something.
    ///
    /// Gives [`Error::Port`], [`Error::Nobody`], [`Error::Twice`], [`Error::Absent`], [`Error::Version`], [`Error::Ended`] and
    /// [`Error::Lost`].
    pub fn join(launch: &Launch, pace: Pace, asked: Asked, tell: fn(&str)) -> Result<Self, Error> {
        if launch.size <= 1 {
            return Ok(Self {
                launch: launch.clone(),
                joined: None,
            });
        }
        let store = open(launch, pace)?;
        // The launcher's own store outlives restarts.
        let prefix = format!("adamllm/{}/{}/{}/", launch.id, launch.restart, launch.size);
        let key = |what: &str| format!("{prefix}{what}");
        if store.add(&key(&format!("here/{}", launch.rank)), 1)? > 1 {
            return Err(Error::Twice {
                rank: launch.rank,
                address: launch.address.clone(),
                port: launch.port,
            });
        }
        let members = meet(launch, pace, &store, &prefix)?;
        let heart = if serves(launch) {
            Store::join("localhost", store.port(), pace.patience)?
        } else {
            Store::join(&launch.address, launch.port, pace.patience)?
        };
        let server = if launch.serves {
            members[0].to_string()
        } else {
            format!("the launcher's store at {}:{}", launch.address, launch.port)
        };
        let watched = Watched {
            members: members.clone(),
            own: launch.rank,
            prefix: prefix.clone(),
            server,
        };
        let watch = Watch::begin(heart, watched, pace, asked, tell);
        let interface = interface(launch, &members);
        let group = Group::gloo(
            &store,
            &key("control"),
            launch.rank,
            launch.size,
            interface.as_deref(),
            OPERATION,
        );
        let group = group.map_err(|error| {
            let _ = watch::suspect(&store, &prefix);
            watch.reason().map_or(Error::Lost(error), Error::Ended)
        })?;
        Ok(Self {
            launch: launch.clone(),
            joined: Some(Joined {
                store,
                group,
                on_gpus: OnceCell::new(),
                prefix,
                members,
                watch,
                done: Cell::new(0),
            }),
        })
    }

    /// What started this process.
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Which of all processes this is, from 0.
    pub fn rank(&self) -> usize {
        self.launch.rank
    }

    /// Processes in all.
    pub fn size(&self) -> usize {
        self.launch.size
    }

    /// Whether this is the process that writes.
    pub fn is_first(&self) -> bool {
        self.launch.rank == 0
    }

    /// Whether there is no other process.
    pub fn is_alone(&self) -> bool {
        self.joined.is_none()
    }

    /// The group of all processes for tensors of the CPU; none where this process is alone.
    pub fn group(&self) -> Option<&Group> {
        self.joined.as_ref().map(|joined| &joined.group)
    }

    /// The group of all processes for tensors of a device; none where this process is alone. That of GPUs is over NCCL, and is
    /// joined when it is first asked for.
    ///
    /// Gives [`Error::NoNccl`], [`Error::Nccl`] and [`Error::Ended`].
    pub fn group_on(&self, device: Device) -> Result<Option<&Group>, Error> {
        let Some(joined) = &self.joined else {
            return Ok(None);
        };
        let Device::Cuda(index) = device else {
            return Ok(Some(&joined.group));
        };
        if let Some(group) = joined.on_gpus.get() {
            return Ok(Some(group));
        }
        let program = std::env::current_exe().unwrap_or_default();
        let library = program.with_file_name(NCCL);
        if !library.is_file() {
            return Err(Error::NoNccl { library });
        }
        let prefix = format!("{}gpus", joined.prefix);
        let own = (self.rank(), self.size());
        let made = Group::nccl(&library, &joined.store, &prefix, own, index, OPERATION);
        let made = made.map_err(|said| match joined.watch.ended() {
            Some(text) => Error::Ended(text),
            None => Error::Nccl { said },
        })?;
        Ok(Some(joined.on_gpus.get_or_init(|| made)))
    }

    /// A process, in words.
    pub fn member(&self, rank: usize) -> String {
        let members = self.joined.iter().flat_map(|joined| &joined.members);
        let found = members.into_iter().find(|member| member.rank == rank);
        found.map_or_else(|| format!("rank {rank}"), Member::to_string)
    }

    /// Gives what each process has to say to all of them, in the order of ranks. It takes as long as the last one takes, which
    /// may be long.
    ///
    /// Gives [`Error::Stopped`], [`Error::Ended`] and [`Error::Lost`].
    pub fn exchange(&self, text: &str) -> Result<Vec<String>, Error> {
        let Some(joined) = &self.joined else {
            return Ok(vec![text.to_owned()]);
        };
        let at = joined.next();
        let all = format!("{at}/all");
        let own = |rank: usize| format!("{at}/{rank}");
        if self.is_first() {
            let mut said = vec![text.to_owned()];
            for rank in 1..self.size() {
                said.push(joined.take(&own(rank))?);
                joined.lost(joined.store.delete(&own(rank)))?;
            }
            let together = serde_json::to_string(&said).unwrap_or_default();
            joined.lost(joined.store.set(&all, together.as_bytes()))?;
            Ok(said)
        } else {
            joined.lost(joined.store.set(&own(self.rank()), text.as_bytes()))?;
            let together = joined.take(&all)?;
            serde_json::from_str(&together)
                .map_err(|error| Error::Ended(format!("what was told cannot be read: {error}")))
        }
    }

    /// Gives what rank 0 has to say to all; what others pass is not looked at. It waits as long as rank 0 takes.
    ///
    /// Gives [`Error::Stopped`], [`Error::Ended`] and [`Error::Lost`].
    pub fn share(&self, text: &str) -> Result<String, Error> {
        let Some(joined) = &self.joined else {
            return Ok(text.to_owned());
        };
        let key = format!("{}/shared", joined.next());
        if self.is_first() {
            joined.lost(joined.store.set(&key, text.as_bytes()))?;
            Ok(text.to_owned())
        } else {
            joined.take(&key)
        }
    }

    /// Waits until all processes are here, however long it takes.
    ///
    /// Gives [`Error::Stopped`], [`Error::Ended`] and [`Error::Lost`].
    pub fn wait_for_all(&self) -> Result<(), Error> {
        self.exchange("").map(drop)
    }

    /// The name of a new count for [`World::take`], the same in all processes.
    pub fn new_count(&self) -> String {
        let joined = self.joined.as_ref();
        joined.map_or_else(String::new, |joined| joined.done_next().to_string())
    }

    /// A number that no other process gets: 0, 1, 2 … of what is counted under this name. Names of different counts differ.
    ///
    /// Gives [`Error::Lost`].
    pub fn take(&self, name: &str) -> Result<u64, Error> {
        let Some(joined) = &self.joined else {
            return Ok(0);
        };
        let key = format!("{}count/{name}", joined.prefix);
        let taken = joined.lost(joined.store.add(&key, 1))?;
        Ok(u64::try_from(taken - 1).unwrap_or(0))
    }

    /// How many numbers of a count were taken by now.
    ///
    /// Gives [`Error::Lost`].
    pub fn taken(&self, name: &str) -> Result<u64, Error> {
        let Some(joined) = &self.joined else {
            return Ok(0);
        };
        let key = format!("{}count/{name}", joined.prefix);
        let taken = joined.lost(joined.store.add(&key, 0))?;
        Ok(u64::try_from(taken).unwrap_or(0))
    }

    /// Tells the others that this process failed, and why, and waits a moment until they heard it. They end.
    pub fn fail(&self, why: &str) {
        let Some(joined) = &self.joined else { return };
        let text = format!("{}: {why}", self.member(self.rank()));
        // Where that cannot be told, the silence is noticed.
        if watch::end(&joined.store, &joined.prefix, &text).is_ok() {
            self.wait_for(|rank| watch::heard(&joined.prefix, rank));
        }
    }

    /// Why the run ends, if another process said so or is known to be gone.
    pub fn ended(&self) -> Option<String> {
        self.joined.as_ref()?.watch.ended()
    }

    /// Why the run ends, if another process said so or is gone. Asked for after something failed that processes do together, it
    /// waits for the reason as long as it takes to notice that somebody is gone.
    pub fn reason(&self) -> Option<String> {
        let joined = self.joined.as_ref()?;
        let _ = watch::suspect(&joined.store, &joined.prefix);
        joined.watch.reason()
    }

    /// Ends working together, in order: all processes have to come here.
    ///
    /// Gives [`Error::Ended`] and [`Error::Lost`].
    pub fn leave(&self) -> Result<(), Error> {
        let Some(joined) = &self.joined else {
            return Ok(());
        };
        self.wait_for_all()?;
        self.part(joined)
    }

    /// Ends working together since the run was asked to stop. All processes have to come here, each from wherever it is:
    /// from now on whoever waits for another one gets [`Error::Stopped`].
    ///
    /// Gives [`Error::Ended`] and [`Error::Lost`].
    pub fn stop(&self) -> Result<(), Error> {
        let Some(joined) = &self.joined else {
            return Ok(());
        };
        let key = joined.key(STOPPED);
        let size = i64::try_from(self.size()).unwrap_or(i64::MAX);
        joined.lost(joined.store.add(&key, 1))?;
        let since = Instant::now();
        // Which signal it was comes with the heartbeats.
        while joined.lost(joined.store.add(&key, 0))? < size
            || (!joined.watch.is_asked() && since.elapsed() < LAST_WORDS)
        {
            if let Some(text) = joined.watch.ended() {
                return Err(Error::Ended(text));
            }
            thread::sleep(LONGEST_LOOK);
        }
        self.part(joined)
    }

    /// The last thing that processes do which all ended in order.
    fn part(&self, joined: &Joined) -> Result<(), Error> {
        let left = |rank: usize| watch::left(&joined.prefix, rank);
        joined.lost(joined.store.set(&left(self.rank()), b"1"))?;
        joined.watch.leave();
        if serves(&self.launch) {
            // Others ask the store until they have left.
            self.wait_for(left);
        }
        Ok(())
    }

    /// Waits a moment until a key of every process is there.
    fn wait_for(&self, key: impl Fn(usize) -> String) {
        let Some(joined) = &self.joined else { return };
        let until = Instant::now() + LAST_WORDS;
        for rank in 0..self.size() {
            while Instant::now() < until && matches!(joined.store.has(&key(rank)), Ok(false)) {
                thread::sleep(LONGEST_LOOK);
            }
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank(), self.size())
    }
}

impl Joined {
    /// The key of the next thing that is done together.
    fn next(&self) -> String {
        self.key(&self.done_next().to_string())
    }

    /// The number of the next thing that is done together.
    fn done_next(&self) -> u64 {
        let number = self.done.get();
        self.done.set(number + 1);
        number
    }

    fn key(&self, what: &str) -> String {
        format!("{}{what}", self.prefix)
    }

    /// What another process puts there, however long it takes.
    fn take(&self, key: &str) -> Result<String, Error> {
        let mut look = SHORTEST_LOOK;
        while !self.lost(self.store.has(key))? {
            if let Some(text) = self.watch.ended() {
                return Err(Error::Ended(text));
            }
            if self.lost(self.store.has(&self.key(STOPPED)))? {
                return Err(Error::Stopped);
            }
            thread::sleep(look);
            look = (look * 2).min(LONGEST_LOOK);
        }
        let value = self.lost(self.store.get(key))?;
        Ok(String::from_utf8_lossy(&value).into_owned())
    }

    /// A store that fails has a reason, which is better told.
    fn lost<T>(&self, result: Result<T, torch::Error>) -> Result<T, Error> {
        result.map_err(|error| self.watch.reason().map_or(Error::Lost(error), Error::Ended))
    }
}

/// Whether this process serves the store.
fn serves(launch: &Launch) -> bool {
    launch.serves && launch.rank == 0
}

fn open(launch: &Launch, pace: Pace) -> Result<Store, Error> {
    if serves(launch) {
        return Store::serve(launch.port, pace.joining).map_err(|said| Error::Port {
            port: launch.port,
            said,
        });
    }
    Store::join(&launch.address, launch.port, pace.joining).map_err(|said| Error::Nobody {
        rank: launch.rank,
        address: launch.address.clone(),
        port: launch.port,
        said,
    })
}

/// Waits until all processes said who they are.
fn meet(launch: &Launch, pace: Pace, store: &Store, prefix: &str) -> Result<Vec<Member>, Error> {
    let key = |rank: usize| format!("{prefix}member/{rank}");
    let own = serde_json::to_string(&Member::own(launch.rank)).unwrap_or_default();
    store.set(&key(launch.rank), own.as_bytes())?;
    let until = Instant::now() + pace.joining;
    let mut missing: Vec<usize> = (0..launch.size).collect();
    let mut look = SHORTEST_LOOK;
    loop {
        let mut left = Vec::new();
        for rank in missing {
            if !store.has(&key(rank))? {
                left.push(rank);
            }
        }
        missing = left;
        if missing.is_empty() {
            break;
        }
        if Instant::now() > until {
            let ranks: Vec<String> = missing.iter().map(|rank| format!("rank {rank}")).collect();
            return Err(Error::Absent {
                missing: missing.len(),
                size: launch.size,
                seconds: pace.joining.as_secs(),
                ranks: ranks.join(", "),
            });
        }
        thread::sleep(look);
        look = (look * 2).min(LONGEST_LOOK);
    }
    let mut members: Vec<Member> = Vec::with_capacity(launch.size);
    for rank in 0..launch.size {
        let text = store.get(&key(rank))?;
        let member = serde_json::from_slice(&text)
            .map_err(|error| Error::Ended(format!("rank {rank} cannot be read: {error}")))?;
        members.push(member);
    }
    let ours = members[0].program.clone();
    match members.iter().find(|member| member.program != ours) {
        Some(member) => Err(Error::Version {
            member: member.clone(),
            theirs: member.program.clone(),
            ours,
        }),
        None => Ok(members),
    }
}

/// The network interface that the group is to be found at: the one that is told, else the machine's own for itself where all
/// processes are on it, else that of the machine's name.
fn interface(launch: &Launch, members: &[Member]) -> Option<String> {
    if let Ok(told) = std::env::var(INTERFACE) {
        return Some(told);
    }
    let is_own = launch.address == "localhost"
        || launch
            .address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let is_one = members.iter().all(|member| member.host == members[0].host);
    (is_own && is_one).then(|| "lo".to_owned())
}
