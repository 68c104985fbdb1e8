//! The set-up against a pip that is a script, with wheels of a few bytes.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::*;

/// A cache, a wheel and a pip that hands it out.
struct Stage {
    folder: tempfile::TempDir,
    bundle: Bundle,
    tools: Tools,
}

impl Stage {
    /// `pip` is the body of a shell script; `$DEST` is the folder for downloads, `$HERE` has the wheel.
    fn new(pip: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("small.whl");
        let script = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as archive:
    for name in ('torch/lib/libtorch_cpu.so', 'torch/lib/libtorch_cuda.so', 'torch/include/c10/a.h'):
        archive.writestr(zipfile.ZipInfo(name), name)
";
        let status = Command::new("python3")
            .arg("-c")
            .arg(script)
            .arg(&wheel)
            .status()
            .unwrap();
        assert!(status.success());
        let sha256 = digest::hex(&digest::of_path(&wheel).unwrap());
        let bundle = Bundle {
            name: "small",
            title: "a small bundle",
            wheels: vec![Wheel {
                requirement: "small==1".into(),
                file: "small.whl".into(),
                sha256,
            }],
            libraries: &["torch/lib/libtorch_cpu.so"],
            headers: "torch/include/",
            written: &[("torch/build-version", "1\n")],
        };
        let script = folder.path().join("pip");
        let here = folder.path().display();
        let text = format!(
            "[ \"$1\" = --version ] && exit 0\nHERE='{here}'\necho call >>\"$HERE/calls\"\n\
             while [ $# -gt 0 ]; do [ \"$1\" = --dest ] && DEST=$2; shift; done\n{pip}\n"
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let words =
            |words: &[&std::ffi::OsStr]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let tools = Tools {
            // Started through the shell: a script just written may be refused as still open.
            pip: vec![
                vec!["/no/such/python".into()],
                words(&["sh".as_ref(), script.as_os_str()]),
            ],
            python: vec![vec!["python3".into()]],
        };
        Stage {
            folder,
            bundle,
            tools,
        }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn install(&self) -> Result<PathBuf> {
        install(&self.bundle, &self.cache(), &self.tools)
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.folder.path().join("calls"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    /// The set-up fails with a sentence that has `part`, and leaves nothing but its lock.
    fn check_failure(&self, part: &str) {
        let error = format!("{:#}", self.install().unwrap_err());
        assert!(error.contains(part), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        for entry in fs::read_dir(self.cache()).unwrap() {
            assert_eq!(entry.unwrap().file_name(), "small.lock");
        }
    }
}

const GOOD: &str = "cp \"$HERE/small.whl\" \"$DEST\"";

#[test]
fn keeps_only_what_is_needed() {
    let stage = Stage::new(GOOD);
    let folder = stage.install().unwrap();
    assert_eq!(
        fs::read_to_string(folder.join("torch/lib/libtorch_cpu.so")).unwrap(),
        "torch/lib/libtorch_cpu.so"
    );
    assert_eq!(
        fs::read_to_string(folder.join("torch/build-version")).unwrap(),
        "1\n"
    );
    assert!(folder.join("torch/include/c10/a.h").is_file());
    assert!(!folder.join("torch/lib/libtorch_cuda.so").exists());
    assert_eq!(
        fs::read_dir(stage.cache()).unwrap().count(),
        2,
        "the copy and its lock"
    );
}

#[test]
fn fetches_once() {
    let stage = Stage::new(GOOD);
    stage.install().unwrap();
    stage.install().unwrap();
    assert_eq!(stage.calls(), 1);
}

#[test]
fn lets_one_of_two_at_once_fetch() {
    let stage = Stage::new(GOOD);
    std::thread::scope(|scope| {
        let both = [
            scope.spawn(|| stage.install()),
            scope.spawn(|| stage.install()),
        ];
        for one in both {
            one.join().unwrap().unwrap();
        }
    });
    assert_eq!(stage.calls(), 1);
}

#[test]
fn fetches_again_what_was_damaged_or_left_half_done() {
    let stage = Stage::new(GOOD);
    let partial = stage.cache().join("small.partial-1/wheels");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("small.whl"), "half").unwrap();
    let library = stage.install().unwrap().join("torch/lib/libtorch_cpu.so");
    assert!(!partial.exists());
    fs::write(&library, "").unwrap();
    stage.install().unwrap();
    assert_eq!(
        fs::read_to_string(library).unwrap(),
        "torch/lib/libtorch_cpu.so"
    );
    assert_eq!(stage.calls(), 2);
}

#[test]
fn says_that_pip_is_missing() {
    let mut stage = Stage::new(GOOD);
    stage.tools.pip = vec![vec!["/no/such/pip".into()]];
    stage.check_failure("pip was not found");
}

#[test]
fn says_that_the_checksum_is_wrong() {
    Stage::new("echo other >\"$DEST/small.whl\"").check_failure("wrong checksum");
}

#[test]
fn says_that_a_wheel_is_missing() {
    Stage::new("exit 0").check_failure("pip did not give `small.whl`");
}

#[test]
fn says_that_there_is_no_network() {
    Stage::new(
        "echo 'WARNING: Retrying after NewConnectionError(...): Temporary failure in name resolution' >&2
         echo 'ERROR: No matching distribution found for small==1' >&2
         exit 1",
    )
    .check_failure("could not reach the Python package index");
}

#[test]
fn says_that_the_index_has_nothing() {
    Stage::new(
        "echo 'ERROR: Could not find a version that satisfies the requirement small==1 (from versions: none)' >&2
         echo 'ERROR: No matching distribution found for small==1' >&2
         exit 1",
    )
    .check_failure("could not be reached or lacks these wheels");
}

#[test]
fn says_that_the_disk_is_full() {
    Stage::new(
        "echo half >\"$DEST/small.whl\"
         echo 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device' >&2
         exit 1",
    )
    .check_failure("/cache` is full");
}

#[test]
fn repeats_what_pip_says_otherwise() {
    Stage::new("printf 'ERROR: No matching distribution found for small==1\\nnote\\n' >&2; exit 1")
        .check_failure("`ERROR: No matching distribution found for small==1`");
}

#[test]
fn says_that_the_cache_cannot_be_written() {
    let stage = Stage::new(GOOD);
    fs::write(stage.cache(), "a file where the folder should be").unwrap();
    let error = stage.install().unwrap_err().to_string();
    assert!(error.contains("set XDG_CACHE_HOME"), "{error}");
}
