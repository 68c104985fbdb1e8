//! The way from `adamllm` to `adamllm-engine`: what is missing is said before the system's loader fails on it.

use std::convert::Infallible;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use object::read::elf::{Dyn as _, ElfFile64, FileHeader as _};
use object::{Endianness, elf};

/// The name of the binary that links libtorch.
const NAME: &str = "adamllm-engine";

/// Says to the engine which version calls it.
const CALLER: &str = "ADAMLLM_CALLER_VERSION";

/// Becomes the engine, with the arguments of this process; comes back only if that cannot be.
pub fn execute() -> Error {
    match become_engine() {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn become_engine() -> Result<Infallible> {
    let own = std::env::current_exe().context("the program cannot find itself")?;
    let engine = own.with_file_name(NAME);
    if !engine.is_file() {
        bail!(
            "this command needs `{NAME}`, which does not lie beside `{}`; `cargo build --release -p adamllm` builds both, \
             and both are installed into one folder",
            own.display()
        );
    }
    if let Some(missing) = missing_libraries(&engine)? {
        bail!("{missing}");
    }
    let mut arguments = std::env::args_os();
    let mut command = Command::new(&engine);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).env(CALLER, version());
    Err(command.exec()).with_context(|| format!("cannot start `{}`", engine.display()))
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// An error if a program of another version called this engine.
pub fn check_caller() -> Result<()> {
    match std::env::var(CALLER) {
        Ok(caller) if caller != version() => bail!(
            "`adamllm` has version {caller}, but `{NAME}` beside it has {}; build or install both together",
            version()
        ),
        _ => Ok(()),
    }
}

/// In a sentence which of libtorch's libraries the loader would not find, if any.
fn missing_libraries(engine: &Path) -> Result<Option<String>> {
    let needs = needs(engine).with_context(|| format!("`{}` cannot be read", engine.display()))?;
    let own = engine.parent().unwrap_or(Path::new(""));
    let variable = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&variable)
        .chain(needs.folders.iter().map(|folder| {
            let folder = folder.replace("${ORIGIN}", "$ORIGIN");
            PathBuf::from(folder.replace("$ORIGIN", &own.to_string_lossy()))
        }))
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    let of_torch = needs.libraries.iter().filter(|name| {
        ["libtorch", "libc10"]
            .iter()
            .any(|start| name.starts_with(start))
    });
    let missing = of_torch.into_iter().find(|name| {
        let system = ["/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64"];
        let system = system.iter().map(PathBuf::from);
        !folders
            .iter()
            .cloned()
            .chain(system)
            .any(|f| f.join(name).exists())
    });
    Ok(missing.map(|name| {
        let looked: Vec<String> = folders.iter().map(|f| format!("`{}`", f.display())).collect();
        format!(
            "libtorch 2.11 is not there: `{name}` is not in {}; `cargo xtask setup` fetches it (or set LD_LIBRARY_PATH to the \
             `lib` folder of a libtorch 2.11.0)",
            looked.join(" or ")
        )
    }))
}

/// Which libraries an ELF file needs, and the folders that it names for them.
struct Needs {
    libraries: Vec<String>,
    folders: Vec<String>,
}

fn needs(path: &Path) -> Result<Needs> {
    let file = std::fs::File::open(path)?;
    let cache = object::ReadCache::new(file);
    let found = ElfFile64::<Endianness, _>::parse(&cache)?;
    let (endian, data) = (found.endian(), found.data());
    let mut needs = Needs {
        libraries: Vec::new(),
        folders: Vec::new(),
    };
    let header = found.elf_header();
    let sections = header.sections(endian, data)?;
    let Some((entries, strings)) = sections.dynamic(endian, data)? else {
        return Ok(needs);
    };
    let strings = sections.strings(endian, data, strings)?;
    for entry in entries {
        let tag = entry.d_tag(endian);
        let list = match u32::try_from(tag) {
            Ok(elf::DT_NEEDED) => &mut needs.libraries,
            Ok(elf::DT_RUNPATH | elf::DT_RPATH) => &mut needs.folders,
            _ => continue,
        };
        let at = u32::try_from(entry.d_val(endian))?;
        let text = strings
            .get(at)
            .map_err(|()| anyhow!("a name in it lies outside of its table"))?;
        list.push(String::from_utf8_lossy(text).into_owned());
    }
    needs.folders = needs
        .folders
        .iter()
        .flat_map(|list| list.split(':').map(str::to_owned))
        .collect();
    Ok(needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_needs_is_read_from_its_file() {
        let own = std::env::current_exe().expect("a test is a program");
        let needs = needs(&own).expect("ELF");
        assert!(
            needs
                .libraries
                .iter()
                .any(|name| name.starts_with("libc.so")),
            "{:?}",
            needs.libraries
        );
    }

    #[test]
    fn a_text_is_no_program() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("engine");
        std::fs::write(&path, "text").expect("write");
        assert!(missing_libraries(&path).is_err());
    }
}
