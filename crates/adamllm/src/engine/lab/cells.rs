//! The cells of a grid as recipes over a lab's store.

use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};

use adamllm::flags::Shared;
use adamllm::terminal::Terminal;
use adamllm::{recipes, signals};
use anyhow::{Context as _, Result, anyhow, bail};
use corpus::digests::Digests;
use pipeline::lab::{CELLS, CellState, LabCell, LabPlan, Union, Worked, state_of};
use pipeline::stages::matched::Matched;
use pipeline::{Driver, Stages, settings};
use run::events::Reporter;
use run::grid::{Cell, Grid, Ground, Matching};
use run::launch::Launch;
use run::{Layout, Store};
use serde_json::json;

use crate::device;
use crate::kept::{self, Kept};

/// The folder of a store in a lab's.
pub const STORE: &str = "store";

/// A grid with its cells.
pub struct Named {
    /// The grid's file.
    pub path: PathBuf,
    /// As its file says it.
    pub grid: Grid,
    /// Its cells.
    pub cells: Vec<Cell>,
}

impl Named {
    /// Reads a grid's file; `set` is said over every cell.
    pub fn read(path: &Path, set: &[String]) -> Result<Self> {
        let refused = |errors: Vec<String>| {
            anyhow!(
                "grid `{}` has {} {}:\n  {}",
                path.display(),
                errors.len(),
                if errors.len() == 1 { "error" } else { "errors" },
                errors.join("\n  ")
            )
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the grid `{}`", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut grid = Grid::read(&text, folder).map_err(refused)?;
        grid.set.extend(set.iter().cloned());
        let cells = grid.cells().map_err(refused)?;
        Ok(Self {
            path: path.to_owned(),
            grid,
            cells,
        })
    }
}

/// Where a lab is.
pub struct Place {
    /// Its folder.
    pub folder: PathBuf,
    /// Where results lie.
    pub store: Store,
    /// What it began with.
    pub kept: Kept,
    device: torch::Device,
    /// Set once the demo's files are known to be those of this program.
    shipped: OnceCell<()>,
}

impl Place {
    /// Of an open store in the lab's folder.
    pub fn of(folder: &Path, store: Store, shared: &Shared, device: torch::Device) -> Result<Self> {
        let folder = std::fs::create_dir_all(folder)
            .and_then(|()| folder.canonicalize())
            .with_context(|| format!("cannot open the lab's folder `{}`", folder.display()))?;
        let kept = {
            let _reading = store.wait()?;
            Kept::of(&folder)
        };
        torch::set_threads(kept.threads(shared));
        Ok(Self {
            folder,
            store,
            kept,
            device,
            shipped: OnceCell::new(),
        })
    }

    /// Digests of files, remembered by each process apart.
    pub fn digests(&self, process: usize) -> Digests {
        Digests::open(self.store.path.join(format!(".digests-{process}.json")))
    }
}

/// The folder of the demo's own files in a store.
const DEMO: &str = "demo";

/// The note of what lies in there.
const DRAWN: &str = "drawn.json";

/// The cells of a grid as recipes.
pub struct Prepared {
    /// Those whose recipe can be used.
    pub cells: Vec<LabCell>,
    /// All of the grid, each with its number among `cells`, or what is wrong.
    pub all: Vec<(Cell, std::result::Result<usize, Vec<String>>)>,
}

impl Prepared {
    /// Reads the recipe of each cell. One process at a time looks.
    pub fn of(
        named: &Named,
        place: &Place,
        shared: &Shared,
        terminal: &Terminal,
        digests: &RefCell<Digests>,
    ) -> Result<Self> {
        let _looking = place.store.wait()?;
        let mut found: Vec<Option<std::result::Result<LabCell, Vec<String>>>> = Vec::new();
        found.resize_with(named.cells.len(), || None);
        let reference = |number: usize| reference_of(&named.grid, &named.cells, number);
        // What others are matched with comes before them.
        let (last, first): (Vec<usize>, Vec<usize>) =
            (0..named.cells.len()).partition(|&number| reference(number).is_some());
        for number in first.into_iter().chain(last) {
            let cell = &named.cells[number];
            let matched = match reference(number).map(|other| &found[other]) {
                None => Ok(None),
                Some(Some(Ok(other))) => place.matched(other, terminal, digests).map(Some),
                Some(_) => Err(vec![
                    "the cell that it learns as many tokens as waits itself".to_owned(),
                ]),
            };
            let made = match matched {
                Ok(matched) => place
                    .cell(cell, matched, shared, terminal, digests)
                    .with_context(|| format!("cell `{}`", cell.name))?,
                Err(missing) => Err(missing),
            };
            found[number] = Some(made);
        }
        let mut prepared = Self {
            cells: Vec::new(),
            all: Vec::new(),
        };
        for (cell, made) in named.cells.iter().zip(found.into_iter().flatten()) {
            let number = made.map(|made| {
                prepared.cells.push(made);
                prepared.cells.len() - 1
            });
            prepared.all.push((cell.clone(), number));
        }
        prepared.refuse_other_splits()?;
        if prepared.cells.is_empty() {
            return Err(prepared.nothing_usable(&named.path));
        }
        Ok(prepared)
    }

    /// Refuses cells whose seeds would hold out different pairs: their answers could not be compared when all is done.
    fn refuse_other_splits(&self) -> Result<()> {
        let seeded = self.all.iter().filter(|(cell, _)| cell.seed.is_some());
        let cells = seeded.filter_map(|(_, found)| self.cells.get(*found.as_ref().ok()?));
        let mut drawn = cells.filter(|cell| {
            let recipe = &cell.recipe;
            !recipe.pairs.is_empty() && recipe.held_out > 0.0 && recipe.split_seed.is_none()
        });
        match drawn.next() {
            None => Ok(()),
            Some(cell) => bail!(
                "cell `{}` would hold out other pairs for evaluation than cells of other seeds, so that their answers cannot be \
                 compared; say `data.split_seed = 1` in the grid's `[set]`, or `data.held_out = 0.0` where the tasks are others",
                cell.name
            ),
        }
    }

    /// No cell can be used: what is wrong with the first one, which is likely what is wrong with all.
    fn nothing_usable(&self, path: &Path) -> anyhow::Error {
        let mut all = self.all.iter();
        let first = all.find_map(|(cell, found)| Some((cell, found.as_ref().err()?)));
        match first {
            Some((cell, errors)) => anyhow!(
                "no cell of the grid `{}` can begin; the first, `{}`, has {} {}:\n  {}",
                path.display(),
                cell.name,
                errors.len(),
                if errors.len() == 1 { "error" } else { "errors" },
                errors.join("\n  ")
            ),
            None => anyhow!("the grid `{}` has no cells", path.display()),
        }
    }

    /// Where each cell of the grid stands.
    pub fn states(&self, union: &Union<'_>, worked: &Worked) -> Vec<CellState> {
        let all = self.all.iter();
        all.map(|(_, found)| match found {
            Ok(number) => state_of(union, worked, *number),
            Err(errors) => CellState::Waiting {
                missing: errors.clone(),
            },
        })
        .collect()
    }

    /// The cells that wait, and for what.
    pub fn waiting<'a>(&'a self, plan: &'a LabPlan) -> Vec<(&'a str, &'a [String])> {
        let all = self.all.iter();
        all.filter_map(|(cell, found)| match found {
            Ok(_) => plan
                .waiting
                .get(&cell.name)
                .map(|missing| (&*cell.name, missing.as_slice())),
            Err(errors) => Some((&*cell.name, errors.as_slice())),
        })
        .collect()
    }
}

impl Place {
    /// A cell, or what its recipe lacks.
    fn cell(
        &self,
        cell: &Cell,
        matched: Option<Matched>,
        shared: &Shared,
        terminal: &Terminal,
        digests: &RefCell<Digests>,
    ) -> Result<std::result::Result<LabCell, Vec<String>>> {
        let store = &self.store.path;
        let path = match &cell.ground {
            Ground::Recipe(path) => path.clone(),
            Ground::Demo { domain, seed } => draw(store, domain, *seed)?,
        };
        let own = self.folder.join(CELLS).join(&cell.name);
        let automatic = self.kept.automatic(self.device);
        let fitting = kept::fitting(&own, self.device, &Launch::alone());
        let (recipe, errors) = recipes::load_most(&path, &cell.set, automatic, fitting)?;
        if !errors.is_empty() {
            return Ok(Err(errors));
        }
        let uses_shipped = recipe.uses_demo_base() || recipe.judging.uses_demo_base();
        if uses_shipped && self.shipped.get().is_none() {
            refresh_shipped(store, terminal, &mut digests.borrow_mut())?;
            self.shipped.get_or_init(|| ());
        }
        let stages = Stages::matching(&recipe, store, None, matched.as_ref())?;
        let mut engine = settings::engine(
            &recipe,
            store,
            self.device,
            self.kept.threads(shared),
            device::total_memory(self.device, 1),
            None,
        );
        let asked = recipe.endpoint_places().map(|(_, place)| place);
        engine.endpoints.keys = device::keys(asked)?;
        Ok(Ok(LabCell {
            name: cell.name.clone(),
            recipe,
            stages,
            engine,
            matched,
        }))
    }

    /// What learns as many tokens as the adapted model of a cell, or what that cell lacks.
    fn matched(
        &self,
        cell: &LabCell,
        terminal: &Terminal,
        digests: &RefCell<Digests>,
    ) -> std::result::Result<Matched, Vec<String>> {
        let driver = Driver {
            recipe: &cell.recipe,
            stages: &cell.stages,
            run: &self.store.path,
            layout: Layout::Store,
            engine: &cell.engine,
            listener: terminal,
            stop: signals::stop(),
            digests,
        };
        Union::matched(&driver).map_err(|error| vec![corpus::causes(&error)])
    }
}

/// The cell that a cell learns as many tokens as: that of the reference levels with the same seed; none where it is that
/// itself, and where epochs are matched.
fn reference_of(grid: &Grid, cells: &[Cell], number: usize) -> Option<usize> {
    if grid.matching != Matching::Tokens {
        return None;
    }
    let mut levels = cells[number].levels.clone();
    for factor in &grid.factors {
        if let Some(reference) = &factor.reference {
            levels.insert(factor.name.clone(), reference.clone());
        }
    }
    let found = cells.iter().position(|cell| cell.levels == levels);
    found.filter(|&found| found != number)
}

/// Draws an embedded domain into the store, once; gives the path of its recipe.
fn draw(store: &Path, name: &str, seed: u64) -> Result<PathBuf> {
    let known = corpus::pictograms::DOMAINS;
    let domain = known.iter().find(|domain| domain.name == name);
    let Some(domain) = domain else {
        let names = known.map(|domain| domain.name);
        bail!(
            "there is no embedded domain `{name}`; domains are {}",
            names.join(", ")
        );
    };
    let folder = store.join(DEMO);
    let note = folder.join(DRAWN);
    let wanted = json!({"domain": name, "seed": seed, "program": env!("CARGO_PKG_VERSION")});
    let path = folder.join("recipe.toml");
    let found: Option<serde_json::Value> = corpus::sealed::read_sealed(&note);
    if found.as_ref() == Some(&wanted) && path.is_file() {
        return Ok(path);
    }
    if let Some(found) = found.filter(|found| found["domain"] != name || found["seed"] != seed) {
        bail!(
            "the lab was begun over the embedded domain {} of seed {}, and the grid says {name} of seed {seed}; choose \
             another --lab-dir",
            found["domain"],
            found["seed"]
        );
    }
    let path = demo::write_domain(&folder, domain, seed, false)?;
    corpus::sealed::write_sealed(&note, &wanted)?;
    Ok(path)
}

fn refresh_shipped(store: &Path, terminal: &Terminal, digests: &mut Digests) -> Result<()> {
    if demo::refresh(&store.join(DEMO), digests)? {
        Reporter::new("", terminal).note(
            "the demo's files in the lab were not those of this program; they were written anew",
        );
    }
    Ok(())
}
