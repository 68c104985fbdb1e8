//! Several processes go through one graph. Rank 0 does what one process does: it holds the run folder, writes it and tells how it
//! goes. The others wait, and do with it the stages that it calls out.
//!
//! A stage that several processes do runs in all of them. What they write beside rank 0 goes to folders of their own and is
//! thrown away; what they have to say to each other goes through [`distributed::World`].

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use corpus::causes;
use corpus::sealed::changed_keys;
use run::events::{Event, Listener, Reporter};
use run::graph::Place;
use run::recipe::without_origins;
use run::{Basis, Span, Stopped};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::driver::{Driver, Identified, Ready, places};
use crate::error::{Error, Result};
use crate::pictures::PictureStore;
use crate::stage::Site;

/// How long the error of another process than rank 0 waits for that one's: where both meet the same one, rank 0 knows the stage's
/// own folder and tells of it there.
const FIRST_WORD: Duration = Duration::from_secs(2);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What rank 0 calls out.
#[derive(Serialize, Deserialize)]
enum Call {
    /// A stage is done together.
    Stage(String),
    /// There is nothing more to do.
    Done,
}

/// What has to be the same in all processes.
#[derive(Serialize, Deserialize)]
struct Held {
    /// The recipe as it was resolved.
    recipe: Value,
    /// What each stage is made of, by its name.
    bases: BTreeMap<String, Basis>,
}

/// What a process says of a run that it takes part in is what rank 0 says.
struct Silent;

impl Listener for Silent {
    fn hear(&self, _: &Event) {}
}

impl<'a> Driver<'a> {
    /// Compares what the processes hold: recipe, program, and the content of all that stages read. All of them call it, before
    /// the first stage.
    ///
    /// Gives [`Error::Differs`] for the first process that has something else, and [`Error::Distributed`].
    pub fn compare(&self, ready: &Ready<'_>) -> Result<()> {
        self.compare_stages(&ready.stages)
    }

    fn compare_stages(&self, stages: &[Identified<'_>]) -> Result<()> {
        let world = &self.engine.world;
        if world.is_alone() {
            return Ok(());
        }
        let bases = stages.iter();
        let bases = bases.filter_map(|stage| Some((stage.node.name.clone(), stage.basis.clone()?)));
        let held = Held {
            recipe: without_origins(&serde_json::to_value(&self.recipe.resolution)?),
            bases: bases.collect(),
        };
        let all = world.exchange(&serde_json::to_string(&held)?)?;
        let first: Held = serde_json::from_str(&all[0])?;
        for (rank, text) in all.iter().enumerate().skip(1) {
            let other: Held = serde_json::from_str(text)?;
            let mut differences = changed_keys(&first.recipe, &other.recipe);
            if differences.is_empty() {
                differences = of_bases(&first, &other);
            }
            if !differences.is_empty() {
                return Err(Error::Differs {
                    member: world.member(rank),
                    differences,
                });
            }
        }
        Ok(())
    }

    /// The stages of a span as this process finds them, to go along with rank 0, which looks whether anything is missing.
    ///
    /// Gives [`Error::Run`] where the span is wrong, and what the stages' reads give.
    pub fn ready(&self, span: &Span) -> Result<Ready<'a>> {
        Ok(Ready {
            stages: self.identify(span)?,
            span: span.clone(),
        })
    }

    /// Goes along with rank 0 until it says that all is done.
    ///
    /// Gives [`Error::Stopped`], [`Error::Distributed`] and what the stages give.
    pub fn follow(&self, ready: &Ready<'_>) -> Result<()> {
        let followed = self.go_along(&ready.stages);
        let world = &self.engine.world;
        if let Err(error) = &followed
            && !matches!(error, Error::Stopped(_) | Error::Distributed(_))
        {
            let since = Instant::now();
            while since.elapsed() < FIRST_WORD {
                if let Some(text) = world.ended() {
                    return Err(distributed::Error::Ended(text).into());
                }
                thread::sleep(BETWEEN_LOOKS);
            }
            world.fail(&causes(error));
        }
        followed
    }

    fn go_along(&self, stages: &[Identified<'_>]) -> Result<()> {
        let world = &self.engine.world;
        loop {
            match serde_json::from_str(&world.share("")?)? {
                Call::Done => return Ok(()),
                Call::Stage(name) => {
                    let found = stages.iter().find(|stage| stage.node.name == name);
                    let stage = found.ok_or_else(|| run::Error::UnknownGroup {
                        name: name.clone(),
                        known: stages.iter().map(|stage| stage.node.name.clone()).collect(),
                    })?;
                    self.along(stage, stages)?;
                }
            }
        }
    }

    /// Does a stage along with rank 0.
    fn along(&self, stage: &Identified<'_>, stages: &[Identified<'_>]) -> Result<()> {
        let whole = &stage.folder.path;
        let own = whole.join(format!(".rank-{}", self.engine.world.rank()));
        let remove = || match fs::remove_dir_all(&own) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &own)(error))
            }
            _ => Ok(()),
        };
        remove()?;
        fs::create_dir_all(&own).map_err(Error::io("make", &own))?;
        let store = PictureStore::of(self.run);
        let site = Site {
            folder: &own,
            whole,
            run: self.run,
            layout: self.layout,
            places: &places(stages),
            graph: self.stages.graph(),
            engine: self.engine,
            report: Reporter::new(&stage.node.name, &Silent),
            stop: self.stop,
            pictures: &store,
            digests: self.digests,
        };
        let ran = stage.stage.run(&site);
        torch::memory::release();
        // What cannot be removed goes with the stage's folder; the first error is the one to tell.
        let removed = remove();
        self.conclude(stage, ran)?;
        removed
    }

    /// Begins a stage together with the others, if several processes do it.
    pub(crate) fn call(&self, stage: &Identified<'_>) -> Result<()> {
        if self.is_together(stage) {
            self.call_out(&Call::Stage(stage.node.name.clone()))?;
        }
        Ok(())
    }

    /// How a stage ended that several processes did: well if it did in all of them.
    pub(crate) fn conclude<T>(&self, stage: &Identified<'_>, ran: Result<T>) -> Result<T> {
        if !self.is_together(stage) {
            return ran;
        }
        match ran {
            Ok(done) => {
                self.engine.world.wait_for_all()?;
                Ok(done)
            }
            // The others hear of it where they wait for this process, if not before.
            Err(Error::Stopped(stopped)) => Err(stopped.into()),
            Err(error) => Err(self.cause(error)),
        }
    }

    /// Ends what processes do together: all of them are told how it ended.
    pub(crate) fn dismiss(&self, ran: Result<()>) -> Result<()> {
        let world = &self.engine.world;
        if world.is_alone() {
            return ran;
        }
        match &ran {
            Ok(()) => self.call_out(&Call::Done)?,
            // Whoever ended the run told it, and that it is stopped the others hear wherever they wait.
            Err(Error::Stopped(_) | Error::Distributed(_)) => {}
            Err(error) => world.fail(&causes(error)),
        }
        ran
    }

    fn call_out(&self, call: &Call) -> Result<()> {
        self.engine.world.share(&serde_json::to_string(call)?)?;
        Ok(())
    }

    /// Whether several processes do this stage. A model at an endpoint is asked by one: it answers many at once by itself.
    fn is_together(&self, stage: &Identified<'_>) -> bool {
        let is_alone = self.engine.world.is_alone();
        !is_alone && stage.node.place != Place::Rank0 && stage.stage.endpoint().is_none()
    }

    /// The error that another process's end led to, in words of that process.
    fn cause(&self, error: Error) -> Error {
        let world = &self.engine.world;
        let is_consequence = matches!(
            error,
            Error::Train(
                train::Error::Elsewhere { .. }
                    | train::Error::Collective(_)
                    | train::Error::Torch(_)
            )
        );
        let reason = if is_consequence {
            world.reason()
        } else {
            world.ended()
        };
        reason.map_or(error, |text| distributed::Error::Ended(text).into())
    }
}

impl From<distributed::Error> for Error {
    fn from(error: distributed::Error) -> Self {
        match error {
            distributed::Error::Stopped => Stopped.into(),
            error => Self::Distributed(error),
        }
    }
}

/// What of stages differs, each time with the stage's name.
fn of_bases(first: &Held, other: &Held) -> Vec<String> {
    let mut out = Vec::new();
    for (name, basis) in &first.bases {
        match other.bases.get(name) {
            Some(same) if same.key == basis.key => {}
            // What comes after it has other keys for this alone.
            Some(differing) => {
                let differences = basis.differences(differing);
                out.push(format!("stage `{name}`: {}", differences.join("; ")));
                break;
            }
            None => {
                out.push(format!("stage `{name}` is not there"));
                break;
            }
        }
    }
    out
}
