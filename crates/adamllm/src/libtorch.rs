//! Where the system's loader finds libtorch for the engine, and which version lies there: looked at without loading it, so that
//! what does not fit is said in a sentence before the loader fails on it, or before something is computed with it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use object::read::elf::{Dyn as _, ElfFile64, FileHeader as _};
use object::{Endianness, elf};

/// The version that the engine is built with.
pub const VERSION: &str = match option_env!("ADAMLLM_LIBTORCH_VERSION") {
    Some(version) => version,
    None => "2.11.0",
};

/// Names the `torch/lib` folder of a Python installation.
pub const VARIABLE: &str = "ADAMLLM_TORCH_LIB";

/// The library that computes on GPUs; it lies beside the others where torch was built with CUDA.
pub const CUDA_LIBRARY: &str = "libtorch_cuda.so";

/// How the program came to this machine: decides what to do where libtorch is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Installation {
    /// As a wheel, into this folder of packages.
    Wheel(PathBuf),
    /// As an archive, unpacked to this folder.
    Archive(PathBuf),
    /// Built from source.
    Source,
}

/// What the environment says about libraries.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// `LD_LIBRARY_PATH`.
    pub library_path: OsString,
    /// `ADAMLLM_TORCH_LIB`.
    pub torch_lib: Option<OsString>,
}

impl Variables {
    /// Those of this process.
    pub fn of_process() -> Self {
        Variables {
            library_path: std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default(),
            torch_lib: std::env::var_os(VARIABLE).filter(|value| !value.is_empty()),
        }
    }
}

/// What was found for an engine.
#[derive(Debug)]
pub struct Search {
    /// Where libtorch lies; none where it is missing.
    pub folder: Option<PathBuf>,
    /// The value of `LD_LIBRARY_PATH` with which the loader finds it, where that has to be set.
    pub library_path: Option<OsString>,
    /// In a sentence why the engine cannot be started, if so.
    pub problem: Option<String>,
}

/// Looks where the loader would look for the libraries of `engine`.
pub fn search(engine: &Path, variables: &Variables) -> Result<Search> {
    let needs = needs(engine).with_context(|| format!("`{}` cannot be read", engine.display()))?;
    let own = engine.parent().unwrap_or(Path::new(""));
    Ok(find(&needs, own, variables))
}

/// What an engine in the folder `own` needs, by the folders that it names.
fn find(needs: &Needs, own: &Path, variables: &Variables) -> Search {
    let installation = installation(own, &needs.folders);
    let of_torch: Vec<&String> = needs
        .libraries
        .iter()
        .filter(|name| name.starts_with("libtorch") || name.starts_with("libc10"))
        .collect();
    let by_variable: Vec<PathBuf> = std::env::split_paths(&variables.library_path)
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    let by_engine = needs.folders.iter().map(|folder| {
        let folder = folder.replace("${ORIGIN}", "$ORIGIN");
        PathBuf::from(folder.replace("$ORIGIN", &own.to_string_lossy()))
    });
    let by_system = ["/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64"];
    let looked: Vec<PathBuf> = by_variable.iter().cloned().chain(by_engine).collect();
    // As the loader does it: each library from the first folder that has it.
    let place = |name: &&String| {
        let system = by_system.iter().map(PathBuf::from);
        let mut all = looked.iter().cloned().chain(system);
        all.find(|folder| folder.join(name).exists())
    };
    let places: Option<Vec<PathBuf>> = of_torch.iter().map(place).collect();
    if let Some(places) = places {
        let problem = places.iter().find_map(|folder| {
            let version = version_in(folder).filter(|version| plain(version) != plain(VERSION))?;
            let by_variable = by_variable.contains(folder);
            Some(other_version(folder, &version, by_variable, &installation))
        });
        return Search {
            folder: places.into_iter().next(),
            library_path: None,
            problem,
        };
    }

    // Not beside the program: a folder that the user names will do, as every path in it starts from where it lies.
    if let Some(named) = variables.torch_lib.as_ref().map(PathBuf::from)
        && of_torch.iter().all(|name| named.join(name).exists())
    {
        let problem = version_in(&named)
            .filter(|version| plain(version) != plain(VERSION))
            .map(|version| {
                format!(
                    "the program is built with libtorch {VERSION}, but {VARIABLE} leads to {version} in `{}`; name the \
                     `torch/lib` folder of a torch {VERSION}",
                    named.display()
                )
            });
        let mut path = named.clone().into_os_string();
        if !variables.library_path.is_empty() {
            path.push(":");
            path.push(&variables.library_path);
        }
        return Search {
            folder: Some(named),
            library_path: Some(path),
            problem,
        };
    }
    Search {
        folder: None,
        library_path: None,
        problem: Some(missing(&looked, &installation)),
    }
}

/// What follows a plus names the build (`+cpu`, `+cu130`), not the version.
fn plain(version: &str) -> &str {
    version.split('+').next().unwrap_or_default()
}

/// The version of the torch whose libraries lie in `folder`, by the files beside it; none where nothing says so.
pub fn version_in(folder: &Path) -> Option<String> {
    let torch = folder.parent()?;
    let of_python = std::fs::read_to_string(torch.join("version.py")).ok();
    let of_python = of_python.as_deref().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("__version__"))?;
        let value = line.split_once('=')?.1.trim();
        Some(value.trim_matches(['\'', '"']).to_owned())
    });
    of_python.or_else(|| {
        let text = std::fs::read_to_string(torch.join("build-version")).ok()?;
        Some(text.trim().to_owned()).filter(|version| !version.is_empty())
    })
}

/// In a sentence that the CUDA libraries of `named` do not go with the libtorch in `loaded`, if so.
pub fn unlike(named: &Path, loaded: &Path) -> Option<String> {
    let found = version_in(named)?;
    (plain(&found) != plain(VERSION)).then(|| {
        format!(
            "{VARIABLE} leads to torch {found} in `{}`, but the program runs with {VERSION} from `{}`; unset it, or name the \
             `torch/lib` folder of a torch {VERSION}",
            named.display(),
            loaded.display()
        )
    })
}

/// By where the program lies and by what it says of libtorch's place.
fn installation(own: &Path, run_path: &[String]) -> Installation {
    let package = own.parent().unwrap_or(Path::new(""));
    if package.join("__main__.py").is_file() {
        let packages = package.parent().unwrap_or(Path::new(""));
        Installation::Wheel(packages.to_path_buf())
    } else if run_path.iter().any(|folder| folder.contains("ORIGIN")) {
        Installation::Archive(package.to_path_buf())
    } else {
        Installation::Source
    }
}

fn missing(looked: &[PathBuf], installation: &Installation) -> String {
    let what = format!("libtorch {} is not there", series());
    match installation {
        Installation::Wheel(packages) => format!(
            "{what}: no torch lies beside this program in `{}`; `pip install torch=={VERSION}` into the same environment",
            packages.display()
        ),
        Installation::Archive(folder) => format!(
            "{what}: it is not in `{}`; unpack the archive again, whole, and leave its folders as they are",
            folder.join("torch/lib").display()
        ),
        Installation::Source => {
            let looked: Vec<String> = looked
                .iter()
                .map(|f| format!("`{}`", f.display()))
                .collect();
            format!(
                "{what}: it is not in {}; `cargo xtask setup` fetches it (or set LD_LIBRARY_PATH to the `lib` folder of a \
                 libtorch {VERSION})",
                looked.join(" or ")
            )
        }
    }
}

/// `2.11` of `2.11.0`.
fn series() -> &'static str {
    VERSION
        .rsplit_once('.')
        .map_or(VERSION, |(series, _)| series)
}

fn other_version(
    folder: &Path,
    version: &str,
    by_variable: bool,
    installation: &Installation,
) -> String {
    let what = format!(
        "the program is built with libtorch {VERSION}, but {version} is in `{}`",
        folder.display()
    );
    match installation {
        _ if by_variable => format!("{what}, where LD_LIBRARY_PATH leads: unset it"),
        Installation::Wheel(_) => {
            format!("{what}: `pip install torch=={VERSION}` into the same environment")
        }
        Installation::Archive(_) => format!("{what}: unpack the archive again into a fresh folder"),
        Installation::Source => format!("{what}: `cargo xtask setup`, then build again"),
    }
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

/// Whether a value of `LD_LIBRARY_PATH` or the like names this folder, by whatever path.
pub fn is_same_folder(one: &Path, other: &OsStr) -> bool {
    let other = Path::new(other);
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
#[path = "libtorch/tests.rs"]
mod tests;
