//! Goes through a union: whatever is ready and nobody else works on is done, cell by cell.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use corpus::sealed::{read_sealed, write_sealed};
use run::events::{All, Event, EventFile, Listener, Reporter, What};
use run::{Layout, State};
use serde::{Deserialize, Serialize};

use super::cell::{Lab, Shard};
use super::freed;
use super::plan::{LabPlan, progress};
use super::standing::{CellState, Standing, Worked};
use super::union::Union;
use crate::driver::Identified;
use crate::endpoints;
use crate::error::{Error, Result};
use crate::training::checkpoints;

/// How long a process waits before it looks again, when all that is left to do is done by others.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The one process that writes a stage's events at a time.
const PROCESS: &str = "0";

/// A note that a stage failed, so that processes of the same start do not each try it.
#[derive(Serialize, Deserialize)]
struct Failure {
    /// Seconds since 1970.
    at: u64,
    text: String,
}

/// Gives what a stage of a cell tells the cell's name.
struct OfCell<'a> {
    cell: &'a str,
    listener: &'a dyn Listener,
}

impl Listener for OfCell<'_> {
    fn hear(&self, event: &Event) {
        let mut event = event.clone();
        event.stage = format!("{} {}", self.cell, event.stage);
        self.listener.hear(&event);
    }
}

impl Lab<'_> {
    /// Does what is to be done, first of the shard's own cells and then of the others, until nothing is left that can be done.
    /// A stage that fails stops what is made from it, and nothing else. `heard` is called after each work.
    ///
    /// Gives [`Error::Stopped`]; [`Error::DiskFull`], since every other stage would fail as well; and of the store
    /// [`Error::Run`], [`Error::Corpus`] and [`Error::Io`].
    pub fn work(
        &self,
        union: &Union<'_>,
        shard: Shard,
        plan: Option<&LabPlan>,
        heard: &mut dyn FnMut(&Worked),
    ) -> Result<Worked> {
        let started = now();
        let order = order(union, self.cells.len(), shard);
        let mut worked = Worked {
            standings: vec![Standing::Open; union.works.len()],
            ..Worked::default()
        };
        let mut told: Vec<bool> = vec![false; self.cells.len()];
        self.settle(union, &mut worked, &mut told, plan)?;
        loop {
            let (mut moved, mut waits) = (false, false);
            for &number in &order {
                self.stop.check()?;
                match self.one(union, number, started, &mut worked)? {
                    Outcome::Settled => {
                        moved = true;
                        heard(&worked);
                        self.settle(union, &mut worked, &mut told, plan)?;
                        // What comes first may be ready now.
                        break;
                    }
                    Outcome::Elsewhere => waits = true,
                    Outcome::Nothing => {}
                }
            }
            if !moved && !waits {
                break;
            }
            if !moved {
                std::thread::sleep(BETWEEN_LOOKS);
            }
        }
        self.digests.borrow_mut().remember();
        Ok(worked)
    }

    /// Looks at one work, and does it if it is ready and free.
    fn one(
        &self,
        union: &Union<'_>,
        number: usize,
        started: u64,
        worked: &mut Worked,
    ) -> Result<Outcome> {
        if worked.standings[number] != Standing::Open {
            return Ok(Outcome::Nothing);
        }
        let work = &union.works[number];
        let mut given = BTreeMap::new();
        for (role, &input) in &work.inputs {
            match &worked.standings[input] {
                Standing::Open => return Ok(Outcome::Nothing),
                Standing::Done { gave, .. } => {
                    given.insert(role.clone(), gave.clone());
                }
                Standing::Failed(_) => {
                    worked.standings[number] = Standing::Blocked(union.works[input].id.clone());
                    return Ok(Outcome::Settled);
                }
                Standing::Blocked(by) => {
                    worked.standings[number] = Standing::Blocked(by.clone());
                    return Ok(Outcome::Settled);
                }
            }
        }
        let Some(claim) = self.store.claim(&work.folder.path)? else {
            return Ok(Outcome::Elsewhere);
        };
        let state = {
            let mut digests = self.digests.borrow_mut();
            work.folder.state(&work.basis, &given, &mut digests)?
        };
        if let Some((manifest, freed)) = freed::done(&work.folder, &state) {
            checkpoints::clear(&work.folder.path)?;
            worked.found_done += 1;
            worked.standings[number] = Standing::Done {
                gave: manifest.gave(),
                freed,
            };
            return Ok(Outcome::Settled);
        }
        if let Some(failure) = failed_since(&self.store.failure(&work.folder.path), started) {
            worked.standings[number] = Standing::Failed(failure.text);
            return Ok(Outcome::Settled);
        }
        // What it is made from is done once more where its weights are gone.
        let loads = union.runner(number).map(|(_, stage)| stage.stage.loads());
        let loads = loads.unwrap_or_default();
        let loaded = work.inputs.iter();
        let loaded = loaded.filter(|(role, _)| loads.contains(&role.as_str()));
        let lacking: Vec<usize> = loaded
            .map(|(_, &input)| input)
            .filter(|&input| matches!(&worked.standings[input], Standing::Done { freed: true, .. }))
            .collect();
        if !lacking.is_empty() {
            for input in lacking {
                freed::forget(&union.works[input].folder.path)?;
                worked.standings[input] = Standing::Open;
                worked.again += 1;
            }
            return Ok(Outcome::Settled);
        }
        // The ledger of what endpoints cost is one process's at a time; a client asks much at once by itself.
        let asks = |(_, stage): (usize, &Identified<'_>)| stage.stage.endpoint().is_some();
        let asking = if union.runner(number).is_some_and(asks) {
            let Some(asking) = self.store.claim(Path::new(endpoints::FOLDER))? else {
                return Ok(Outcome::Elsewhere);
            };
            Some(asking)
        } else {
            None
        };
        let done = self.run(union, number, given, &state, worked);
        drop((claim, asking));
        match done {
            Ok(standing) => worked.standings[number] = standing,
            Err(error @ Error::Stopped(_)) => return Err(error),
            Err(error) if is_of_disk(&error) => {
                return Err(Error::DiskFull {
                    folder: self.store.path.clone(),
                    source: Box::new(error),
                });
            }
            Err(error) => {
                let text = corpus::causes(&error);
                let failure = Failure {
                    at: now(),
                    text: text.clone(),
                };
                let note = self.store.failure(&work.folder.path);
                if let Some(parent) = note.parent() {
                    std::fs::create_dir_all(parent).map_err(Error::io("make", parent))?;
                }
                write_sealed(&note, &failure)?;
                let cell = &self.cells[work.cells[0]].name;
                let others = work.cells.len() - 1;
                let also = if others == 0 {
                    String::new()
                } else {
                    format!(" and of {others} others")
                };
                Reporter::new("", self.listener).warn(format!(
                    "a stage of cell `{cell}`{also} failed; the other cells go on\n  {text}"
                ));
                worked.standings[number] = Standing::Failed(text);
            }
        }
        Ok(Outcome::Settled)
    }

    /// Does a work that is claimed.
    fn run(
        &self,
        union: &Union<'_>,
        number: usize,
        given: BTreeMap<String, String>,
        why: &State,
        worked: &mut Worked,
    ) -> Result<Standing> {
        let work = &union.works[number];
        let Some((cell, stage)) = union.runner(number) else {
            return Ok(Standing::Open);
        };
        let driver = &union.drivers[cell];
        freed::forget(&work.folder.path)?;
        let folder = Layout::Store.events(&self.store.path, &work.folder);
        let file = EventFile::open_in(&folder, PROCESS)?;
        let named = OfCell {
            cell: &self.cells[cell].name,
            listener: self.listener,
        };
        let listener = All(vec![&file, &named]);
        let report = Reporter::new(&stage.node.name, &listener);
        report.tell(What::Begun {
            key: work.basis.key.clone(),
            text: why.why(),
        });
        let start = std::time::Instant::now();
        let gave = driver.one(stage, &work.basis, given, &union.cells[cell].places, report);
        if let Err(error) = &gave
            && !matches!(error, Error::Stopped(_))
        {
            report.tell(What::Failed {
                text: corpus::causes(error),
            });
        }
        let gave = gave?;
        file.check()?;
        worked.runs += 1;
        worked.seconds.insert(number, start.elapsed().as_secs_f64());
        Ok(Standing::Done { gave, freed: false })
    }

    /// Lays the links of cells that are finished by now, and removes weights that nobody needs any more.
    fn settle(
        &self,
        union: &Union<'_>,
        worked: &mut Worked,
        told: &mut [bool],
        plan: Option<&LabPlan>,
    ) -> Result<()> {
        if self.frees_weights {
            self.free(union, worked)?;
        }
        for cell in 0..self.cells.len() {
            let is_done = |&work: &usize| matches!(worked.standings[work], Standing::Done { .. });
            let works = union.of_cell(cell);
            if told[cell] || works.is_empty() || !works.iter().all(is_done) {
                continue;
            }
            told[cell] = true;
            let name = &self.cells[cell].name;
            {
                let _writing = self.store.wait()?;
                union.link(cell, name, self.folder, &self.store.path)?;
            }
            let finished = told.iter().filter(|told| **told).count();
            let progress = progress(union, worked, plan);
            let left = progress.seconds.map_or_else(String::new, |seconds| {
                format!("; about {:.0} min of work left", seconds / 60.0)
            });
            Reporter::new("", self.listener).note(format!(
                "cell {name} is finished: {finished} of {} cells, {} of {} stage runs{left}",
                self.cells.len(),
                progress.done,
                progress.works
            ));
        }
        Ok(())
    }

    /// Removes weights of models from which everything is made that any cell makes from them.
    fn free(&self, union: &Union<'_>, worked: &mut Worked) -> Result<()> {
        for (number, work) in union.works.iter().enumerate() {
            let Standing::Done { freed: false, gave } = &worked.standings[number] else {
                continue;
            };
            let gave = gave.clone();
            let is_done =
                |&consumer: &usize| matches!(worked.standings[consumer], Standing::Done { .. });
            // Few stages leave a model; the others are not looked into each time.
            let has_model = work.folder.path.join("model").is_dir();
            if !has_model || !work.consumers.iter().all(is_done) {
                continue;
            }
            // Somebody else may look at it just now; the next look is soon enough.
            let Some(_claim) = self.store.claim(&work.folder.path)? else {
                continue;
            };
            let Some(manifest) = work.folder.manifest() else {
                continue;
            };
            let bytes = freed::free(&work.folder, &manifest)?;
            if bytes > 0 {
                worked.freed += bytes;
                worked.standings[number] = Standing::Done { gave, freed: true };
            }
        }
        Ok(())
    }
}

/// A failure that was noted after this process began: whoever tried it had the same as there is now.
fn failed_since(note: &Path, started: u64) -> Option<Failure> {
    read_sealed(note).filter(|failure: &Failure| failure.at >= started)
}

/// What became of a look at a work.
enum Outcome {
    /// It stands elsewhere than before.
    Settled,
    /// Another process works on it.
    Elsewhere,
    /// It stands as before: it is not ready, or settled already.
    Nothing,
}

/// The works, those of the shard's own cells first.
fn order(union: &Union<'_>, cells: usize, shard: Shard) -> Vec<usize> {
    let own = |cell: &usize| cell % shard.of == shard.index;
    let (mut first, mut others): (Vec<usize>, Vec<usize>) = (0..cells).partition(own);
    // Helpers begin at different places, so that they get less into each other's way.
    let others_begin = if others.is_empty() {
        0
    } else {
        others.len() * shard.index / shard.of
    };
    others.rotate_left(others_begin);
    first.extend(others);
    let mut seen = vec![false; union.works.len()];
    let works = first.into_iter().flat_map(|cell| union.of_cell(cell));
    works
        .copied()
        .filter(|&work| union.runner(work).is_some())
        .filter(|&work| !std::mem::replace(&mut seen[work], true))
        .collect()
}

/// Where a cell stands.
pub fn state_of(union: &Union<'_>, worked: &Worked, cell: usize) -> CellState {
    let works = union.of_cell(cell);
    let mut done = 0;
    for &work in works {
        match &worked.standings[work] {
            Standing::Done { .. } => done += 1,
            Standing::Failed(text) => {
                return CellState::Failed {
                    stage: union.works[work].id.clone(),
                    text: text.clone(),
                };
            }
            Standing::Open | Standing::Blocked(_) => {}
        }
    }
    let missing = union.missing(cell);
    if done == works.len() && done > 0 {
        CellState::Finished
    } else if !missing.is_empty() {
        CellState::Waiting {
            missing: missing.to_vec(),
        }
    } else {
        CellState::Open {
            done,
            of: works.len(),
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Whether something failed since there is no room on the disk.
fn is_of_disk(error: &Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let kind = error
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        let is_full = matches!(
            kind,
            Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
        );
        // Libraries that write weights tell it in words.
        if is_full || error.to_string().contains("No space left on device") {
            return true;
        }
        cause = error.source();
    }
    false
}
