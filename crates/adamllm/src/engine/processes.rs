//! The processes of a run, as a launcher started them.

use std::rc::Rc;

use adamllm::signals;
use anyhow::{Error, Result};
use distributed::{Asked, Pace, World};
use run::launch::Launch;

/// Joins the other processes of a run, if there are any.
pub fn join(launch: &Launch) -> Result<Rc<World>> {
    let (stop, signal) = signals::shared();
    let asked = Asked { stop, signal };
    let world = World::join(launch, Pace::default(), asked, |why| {
        eprintln!("error: {why}");
    })?;
    Ok(Rc::new(world))
}

/// What the processes do together has ended: in order, or all are told why not.
pub fn part(world: &World, ended: Result<()>) -> Result<()> {
    let ended = ended.and_then(|()| Ok(world.leave()?));
    match &ended {
        Ok(()) => {}
        Err(error) if is_stop(error) => world.stop()?,
        Err(error) if is_known(error) => {}
        Err(error) => world.fail(&format!("{error:#}")),
    }
    ended
}

/// Whether the run was asked to stop, here or elsewhere.
pub fn is_stop(error: &Error) -> bool {
    matches!(error.downcast_ref(), Some(pipeline::Error::Stopped(_)))
        || matches!(error.downcast_ref(), Some(distributed::Error::Stopped))
}

/// Whether the others know of it: one of them ended the run.
fn is_known(error: &Error) -> bool {
    matches!(error.downcast_ref(), Some(pipeline::Error::Distributed(_)))
        || error.is::<distributed::Error>()
}
