//! `adamllm quality`: sets of tasks as a run of their own.

use std::path::Path;
use std::rc::Rc;

use adamllm::flags::Shared;
use adamllm::quality::Quality;
use adamllm::terminal::Terminal;
use adamllm::{recipes, signals};
use anyhow::Result;
use distributed::World;
use run::Span;
use run::launch::Launch;

use crate::device;
use crate::kept::{self, Kept};
use crate::places;
use crate::road::{Invocation, refresh_shipped, walk};

/// Runs it.
pub fn run(shared: &Shared, arguments: &Quality) -> Result<()> {
    let device = device::ready(shared)?;
    let kept = Kept::of(&arguments.run_dir);
    let recipe = recipes::of_flags(
        &arguments.overrides()?,
        kept.automatic(device),
        kept::fitting(&arguments.run_dir, device, &Launch::alone()),
    )?;
    signals::take_over()?;
    let terminal = Terminal::new(shared);
    let run = places::run_folder(Path::new(&arguments.run_dir), &terminal)?;
    if recipe.judging.uses_demo_base() {
        refresh_shipped(&run, &terminal)?;
    }
    let asked = Invocation {
        limit: None,
        span: Span::default(),
        is_dry: arguments.dry_run,
        yes: arguments.yes,
    };
    walk(
        shared,
        device,
        &recipe,
        &run,
        &terminal,
        &asked,
        Rc::new(World::alone()),
    )
}
