//! What a program asks of the machine that it is started on, as `readelf` of the compiler's own tools tells it: libraries,
//! their versions, and the folders where they are looked for.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process;

/// Libraries of glibc, and of the compiler, that each machine of a wheel's tag has.
const OF_SYSTEM: [&str; 7] = [
    "libc.so.6",
    "libm.so.6",
    "ld-linux-x86-64.so.2",
    "libpthread.so.0",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libstdc++.so.6",
];

/// Libraries of torch, which a package holds or depends on.
const OF_TORCH: [&str; 2] = ["libtorch_cpu.so", "libc10.so"];

/// Up to which version of the compiler's library each tag goes: the minor number of glibc, and the last number of
/// `GLIBCXX_3.4.N`. From the policies that `auditwheel` 6.8 keeps; none lies under the first.
const CXX_OF_GLIBC: [(u32, u32); 5] = [(28, 24), (31, 28), (34, 29), (35, 30), (39, 33)];

/// What a program needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// In the order of the file.
    pub libraries: Vec<String>,
    /// The run path, as it stands there.
    pub run_path: String,
    /// The newest version of each name that versions have: `GLIBC` to `[2, 35]`.
    pub versions: BTreeMap<String, Vec<u32>>,
}

/// Asks `readelf`.
pub fn needs(program: &Path) -> Result<Needs> {
    let mut command = Command::new("readelf");
    command.args(["--wide", "--dynamic", "--version-info"]);
    command.arg(program).env("LC_ALL", "C");
    let text = process::output(&mut command).context("`readelf` comes with the compiler")?;
    read(&text)
}

fn read(text: &str) -> Result<Needs> {
    let mut needs = Needs::default();
    let mut of_needs = false;
    for line in text.lines() {
        let bracketed = || {
            let (_, rest) = line.split_once('[')?;
            Some(rest.split_once(']')?.0.to_owned())
        };
        if line.contains("(NEEDED)") {
            needs
                .libraries
                .push(bracketed().context("a library without a name")?);
        } else if line.contains("(RUNPATH)") || line.contains("(RPATH)") {
            needs.run_path = bracketed().context("a run path without text")?;
        } else if line.starts_with("Version ") {
            of_needs = line.starts_with("Version needs section");
        } else if of_needs && let Some((_, rest)) = line.split_once("Name: ") {
            let name = rest.split_whitespace().next().unwrap_or_default();
            // `GLIBC_PRIVATE` and the like have no number; nothing that goes to other machines may need them.
            let (of, number) = name.rsplit_once('_').unwrap_or((name, ""));
            let number: Result<Vec<u32>, _> = number.split('.').map(str::parse).collect();
            let number = number
                .with_context(|| format!("`{name}` is no version that other machines have"))?;
            let newest = needs.versions.entry(of.to_owned()).or_default();
            *newest = number.max(std::mem::take(newest));
        }
    }
    ensure!(!needs.libraries.is_empty(), "`readelf` told of no library");
    Ok(needs)
}

/// The tag of a wheel that holds these programs, `manylinux_2_35_x86_64`; an error where one needs what such machines lack.
pub fn tag(programs: &[(&str, &Needs)]) -> Result<String> {
    let mut glibc = 0;
    for (name, needs) in programs {
        let known = |library: &str| OF_SYSTEM.contains(&library) || OF_TORCH.contains(&library);
        if let Some(other) = needs.libraries.iter().find(|library| !known(library)) {
            bail!("`{name}` needs `{other}`, which is neither glibc's, the compiler's nor torch's");
        }
        match needs.versions.get("GLIBC").map(Vec::as_slice) {
            Some([2, minor, ..]) => glibc = glibc.max(*minor),
            other => bail!("`{name}` needs glibc {other:?}, which no tag of a wheel names"),
        }
    }
    // No tag lies under the one of torch's own wheel.
    let glibc = glibc.max(CXX_OF_GLIBC[0].0);
    let of_tag = CXX_OF_GLIBC.iter().rev().find(|(of, _)| *of <= glibc);
    let of_tag = of_tag.map_or(0, |(_, cxx)| *cxx);
    for (name, needs) in programs {
        if let Some([3, 4, cxx, ..]) = needs.versions.get("GLIBCXX").map(Vec::as_slice) {
            ensure!(
                *cxx <= of_tag,
                "`{name}` needs GLIBCXX_3.4.{cxx}, but machines with glibc 2.{glibc} have up to 3.4.{of_tag}: build with an older compiler"
            );
        }
    }
    Ok(format!("manylinux_2_{glibc}_x86_64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `readelf` of binutils 2.40 prints it.
    const ENGINE: &str = "
Dynamic section at offset 0x2b1edc8 contains 34 entries:
  Tag        Type                         Name/Value
 0x000000000000001d (RUNPATH)            Library runpath: [$ORIGIN/../torch/lib:$ORIGIN/../../torch/lib]
 0x0000000000000001 (NEEDED)             Shared library: [libstdc++.so.6]
 0x0000000000000001 (NEEDED)             Shared library: [libtorch_cpu.so]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x0000000000000015 (DEBUG)              0x0

Version symbols section '.gnu.version' contains 290 entries:
 Addr: 0x0000000000002e5c  Offset: 0x002e5c  Link: 3 (.dynsym)
  000:   0 (*local*)       2 (GLIBC_2.34)    3 (GLIBC_2.17)

Version needs section '.gnu.version_r' contains 2 entries:
 Addr: 0x00000000000073a8  Offset: 0x0073a8  Link: 7 (.dynstr)
  000000: Version: 1  File: libc.so.6  Cnt: 3
  0x0010:   Name: GLIBC_2.9  Flags: none  Version: 4
  0x0020:   Name: GLIBC_2.34  Flags: none  Version: 2
  0x0030:   Name: GLIBC_2.2.5  Flags: none  Version: 5
  0x0040: Version: 1  File: libstdc++.so.6  Cnt: 3
  0x0050:   Name: GLIBCXX_3.4.21  Flags: none  Version: 9
  0x0060:   Name: GLIBCXX_3.4.9  Flags: none  Version: 10
  0x0070:   Name: CXXABI_1.3.9  Flags: none  Version: 11
";

    #[test]
    fn reads_what_readelf_prints() {
        let needs = read(ENGINE).unwrap();
        assert_eq!(
            needs.libraries,
            ["libstdc++.so.6", "libtorch_cpu.so", "libc.so.6"]
        );
        assert_eq!(needs.run_path, super::super::compile::RUN_PATH);
        // By numbers and not by letters: 2.34 is newer than 2.9.
        assert_eq!(needs.versions["GLIBC"], [2, 34]);
        assert_eq!(needs.versions["GLIBCXX"], [3, 4, 21]);
        assert_eq!(needs.versions["CXXABI"], [1, 3, 9]);
        assert!(read("nothing").is_err());
        let private = ENGINE.replace("GLIBC_2.9 ", "GLIBC_PRIVATE ");
        assert!(
            read(&private)
                .unwrap_err()
                .to_string()
                .contains("GLIBC_PRIVATE")
        );
    }

    #[test]
    fn reads_a_program_of_this_machine() {
        let needs = needs(&std::env::current_exe().unwrap()).unwrap();
        assert!(needs.libraries.contains(&"libc.so.6".to_owned()));
        assert!(needs.versions.contains_key("GLIBC"));
    }

    fn check(library: &str, glibc: &[u32], cxx: &[u32], expected: Result<&str, &str>) {
        let needs = Needs {
            libraries: vec![library.to_owned()],
            run_path: String::new(),
            versions: [("GLIBC", glibc), ("GLIBCXX", cxx)]
                .map(|(name, version)| (name.to_owned(), version.to_vec()))
                .into(),
        };
        match (tag(&[("p", &needs)]), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(part)) => assert!(found.to_string().contains(part), "{found}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn the_tag_names_the_glibc_that_is_needed() {
        let cxx = [3, 4, 22];
        check("libc.so.6", &[2, 35], &cxx, Ok("manylinux_2_35_x86_64"));
        check("libc10.so", &[2, 17], &cxx, Ok("manylinux_2_28_x86_64"));
        check(
            "libc.so.6",
            &[2, 36],
            &[3, 4, 30],
            Ok("manylinux_2_36_x86_64"),
        );
        check("libc.so.6", &[2, 30], &[3, 4, 25], Err("have up to 3.4.24"));
        check("libc.so.6", &[2, 38], &[3, 4, 32], Err("have up to 3.4.30"));
        check("libssl.so.3", &[2, 35], &cxx, Err("needs `libssl.so.3`"));
        check("libc.so.6", &[], &cxx, Err("no tag"));
    }
}
