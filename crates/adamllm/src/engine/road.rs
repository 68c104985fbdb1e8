//! `adamllm run`, `adamllm demo` and the verbs of single stages: a recipe's stages in a run folder.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use adamllm::cli::{Demo, Run, Stage};
use adamllm::flags::Shared;
use adamllm::launch;
use adamllm::output::print;
use adamllm::recipes;
use adamllm::signals;
use adamllm::terminal::Terminal;
use anyhow::{Context as _, Result, bail};
use corpus::digests::Digests;
use corpus::sealed::{changed_keys, write_json};
use distributed::World;
use pipeline::stages::assess::{ASSESSMENT, NAME as ASSESS, PAGE, SHEET, TEXT};
use pipeline::stages::report::{INDEX, NAME as REPORT, SUMMARY};
use pipeline::stages::train::NAME as TRAIN;
use pipeline::stages::tune_synthesizer::NAME as TUNING;
use pipeline::{Driver, Engine, Stages, forecast, memory, planner, preflight, settings};
use report::Summary;
use run::events::{Nobody, Reporter};
use run::plan::{Forecast, against_measured};
use run::recipe::{Control, Recipe, without_origins};
use run::shared_folder::{self, Token};
use run::{Graph, Layout, RunFolder, Span};
use serde_json::{Value, json};

use crate::device;
use crate::kept::{self, Kept};
use crate::places;
use crate::processes;

/// `adamllm demo`.
pub fn demo(shared: &Shared, arguments: &Demo) -> Result<()> {
    together(|world| demo_with(shared, arguments, world))
}

fn demo_with(shared: &Shared, arguments: &Demo, world: Rc<World>) -> Result<()> {
    let device = device::ready_of(shared, world.launch())?;
    let terminal = Terminal::new(shared);
    let run = Folder::open(&arguments.run_dir, &world, &terminal)?;
    let recipe = match &run {
        Folder::Own(run) => {
            Reporter::new("", &terminal).note(
                "demo: a toy model of a few million parameters on pictograms; its numbers speak of this road, not of any \
                 real model",
            );
            refresh_shipped(run, &terminal)?;
            let folder = run.path.join(DEMO);
            demo::write_domain(
                &folder,
                &arguments.domain,
                arguments.seed,
                arguments.validation,
            )?
        }
        Folder::Shared(_) => PathBuf::new(),
    };
    let path = PathBuf::from(world.share(&recipe.to_string_lossy())?);
    let mut overrides = vec![format!("run.seed={}", arguments.seed)];
    if arguments.quick {
        overrides.extend(demo::QUICK.map(str::to_owned));
    }
    if arguments.controls {
        let names = Control::ALL.map(|c| format!("\"{}\"", c.as_str()));
        overrides.push(format!("evaluate.controls=[{}]", names.join(", ")));
    }
    overrides.extend(arguments.set.iter().cloned());
    let kept = Kept::of(run.path());
    let recipe = recipes::load(
        &path,
        &overrides,
        kept.automatic(device),
        kept::fitting(run.path(), device, world.launch()),
    )?;
    let asked = Invocation {
        limit: None,
        span: Span::default(),
        is_dry: arguments.dry_run,
        yes: false,
    };
    run.walk(shared, device, &recipe, &terminal, &asked, world)
}

/// Does something together with the other processes that a launcher started, if there are any.
fn together(work: impl FnOnce(Rc<World>) -> Result<()>) -> Result<()> {
    signals::take_over()?;
    let world = processes::join(&launch::of_process()?)?;
    let ended = work(Rc::clone(&world));
    processes::part(&world, ended)
}

/// The folder of the demo's own files in a run folder.
const DEMO: &str = "demo";

/// `adamllm run`.
pub fn run(shared: &Shared, arguments: &Run) -> Result<()> {
    let asked = Invocation {
        limit: arguments.stage.limit,
        span: Span {
            from: arguments.from.clone(),
            until: arguments.until.clone(),
        },
        is_dry: arguments.dry_run,
        yes: arguments.stage.yes,
    };
    stages(shared, &arguments.stage, &asked)
}

/// The stages up to the one that commands call `until`.
pub fn up_to(shared: &Shared, stage: &Stage, until: &str) -> Result<()> {
    let asked = Invocation {
        limit: stage.limit,
        span: Span {
            from: None,
            until: Some(until.to_owned()),
        },
        is_dry: false,
        yes: stage.yes,
    };
    stages(shared, stage, &asked)
}

/// What of a recipe is asked for.
pub struct Invocation {
    /// At most so many records.
    pub limit: Option<usize>,
    /// Which stages.
    pub span: Span,
    /// Whether it is planned alone.
    pub is_dry: bool,
    /// Whether it begins although a cap is below what endpoints are forecast to take.
    pub yes: bool,
}

fn stages(shared: &Shared, stage: &Stage, asked: &Invocation) -> Result<()> {
    together(|world| stages_with(shared, stage, asked, world))
}

fn stages_with(shared: &Shared, stage: &Stage, asked: &Invocation, world: Rc<World>) -> Result<()> {
    let device = device::ready_of(shared, world.launch())?;
    let kept = Kept::of(&stage.run_dir);
    let automatic = kept.automatic(device);
    let fitting = kept::fitting(&stage.run_dir, device, world.launch());
    let (recipe, mut errors) = recipes::load_most(&stage.recipe, &stage.set, automatic, fitting)?;
    if !errors.is_empty() {
        // What else would end the run is told along with them.
        let engine = engine(shared, &recipe, &stage.run_dir, device, kept, world)?;
        errors.extend(preflight::of_most(&recipe, &engine, &stage.run_dir));
        return Err(recipes::refused(&stage.recipe, &errors));
    }
    let terminal = Terminal::new(shared);
    let run = Folder::open(&stage.run_dir, &world, &terminal)?;
    if let Folder::Own(run) = &run
        && (recipe.uses_demo_base() || recipe.judging.uses_demo_base())
    {
        refresh_shipped(run, &terminal)?;
    }
    world.wait_for_all()?;
    run.walk(shared, device, &recipe, &terminal, asked, world)
}

/// The run folder in a process.
enum Folder {
    /// That of rank 0, which holds and writes it.
    Own(RunFolder),
    /// That of another one, which reads there.
    Shared(PathBuf),
}

impl Folder {
    /// Opens or makes it in the process of rank 0; the others find it there, and find out if theirs is another one.
    fn open(path: &Path, world: &World, terminal: &Terminal) -> Result<Self> {
        if world.is_first() {
            let run = places::run_folder(path, terminal)?;
            if !world.is_alone() {
                let token = shared_folder::leave(&run.path)?;
                let found = world
                    .share(&token.to_string())
                    .and_then(|_| world.wait_for_all())
                    .map_err(pipeline::Error::from);
                shared_folder::remove(&run.path, &token)?;
                found?;
            }
            return Ok(Self::Own(run));
        }
        let token = world.share("")?;
        let token =
            Token::parse(&token).context("rank 0 did not tell what it left in the run folder")?;
        shared_folder::find(path, &token, world.rank(), shared_folder::PATIENCE)?;
        world.wait_for_all().map_err(pipeline::Error::from)?;
        let found = path
            .canonicalize()
            .with_context(|| format!("cannot open the run folder `{}`", path.display()))?;
        Ok(Self::Shared(found))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Own(run) => &run.path,
            Self::Shared(path) => path,
        }
    }

    /// Goes through the stages of a recipe, or along with rank 0.
    fn walk(
        &self,
        shared: &Shared,
        device: torch::Device,
        recipe: &Recipe,
        terminal: &Terminal,
        asked: &Invocation,
        world: Rc<World>,
    ) -> Result<()> {
        match self {
            Self::Own(run) => walk(shared, device, recipe, run, terminal, asked, world),
            // What would be done is told by one.
            Self::Shared(_) if asked.is_dry => Ok(()),
            Self::Shared(path) => go_along(shared, device, recipe, path, asked, world),
        }
    }
}

/// Goes along with rank 0 through the stages of a recipe.
fn go_along(
    shared: &Shared,
    device: torch::Device,
    recipe: &Recipe,
    run: &Path,
    asked: &Invocation,
    world: Rc<World>,
) -> Result<()> {
    let stages = Stages::of(recipe, run, asked.limit)?;
    let engine = engine(shared, recipe, run, device, Kept::of(run), world)?;
    torch::set_threads(engine.threads);
    memory::bound(device, engine.memory);
    let digests = RefCell::new(Digests::open(RunFolder::digests_of(run)));
    let driver = |engine| Driver {
        recipe,
        stages: &stages,
        run,
        layout: Layout::Run,
        engine,
        listener: &Nobody,
        stop: signals::stop(),
        digests: &digests,
    };
    let ready = driver(&engine).ready(&asked.span)?;
    driver(&engine).compare(&ready)?;
    let mut agreed = engine.clone();
    kept::take_over(&mut agreed)?;
    Ok(driver(&agreed).follow(&ready)?)
}

/// Writes the demo's files, unless they are there.
pub fn refresh_shipped(run: &RunFolder, terminal: &Terminal) -> Result<()> {
    let mut digests = Digests::open(run.digests());
    if demo::refresh(&run.path.join(DEMO), &mut digests)? {
        Reporter::new("", terminal).note(
            "the demo's files in the run folder were not those of this program; they were written anew",
        );
    }
    Ok(())
}

/// Refuses a run folder of another model or other pairs: what is in it would be lost.
fn refuse_another_recipe(recipe: &Recipe, run: &RunFolder, graph: &Graph) -> Result<()> {
    // A folder in which no stage did anything has nothing to lose: an earlier try may have failed at its first look.
    let mut folders = graph
        .nodes()
        .iter()
        .map(|node| graph.stage_folder(&run.path, node));
    if !folders.any(|folder| folder.has_work()) {
        return Ok(());
    }
    let path = run.path.join("recipe.json");
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        read => read.with_context(|| format!("cannot read `{}`", path.display()))?,
    };
    // A damaged note tells nothing; what each stage was made from is checked stage by stage.
    let Ok(before) = serde_json::from_slice::<Value>(&text) else {
        return Ok(());
    };
    let (before, now) = (
        without_origins(&before),
        without_origins(&serde_json::to_value(&recipe.resolution)?),
    );
    let is_other = |key: &str| !before[key].is_null() && before[key] != now[key];
    if is_other("model.checkpoint") || is_other("data.pairs") {
        bail!(
            "the run folder `{}` belongs to another recipe; choose another --run-dir. Differences:\n  {}",
            run.path.display(),
            changed_keys(&before, &now).join("\n  ")
        );
    }
    Ok(())
}

/// Refuses a run whose caps would end it before it is done, unless somebody wants just that.
pub fn refuse_short_caps(forecast: &Forecast, yes: bool) -> Result<()> {
    let short = forecast.short();
    if short.is_empty() || yes {
        return Ok(());
    }
    bail!(
        "{}; raise the cap, ask about fewer pairs (`--limit`), or begin all the same with `--yes`",
        short.join("; ")
    )
}

/// Where and how a run's models run.
fn engine(
    shared: &Shared,
    recipe: &Recipe,
    run: &Path,
    device: torch::Device,
    kept: Kept,
    world: Rc<World>,
) -> Result<Engine> {
    let beside = world.launch().local_size;
    let mut engine = settings::engine(
        recipe,
        run,
        device,
        kept.threads(shared),
        device::total_memory(device, beside),
        kept.generation(),
    );
    engine.world = world;
    engine.endpoints.keys = device::keys(recipe.endpoint_places().map(|(_, place)| place))?;
    Ok(engine)
}

/// Goes through the stages of a recipe, or says what they would do.
pub fn walk(
    shared: &Shared,
    device: torch::Device,
    recipe: &Recipe,
    run: &RunFolder,
    terminal: &Terminal,
    asked: &Invocation,
    world: Rc<World>,
) -> Result<()> {
    let stages = Stages::of(recipe, &run.path, asked.limit)?;
    let graph = stages.graph();
    let report = Reporter::new("", terminal);
    let folders = graph.nodes().iter().map(|node| node.folder.as_path());
    RunFolder::refuse_earlier_layout(&run.path, folders)?;
    refuse_another_recipe(recipe, run, graph)?;
    let kept = Kept::of(&run.path);
    let engine = engine(shared, recipe, &run.path, device, kept, world)?;
    torch::set_threads(engine.threads);
    memory::bound(device, engine.memory);
    let driver = Driver {
        recipe,
        stages: &stages,
        run: &run.path,
        layout: Layout::Run,
        engine: &engine,
        listener: terminal,
        stop: signals::stop(),
        digests: &RefCell::new(Digests::open(run.digests())),
    };
    if asked.is_dry {
        let plan = planner::make(&driver, &asked.span, asked.limit)?;
        return print(shared, &serde_json::to_value(&plan)?, || {
            print!("the recipe is sound\n{}", plan.text());
        });
    }
    // Before an endpoint hears of the run.
    let forecast = forecast::look(&driver, &asked.span)?;
    if let Some(forecast) = &forecast {
        refuse_short_caps(forecast, asked.yes)?;
    }
    let ready = preflight::look(&driver, &asked.span)?;
    driver.compare(&ready)?;
    if let Some(forecast) = forecast {
        report.note(format!("{}: {}", forecast.basis, forecast.total.text()));
        forecast.keep(&run.path)?;
    }
    kept.keep(&run.path, report, &engine)?;
    write_json(&run.path.join("recipe.json"), &recipe.resolution)?;
    for fitted in recipe.fits.iter().filter(|fitted| fitted.is_chosen) {
        report.note(format!("`[{}]` was fitted: {}", fitted.section, fitted.why));
    }
    let ended = driver.run(ready);
    // That the folder was lost is why the run was stopped, or found something that it did not expect.
    run.check()?;
    ended?;
    if let Some(text) = against_measured(&run.path, graph, train::peak_rss_bytes()) {
        report.note(text);
    }
    conclude(shared, run, graph, &asked.span)
}

/// Shows what is known of the quality of data.
fn conclude_judging(shared: &Shared, folder: &Path) -> Result<()> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
    };
    let found: Value =
        serde_json::from_str(&read(ASSESSMENT)?).context("the assessment cannot be read back")?;
    let text = read(TEXT)?;
    print(shared, &found, || {
        println!("{text}");
        println!("page: {}", folder.join(PAGE).display());
        println!("sheet for people: {}", folder.join(SHEET).display());
    })
}

/// Shows what a finished run found.
fn conclude(shared: &Shared, run: &RunFolder, graph: &Graph, span: &Span) -> Result<()> {
    let place = |stage: &str| {
        let node = graph.node(stage);
        node.map_or_else(|| run.path.clone(), |node| run.path.join(&node.folder))
    };
    let judged = place(ASSESS);
    if graph.node(ASSESS).is_some() && graph.node(REPORT).is_none() {
        // A run that ends earlier has none.
        if !judged.join(PAGE).exists() {
            return Ok(());
        }
        return conclude_judging(shared, &judged);
    }
    if graph.node(REPORT).is_none() {
        let synthesizer = place(TUNING).join("model");
        return print(shared, &json!({"synthesizer": synthesizer}), || {
            println!("tuned synthesizer: {}", synthesizer.display());
        });
    }
    let path = place(REPORT).join(SUMMARY);
    if span.until.as_deref().is_some_and(|s| s != REPORT) || !path.exists() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&path)?;
    let summary: Summary =
        serde_json::from_str(&text).context("`summary.json` cannot be read back")?;
    print(shared, &serde_json::to_value(&summary)?, || {
        print!("{}", report::text::table(&summary));
        println!("\nreport: {}", place(REPORT).join(INDEX).display());
        println!("adapted model: {}", place(TRAIN).join("model").display());
    })
}
