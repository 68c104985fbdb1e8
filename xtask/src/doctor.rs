//! Whether the built program starts, asked from outside: where libtorch cannot be loaded the system's loader stops the
//! program before its own `doctor` can say anything. If it starts, that `doctor` goes on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Result;

use crate::{process, setup};

/// Files by which a folder of libtorch is known.
const LIBRARIES: [&str; 2] = ["libtorch_cpu.so", "libc10.so"];

/// Gives a numbered list of mends, or hands over to `adamllm doctor ARGS`.
pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    let mut mends = Vec::new();
    if let Some(problem) = setup::problem(root) {
        mends.push(problem);
    }
    let Some(program) = newest(&target(root)) else {
        mends.push("the program is not built: `cargo build --release -p adamllm`".to_owned());
        return Ok(told(&mends));
    };
    let others = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    for part in parts(&program) {
        if let Some(said) = refusal(&part) {
            eprintln!("`{}` does not start: {said}", part.display());
            mends.extend(mend(&said, &others, !mends.is_empty()));
            return Ok(told(&mends));
        }
    }
    // It starts: an incomplete copy matters to the next build only.
    for mend in &mends {
        eprintln!("warning: {mend}");
    }
    process::pass_through(Command::new(program).arg("doctor").args(args))
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn told(mends: &[String]) -> ExitCode {
    println!("to mend:");
    for (at, mend) in mends.iter().enumerate() {
        println!("  {}. {mend}", at + 1);
    }
    ExitCode::FAILURE
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |path| root.join(path))
}

/// The program that was built last.
fn newest(target: &Path) -> Option<PathBuf> {
    let built = ["release", "debug"].map(|profile| target.join(profile).join("adamllm"));
    let time = |path: &PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let found = built.into_iter().filter(|path| time(path).is_some());
    found.max_by_key(time)
}

/// The program and, if it has one beside it, the engine that it executes for what needs tensors.
fn parts(program: &Path) -> Vec<PathBuf> {
    let engine = program.with_file_name("adamllm-engine");
    let mut parts = vec![program.to_path_buf()];
    parts.extend(Some(engine).filter(|path| path.exists()));
    parts
}

/// What is said instead of a version; none if the program starts.
fn refusal(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    match command.arg("--version").stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().find(|line| !line.trim().is_empty());
            Some(line.map_or_else(|| output.status.to_string(), str::to_owned))
        }
        Err(error) => Some(error.to_string()),
    }
}

/// What to do about a program that does not start; `others` is `LD_LIBRARY_PATH`.
fn mend(said: &str, others: &OsStr, has_problem: bool) -> Vec<String> {
    let mut mends = Vec::new();
    let has_libtorch = |folder: &PathBuf| LIBRARIES.iter().any(|name| folder.join(name).exists());
    for folder in std::env::split_paths(others).filter(has_libtorch) {
        mends.push(format!(
            "`LD_LIBRARY_PATH` leads to another libtorch in `{}`, which is taken first: unset it, or take that folder out",
            folder.display()
        ));
    }
    if said.contains("error while loading shared libraries") && said.contains("No such file") {
        if !has_problem {
            mends.push("make sure that libtorch is there: `cargo xtask setup`".to_owned());
        }
        mends.push(
            "if it still does not start, build again, `cargo build --release -p adamllm`: the program looks up libtorch by the \
             path of the folder that it was built with"
                .to_owned(),
        );
    } else if said.contains("symbol lookup error") || said.contains("undefined symbol") {
        mends.push(
            "the libtorch that is found is not the one of the build: `cargo xtask setup`, then build again, `cargo build \
             --release -p adamllm`"
                .to_owned(),
        );
    } else if mends.is_empty() {
        mends.push("build again, `cargo build --release -p adamllm`".to_owned());
    }
    mends
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const GONE: &str = "adamllm: error while loading shared libraries: libtorch_cpu.so: cannot open shared object file: \
                        No such file or directory";

    fn script(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("adamllm");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn hears_what_the_loader_says() {
        let folder = tempfile::tempdir().unwrap();
        let starts = script(folder.path(), "echo adamllm 0.1.0");
        assert_eq!(refusal(&starts), None);
        let stops = script(folder.path(), &format!("echo '{GONE}' >&2; exit 127"));
        assert_eq!(refusal(&stops).as_deref(), Some(GONE));
        let silent = script(folder.path(), "exit 3");
        assert_eq!(refusal(&silent).as_deref(), Some("exit status: 3"));
    }

    #[test]
    fn asks_the_engine_too_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let program = script(folder.path(), "exit 0");
        assert_eq!(parts(&program), std::slice::from_ref(&program));
        let engine = folder.path().join("adamllm-engine");
        std::fs::write(&engine, "").unwrap();
        assert_eq!(parts(&program), [program.clone(), engine]);
    }

    #[test]
    fn names_a_mend_for_each_cause() {
        let folder = tempfile::tempdir().unwrap();
        let check = |said: &str, others: &Path, parts: &[&str]| {
            let found = mend(said, others.as_os_str(), false);
            assert_eq!(found.len(), parts.len(), "{found:?}");
            for (found, part) in found.iter().zip(parts) {
                assert!(found.contains(part), "{found}");
            }
        };
        check(GONE, folder.path(), &["cargo xtask setup", "build again"]);
        let symbol = "adamllm: symbol lookup error: undefined symbol: _ZN3c105ErrorE";
        check(symbol, Path::new(""), &["is not the one of the build"]);
        std::fs::write(folder.path().join("libc10.so"), "").unwrap();
        let parts = ["unset it", "is not the one of the build"];
        check(symbol, folder.path(), &parts);
        check("killed", folder.path(), &["unset it"]);
        check("killed", Path::new(""), &["build again"]);
    }

    #[test]
    fn takes_what_was_built_last() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest(folder.path()), None);
        for (profile, seconds) in [("release", 10), ("debug", 20)] {
            let inside = folder.path().join(profile);
            std::fs::create_dir(&inside).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            let file = std::fs::File::create(inside.join("adamllm")).unwrap();
            file.set_modified(time).unwrap();
        }
        let found = newest(folder.path());
        assert_eq!(found, Some(folder.path().join("debug/adamllm")));
    }
}
