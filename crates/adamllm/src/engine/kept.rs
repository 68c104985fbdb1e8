//! `machine.json` of a run folder: what of the machine a run began on is kept when it goes on, be it elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adamllm::flags::{Shared, threads};
use anyhow::Result;
use corpus::sealed::{read_sealed, write_sealed};
use pipeline::Engine;
use pipeline::generation::Generation;
use run::events::Reporter;
use run::launch::Launch;
use run::memory;
use run::recipe::{Automatic, DeviceKind, Dtype, Fitting};
use serde_json::{Value, json};
use torch::Device;
use torch::products::Products;

use crate::device::{automatic, device_kind, total_memory};
use crate::products;

/// What a run began with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    threads: Option<usize>,
    dtype: Option<Dtype>,
    device: Option<DeviceKind>,
    generation: Option<Generation>,
    products: Option<Products>,
}

fn place(run: &Path) -> PathBuf {
    run.join("machine.json")
}

/// What a run's recipe was resolved to, where nobody said the dtype.
fn noted(run: &Path) -> Option<Dtype> {
    let text = std::fs::read(run.join("recipe.json")).ok()?;
    let recipe: Value = serde_json::from_slice(&text).ok()?;
    let dtype = &recipe["model.dtype"];
    let is_said = |by: &str| dtype["origin"]["from"] == by;
    let name = dtype["value"].as_str()?;
    if is_said("recipe") || is_said("set") {
        None
    } else {
        name.parse().ok()
    }
}

/// What trainings of a run are fitted to: what was chosen for them when it began, else the device.
pub fn fitting(run: &Path, device: Device, launch: &Launch) -> Fitting<'static> {
    let kind = device_kind(device);
    let machines = (launch.size / launch.local_size.max(1)).max(1) as u64;
    let host = || Some(machines * total_memory(Device::Cpu, 1)?);
    Fitting {
        device: total_memory(device, launch.local_size).map(|total| memory::Device {
            count: launch.size as u64,
            host: device.is_cuda().then(host).flatten(),
            ..memory::Device::new(kind, total)
        }),
        kept: fitted(run),
        demo_config: None,
    }
}

/// The words that were chosen for a run's trainings, by their keys; none where no run was begun.
fn fitted(run: &Path) -> Option<BTreeMap<String, String>> {
    let text = std::fs::read(run.join("recipe.json")).ok()?;
    let recipe: BTreeMap<String, Value> = serde_json::from_slice(&text).ok()?;
    let words = recipe.into_iter().filter_map(|(key, resolved)| {
        let word = resolved["value"].as_str()?.to_owned();
        (resolved["origin"]["from"] == "fit").then_some((key, word))
    });
    Some(words.collect())
}

impl Kept {
    /// Of a run folder; nothing where there is none, or where it is damaged.
    pub fn of(run: &Path) -> Self {
        let machine = read_sealed::<Value>(&place(run)).unwrap_or_default();
        let word = |key: &str| machine[key].as_str();
        let threads = machine["threads"].as_u64();
        // Where `machine.json` is damaged or an earlier build's, the recipe as it was resolved tells.
        let dtype = word("dtype").and_then(|name| name.parse().ok());
        Self {
            threads: threads.and_then(|n| usize::try_from(n).ok()),
            dtype: dtype.or_else(|| noted(run)),
            device: word("device").and_then(|name| name.parse().ok()),
            generation: serde_json::from_value(machine["generation"].clone()).ok(),
            products: products::read(&machine["products"]),
        }
    }

    /// What `model.dtype = "auto"` stands for: what it stood for when the run began, else what suits the device.
    pub fn automatic(self, device: Device) -> Automatic {
        self.dtype
            .map_or_else(|| automatic(device), Automatic::kept)
    }

    /// With how many threads a process of the run goes on: those that are asked for, else those that it began with, else its
    /// part of what the machine has.
    pub fn threads(self, shared: &Shared) -> usize {
        match (shared.threads, self.threads) {
            (None, Some(known)) => known,
            _ => threads(shared),
        }
    }

    /// How much was generated together when the run began.
    pub fn generation(self) -> Option<Generation> {
        self.generation
    }

    /// Writes down what the run goes on with, and makes products of matrices as when it began. The last bits of sums depend on threads and device, so that another one is told.
    pub fn keep(self, run: &Path, report: Reporter<'_>, engine: &Engine) -> Result<()> {
        let device = engine.device;
        let path = place(run);
        let (wanted, kind) = (engine.threads, device_kind(device));
        match self.threads {
            Some(known) if known != wanted => report.warn(format!(
                "this run began with {known} threads; with {wanted} the last bits of what follows differ"
            )),
            None if path.exists() => report.warn(format!(
                "`{}` was changed or damaged, and the number of threads that this run began with is not known; if it was not \
                 {wanted}, the last bits of what follows differ, and `--threads` mends that",
                path.display()
            )),
            _ => {}
        }
        if let Some(known) = self.device.filter(|known| *known != kind) {
            report.warn(format!(
                "this run began on a {}; on a {} the last bits of what follows differ",
                known.as_str(),
                kind.as_str()
            ));
        }
        let now = Self {
            threads: Some(wanted),
            dtype: Some(self.automatic(device).dtype),
            device: Some(kind),
            generation: Some(engine.generation),
            products: Some(products::apply(self.products, wanted)),
        };
        if now != self {
            write_sealed(
                &path,
                &json!({
                    "threads": wanted,
                    "dtype": now.dtype.map(Dtype::as_str),
                    "device": kind.as_str(),
                    "generation": engine.generation,
                    "products": now.products.map(products::written),
                }),
            )?;
        }
        let shared = json!({
            "generation": engine.generation,
            "products": now.products.map(products::written),
        });
        engine.world.share(&shared.to_string())?;
        Ok(())
    }
}

/// Takes over from the process of rank 0 what it goes on with ([`Kept::keep`]).
pub fn take_over(engine: &mut Engine) -> Result<()> {
    let shared: Value = serde_json::from_str(&engine.world.share("")?)?;
    engine.generation = serde_json::from_value(shared["generation"].clone())?;
    if let Some(products) = products::read(&shared["products"]) {
        let _ = products::apply(Some(products), engine.threads);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_keeps_the_way_of_training_that_it_began_with() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(fitted(folder.path()), None);
        let write = |recipe: Value| {
            std::fs::write(folder.path().join("recipe.json"), recipe.to_string()).expect("write");
        };
        // One that began with the plain way keeps it.
        write(json!({"train.fit": {"value": "auto", "origin": {"from": "preset", "what": "x"}}}));
        assert_eq!(fitted(folder.path()), Some(BTreeMap::new()));
        write(json!({
            "train.recompute": {"value": "blocks", "origin": {"from": "fit", "what": "x"}},
            "train.gradients": {"value": "bf16", "origin": {"from": "recipe"}},
            "train.max_steps": {"value": 3, "origin": {"from": "set"}},
        }));
        let kept = fitting(folder.path(), Device::Cpu, &Launch::alone())
            .kept
            .expect("kept");
        let expected = ("train.recompute".to_owned(), "blocks".to_owned());
        assert_eq!(kept, BTreeMap::from([expected]));
    }

    #[test]
    fn a_run_keeps_the_dtype_that_it_began_with() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(Kept::of(folder.path()), Kept::default());
        write_sealed(
            &place(folder.path()),
            &json!({"threads": 3, "dtype": "bf16", "device": "gpu"}),
        )
        .expect("write");
        let kept = Kept::of(folder.path());
        assert_eq!(kept.threads, Some(3));
        // On whatever processor this test runs.
        let found = kept.automatic(Device::Cpu);
        assert_eq!(found.dtype, Dtype::Bf16);
        assert_eq!(found.why, "this run began with it");
        // A damaged note.
        std::fs::write(place(folder.path()), "x").expect("write");
        assert_eq!(Kept::of(folder.path()), Kept::default());
        for (from, expected) in [
            ("chosen", Some(Dtype::Bf16)),
            ("preset", Some(Dtype::Bf16)),
            ("set", None),
        ] {
            let dtype = json!({"value": "bf16", "origin": {"from": from, "what": "x"}});
            let recipe = json!({"model.dtype": dtype}).to_string();
            std::fs::write(folder.path().join("recipe.json"), recipe).expect("write");
            assert_eq!(Kept::of(folder.path()).dtype, expected, "{from}");
        }
        assert_eq!(
            Kept::default().automatic(Device::Cuda(0)).dtype,
            Dtype::Bf16
        );
    }
}
