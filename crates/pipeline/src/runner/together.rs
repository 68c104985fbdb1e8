//! Several processes complete one set of requests, each as many blocks as it gets to.
//!
//! A block is what one process would have completed at once as well: what is computed together decides over the last bits. So
//! the file that the blocks become has the same bytes however many processes there were, and whichever was killed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use corpus::jsonl::read_prefix;
use corpus::{Completion, Request};
use distributed::World;
use generate::Generator;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::drive::drive;
use super::file::CompletionsFile;
use super::order::Order;
use super::parts::Parts;
use super::progress::Progress;
use crate::error::{Error, Result};

/// Between two looks for what other processes left.
const LOOK: Duration = Duration::from_millis(100);

/// How long a file that another process left may take to be seen: file systems of a network remember for up to a minute that
/// there is none.
const UNSEEN: Duration = Duration::from_secs(90);

/// The processes that do a stage together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Together<'a> {
    /// The processes.
    pub world: &'a World,
    /// Where this one writes.
    pub own: &'a Path,
    /// The stage's own folder, which all of them see.
    pub whole: &'a Path,
}

/// What rank 0 found, and what there is to do.
#[derive(Serialize, Deserialize)]
struct Plan {
    /// Blocks that are in the file.
    merged: usize,
    /// Parts that lie beside it.
    parts: Vec<usize>,
}

impl<'t> Together<'t> {
    /// What rank 0 has to say, in all processes.
    pub fn share<T: Serialize + DeserializeOwned>(self, own: T) -> Result<T> {
        if self.world.is_first() {
            self.world.share(&serde_json::to_string(&own)?)?;
            Ok(own)
        } else {
            Ok(serde_json::from_str(&self.world.share("")?)?)
        }
    }

    /// Numbers below `count`, each of which one process gets; the others are those of other processes. Ends early when the run
    /// is to.
    pub fn taken<'a>(self, count: usize, progress: Progress<'a>) -> Taken<'a>
    where
        't: 'a,
    {
        Taken {
            world: self.world,
            name: self.world.new_count(),
            own: 0,
            count,
            progress,
        }
    }

    /// As [`run`](super::run), by all processes. All of them get all completions.
    pub fn run(
        self,
        generator: &mut dyn Generator,
        requests: &[Request],
        path: &Path,
        size: usize,
        progress: Progress<'_>,
    ) -> Result<Vec<Completion>> {
        let blocks = Blocks {
            requests,
            size: size.max(1),
        };
        let path = self.place(path);
        let parts = Parts::of(&path);
        let mut merging = None;
        let plan = if self.world.is_first() {
            let begun = Merging::begin(&path, &parts, blocks, progress)?;
            let plan = begun.plan()?;
            merging = Some(begun);
            plan
        } else {
            // What rank 0 says counts.
            Plan {
                merged: 0,
                parts: Vec::new(),
            }
        };
        let plan = self.share(plan)?;
        let todo: Vec<usize> = (plan.merged..blocks.count())
            .filter(|block| !plan.parts.contains(block))
            .collect();
        let taken = self.taken(todo.len(), progress);
        let left = self.world.new_count();
        let work = RefCell::new(Work {
            blocks,
            todo: &todo,
            taken,
            order: Order::default(),
            open: VecDeque::new(),
            problem: None,
        });
        let mut block: &[Request] = &[];
        let mut given = std::iter::from_fn(|| {
            if block.is_empty() {
                block = work.borrow_mut().next()?;
            }
            let (first, rest) = block.split_first()?;
            block = rest;
            Some(first.clone())
        });
        drive(generator, &mut given, progress.stop, |completion| {
            let mut work = work.borrow_mut();
            work.order.take(completion);
            while let Some(done) = work.order.whole()? {
                if let Some(block) = work.open.pop_front() {
                    parts.leave(block, blocks.of(block), &done)?;
                    self.world.take(&left)?;
                }
                if let Some(merging) = &mut merging {
                    merging.take()?;
                }
                self.look(progress)?;
            }
            Ok(())
        })?;
        let work = work.into_inner();
        if let Some(problem) = work.problem {
            return Err(problem);
        }
        work.order.finished()?;
        if let Some(mut merging) = merging {
            let mut since = Instant::now();
            while !merging.is_done() {
                self.look(progress)?;
                let are_left =
                    self.world.is_alone() || self.world.taken(&left)? == todo.len() as u64;
                if merging.take()? || !are_left {
                    since = Instant::now();
                } else if since.elapsed() > UNSEEN {
                    return Err(self.unseen(parts.place(merging.next())));
                }
                if !merging.is_done() {
                    thread::sleep(LOOK);
                }
            }
            parts.clear()?;
            self.world.wait_for_all()?;
            return Ok(merging.out);
        }
        self.world.wait_for_all()?;
        self.merged(&path, requests)
    }

    /// Where all processes see a file of a process's own folder.
    fn place(self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix(self.own);
        inside.map_or_else(|_| path.to_owned(), |inside| self.whole.join(inside))
    }

    /// An error when the run is asked to stop, or another process ended it.
    pub fn look(self, progress: Progress<'_>) -> Result<()> {
        if let Some(text) = self.world.ended() {
            return Err(distributed::Error::Ended(text).into());
        }
        Ok(progress.stop.check()?)
    }

    fn unseen(self, path: PathBuf) -> Error {
        let unseen = distributed::Error::Unseen {
            path,
            member: self.world.member(self.world.rank()),
            seconds: UNSEEN.as_secs(),
        };
        unseen.into()
    }

    /// What rank 0 merged.
    fn merged(self, path: &Path, requests: &[Request]) -> Result<Vec<Completion>> {
        let since = Instant::now();
        loop {
            let stored: Vec<(Completion, u64)> = read_prefix(path)?;
            let ids = stored.iter().map(|(completion, _)| &completion.id);
            if ids.eq(requests.iter().map(|request| &request.id)) {
                return Ok(stored.into_iter().map(|(one, _)| one).collect());
            }
            if let Some(text) = self.world.ended() {
                return Err(distributed::Error::Ended(text).into());
            }
            if since.elapsed() > UNSEEN {
                return Err(self.unseen(path.to_owned()));
            }
            thread::sleep(LOOK);
        }
    }
}

/// Numbers that one process gets.
pub(crate) struct Taken<'a> {
    world: &'a World,
    name: String,
    /// How many this process got.
    own: usize,
    count: usize,
    progress: Progress<'a>,
}

impl Iterator for Taken<'_> {
    type Item = Result<usize>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.progress.stop.check().is_err() {
            return None;
        }
        let world = self.world;
        // The first is each process's own: one that makes ready what it takes next would else take what another one comes for.
        let next = match self.own {
            own if world.is_alone() => own,
            0 => world.rank(),
            _ => match world.take(&self.name) {
                Ok(next) => usize::try_from(next).map_or(usize::MAX, |next| world.size() + next),
                Err(error) => return Some(Err(error.into())),
            },
        };
        self.own += 1;
        (next < self.count).then_some(Ok(next))
    }
}

/// Requests by blocks.
#[derive(Clone, Copy)]
struct Blocks<'a> {
    requests: &'a [Request],
    size: usize,
}

impl<'a> Blocks<'a> {
    fn count(self) -> usize {
        self.requests.len().div_ceil(self.size)
    }

    fn of(self, block: usize) -> &'a [Request] {
        let rest = &self.requests[block * self.size..];
        &rest[..rest.len().min(self.size)]
    }
}

/// What a process does of them.
struct Work<'a> {
    blocks: Blocks<'a>,
    todo: &'a [usize],
    taken: Taken<'a>,
    order: Order<'a>,
    /// Blocks that it took and has not done.
    open: VecDeque<usize>,
    problem: Option<Error>,
}

impl<'a> Work<'a> {
    /// One more block.
    fn next(&mut self) -> Option<&'a [Request]> {
        match self.taken.next()? {
            Ok(at) => {
                let block = self.blocks.of(self.todo[at]);
                self.open.push_back(self.todo[at]);
                self.order.expect(block);
                Some(block)
            }
            Err(error) => {
                self.problem = Some(error);
                None
            }
        }
    }
}

/// The file that the blocks become.
struct Merging<'a> {
    file: CompletionsFile,
    parts: &'a Parts,
    blocks: Blocks<'a>,
    progress: Progress<'a>,
    out: Vec<Completion>,
    /// How many were told to be done.
    told: Option<usize>,
}

impl<'a> Merging<'a> {
    /// Takes what is in the file already, and the parts that lie beside it.
    fn begin(
        path: &Path,
        parts: &'a Parts,
        blocks: Blocks<'a>,
        progress: Progress<'a>,
    ) -> Result<Self> {
        let (file, out) =
            CompletionsFile::open(path, blocks.requests, blocks.size, progress.report)?;
        let mut begun = Self {
            file,
            parts,
            blocks,
            progress,
            out,
            told: None,
        };
        begun.take()?;
        Ok(begun)
    }

    /// The first block that is not in the file.
    fn next(&self) -> usize {
        // The last one may be shorter.
        self.out.len().div_ceil(self.blocks.size)
    }

    /// What is left to do. Parts of something else are removed.
    fn plan(&self) -> Result<Plan> {
        let mut parts = Vec::new();
        let merged = self.next();
        if self.parts.count() > 0 {
            for block in merged..self.blocks.count() {
                if self.parts.find(block, self.blocks.of(block))?.is_some() {
                    parts.push(block);
                }
            }
        }
        self.parts.retain(&parts)?;
        Ok(Plan { merged, parts })
    }

    /// Takes the parts that are next into the file; gives whether there were any.
    fn take(&mut self) -> Result<bool> {
        let before = self.out.len();
        while !self.is_done() {
            let next = self.next();
            let Some(done) = self.parts.find(next, self.blocks.of(next))? else {
                break;
            };
            self.file.append(&done)?;
            self.out.extend(done);
            self.parts.remove(next)?;
        }
        let beside = self.parts.count() * self.blocks.size;
        let all = self.blocks.requests.len();
        let done = (self.out.len() + beside).min(all);
        if self.told != Some(done) {
            self.progress.tell(done, all);
            self.told = Some(done);
        }
        Ok(self.out.len() > before)
    }

    fn is_done(&self) -> bool {
        self.out.len() == self.blocks.requests.len()
    }
}
