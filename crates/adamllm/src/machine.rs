//! What a machine has, looked at without tensors: the first half of `adamllm doctor`, and how its findings are told.

use std::path::Path;

use anyhow::{Context as _, Result};
use run::recipe::{Automatic, DeviceKind, Processor};
use serde::Serialize;
use serde_json::json;

use crate::columns::{hanging, table, width};
use crate::flags::{Shared, threads};
use crate::output::print;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// What was found.
    pub found: String,
    /// What to do about it, if something is wrong.
    pub mend: Option<String>,
    /// The least and the most seconds, where the finding is how long something takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<[f64; 2]>,
}

/// A finding.
pub fn check(name: &'static str, found: impl Into<String>, mend: Option<String>) -> Check {
    Check {
        name,
        found: found.into(),
        mend,
        seconds: None,
    }
}

/// Processor, memory and disks.
pub fn checks(shared: &Shared) -> Result<Vec<Check>> {
    Ok(vec![
        cpu(shared),
        memory(),
        disk(Path::new("."), "disk here")?,
        disk(&std::env::temp_dir(), "disk for temporary files")?,
    ])
}

/// Prints what was found, and fails if something is to be mended.
pub fn tell(shared: &Shared, checks: &[Check]) -> Result<()> {
    let mends: Vec<&String> = checks.iter().filter_map(|c| c.mend.as_ref()).collect();
    print(
        shared,
        &json!({"ready": mends.is_empty(), "checks": checks}),
        || {
            let rows: Vec<[&str; 2]> = checks.iter().map(|c| [c.name, &*c.found]).collect();
            print!("{}", table(&rows, &[26], width()));
            if mends.is_empty() {
                println!("\nready");
            } else {
                println!("\nto mend:");
            }
            for (at, mend) in mends.iter().enumerate() {
                let head = format!("  {}. ", at + 1);
                println!("{}", hanging(&head, mend, width()));
            }
        },
    )?;
    if mends.is_empty() {
        Ok(())
    } else {
        anyhow::bail!("{} things to mend", mends.len())
    }
}

/// The value of a key in a file of `key: value` lines.
fn value_of(file: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The processor, as the system describes it.
pub fn processor() -> Processor {
    let of = |key: &str| value_of("/proc/cpuinfo", key).unwrap_or_default();
    Processor {
        vendor: of("vendor_id"),
        family: of("cpu family").parse().unwrap_or(0),
        features: of("flags").split(' ').map(str::to_owned).collect(),
    }
}

/// The processor's name with the numbers that tell two of one name apart, `AMD EPYC, family 26, model 2`.
pub fn model() -> String {
    let of = |key: &str| value_of("/proc/cpuinfo", key).unwrap_or_else(|| "unknown".to_owned());
    // `model name` begins with `model` too, and comes after it.
    let (name, family, model) = (of("model name"), of("cpu family"), of("model\t"));
    format!("{name}, family {family}, model {model}")
}

/// The processor's name, as the system tells it.
pub fn processor_name() -> String {
    value_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned())
}

/// Whether the system has a driver for GPUs that can be computed on; whether libtorch finds one is another matter.
pub fn has_gpu() -> bool {
    [
        "/proc/driver/nvidia/version",
        "/dev/nvidiactl",
        // Windows' subsystem for Linux.
        "/dev/dxg",
    ]
    .iter()
    .any(|place| Path::new(place).exists())
}

/// The version of NVIDIA's driver, `580.65.06`; none where the system has none that tells.
pub fn gpu_driver() -> Option<String> {
    driver_in(&std::fs::read_to_string("/proc/driver/nvidia/version").ok()?)
}

/// The names of NVIDIA's GPUs, as the driver tells them; none where it tells none.
pub fn gpus() -> Vec<String> {
    let folders = std::fs::read_dir("/proc/driver/nvidia/gpus");
    let files = folders.into_iter().flatten().flatten();
    let names = files.filter_map(|entry| {
        let file = entry.path().join("information");
        value_of(file.to_str()?, "Model")
    });
    names.collect()
}

/// The first word of the first line that is a version.
fn driver_in(text: &str) -> Option<String> {
    let line = text.lines().next()?;
    let is_version =
        |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    line.split_whitespace().find(is_version).map(str::to_owned)
}

/// The driver of a GPU in words.
pub fn gpu() -> String {
    gpu_driver().map_or_else(
        || "no driver that tells its version".to_owned(),
        |version| format!("NVIDIA driver {version}"),
    )
}

/// What `model.dtype = "auto"` stands for on the device that `--device` names, as far as it can be told without tensors.
pub fn automatic(shared: &Shared) -> Automatic {
    let device = match shared.device.as_str() {
        "cpu" => DeviceKind::Cpu,
        "auto" if !has_gpu() => DeviceKind::Cpu,
        _ => DeviceKind::Gpu,
    };
    Automatic::on(device, &processor())
}

fn cpu(shared: &Shared) -> Check {
    let name = processor_name();
    let flags = processor().features;
    let has: Vec<&str> = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"]
        .into_iter()
        .filter(|wanted| flags.iter().any(|flag| flag == *wanted))
        .collect();
    let mend = (flags.len() > 1 && !has.contains(&"avx2"))
        .then(|| "the processor has no AVX2; training will be very slow".to_owned());
    check(
        "cpu",
        format!("{name}, {} threads, {}", threads(shared), has.join(" ")),
        mend,
    )
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

/// A line of `/proc/meminfo` in bytes.
fn meminfo(key: &str) -> Option<u64> {
    let text = value_of("/proc/meminfo", key)?;
    let kib = text.split(' ').next()?.parse::<u64>().ok()?;
    Some(kib * 1024)
}

/// Bytes of memory that this process may have in all: the machine's, or a container's limit if that is less.
pub fn total_memory() -> Option<u64> {
    let limits = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let limit = |path: &&str| {
        std::fs::read_to_string(path)
            .ok()?
            .trim()
            .parse::<u64>()
            .ok()
    };
    let limit = limits.iter().filter_map(limit).min();
    [meminfo("MemTotal"), limit].into_iter().flatten().min()
}

fn memory() -> Check {
    let (Some(all), Some(free)) = (meminfo("MemTotal"), meminfo("MemAvailable")) else {
        return check("memory", "unknown: the system does not tell", None);
    };
    let mend = (free < 2 << 30).then(|| {
        format!("only {} of memory are free; the demo needs about 2 GiB, an 8-billion model 130 GiB or more", gib(free))
    });
    check(
        "memory",
        format!("{} free of {}", gib(free), gib(all)),
        mend,
    )
}

fn disk(path: &Path, name: &'static str) -> Result<Check> {
    let found = rustix::fs::statvfs(path).with_context(|| {
        format!(
            "cannot ask how much of the disk of `{}` is free",
            path.display()
        )
    })?;
    let free = found.f_bavail * found.f_frsize;
    if rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_err() {
        return Ok(unwritable(path, name, free));
    }
    let mend = (free < 1 << 30).then(|| {
        format!(
            "only {} are free at `{}`; a demo run needs about 1 GiB",
            gib(free),
            path.display()
        )
    });
    Ok(check(name, format!("{} free", gib(free)), mend))
}

/// A folder that only can be read. Where one is, nothing has to be written; temporary files have to be.
fn unwritable(path: &Path, name: &'static str, free: u64) -> Check {
    let is_temporary = path == std::env::temp_dir();
    let mend = is_temporary.then(|| {
        format!(
            "`{}` cannot be written to; set TMPDIR to a folder that can",
            path.display()
        )
    });
    check(
        name,
        format!(
            "{} free, but it cannot be written to; name folders elsewhere with --run-dir and --output",
            gib(free)
        ),
        mend,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_driver_s_version_in_both_forms_of_its_line() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(driver_in(text).as_deref(), expected, "{text}");
        };
        check(
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Sun Feb 18 00:26:47 UTC 2024\nGCC version:  gcc 11.4.0\n",
            Some("535.161.08"),
        );
        check(
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (root@host)\n",
            Some("580.65.06"),
        );
        check("", None);
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_said_and_stops_nothing() {
        let found = unwritable(Path::new("/data"), "disk here", 3 << 30);
        assert!(
            found
                .found
                .starts_with("3.0 GiB free, but it cannot be written to"),
            "{found:?}"
        );
        assert_eq!(found.mend, None);
        let temporary = std::env::temp_dir();
        let found = unwritable(&temporary, "disk for temporary files", 0);
        assert!(found.mend.is_some_and(|mend| mend.contains("TMPDIR")));
    }
}
