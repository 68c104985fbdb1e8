//! No space left, at every write of a run in turn: what was done before stays, and the next start goes on.

use std::process::{Command, Output};

use crate::program::text;
use crate::run::{Small, assert_same, results};

/// Runs a script of bash, which is on every machine that builds this.
fn bash(script: &str) -> Output {
    let output = Command::new("bash").args(["-c", script]).output();
    output.expect("bash starts")
}

/// The command line of the run, quoted.
fn line(small: &Small) -> String {
    let command = small.command();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_string_lossy()));
    quoted.collect::<Vec<_>>().join(" ")
}

fn undisturbed(small: &Small) -> std::collections::BTreeMap<String, Vec<u8>> {
    let output = small.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found = results(&small.path("run"));
    std::fs::remove_dir_all(small.path("run")).expect("remove");
    found
}

/// Each start may write no file larger than the limit, as if the disk were full from there on.
#[test]
fn files_that_cannot_be_written_are_named_and_the_next_start_goes_on() {
    let small = Small::new();
    let expected = undisturbed(&small);
    let mut failures = 0;
    // In KiB: nothing, records, the judge, the base, a synthesizer, its moments, everything.
    for limit in [0, 40, 300, 6000, 12_000, 20_000, 40_000] {
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec {}", line(&small));
        let output = bash(&script);
        if output.status.success() {
            continue;
        }
        failures += 1;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{limit}: {said}");
        assert!(
            said.contains("error: ") && said.contains("File too large") && said.contains('`'),
            "{limit}: {said}"
        );
        assert!(
            !said.contains("panicked") && !said.contains("a bug in"),
            "{said}"
        );
    }
    assert!(
        failures >= 3,
        "only {failures} of the limits were too small"
    );
    let output = small.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_same(&expected, &results(&small.path("run")));
}

/// A file system of its own that grows a little before each start.
#[test]
fn a_small_file_system_loses_nothing() {
    let small = Small::new();
    let run = small.path("run");
    std::fs::create_dir(&run).expect("run folder");
    let allowed = bash(&format!(
        "unshare -rm mount -t tmpfs -o size=1m tmpfs '{}'",
        run.display()
    ));
    if !allowed.status.success() {
        eprintln!(
            "skipped: no file system can be mounted here ({})",
            text(&allowed.stderr).trim()
        );
        return;
    }
    std::fs::remove_dir(&run).expect("remove");
    let expected = undisturbed(&small);
    std::fs::create_dir(&run).expect("run folder");
    let kept = small.path("kept");
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs '{run}' || exit 9\n\
         for size in 1 8 14 20 24 30 36 44 52 60 80 100 120 200; do\n\
         mount -o remount,size=${{size}}m '{run}' || exit 9\n\
         if {line} 2> said; then echo \"$size done\"; cp -r '{run}' '{kept}'; exit 0; fi\n\
         echo \"$size failed: $(grep -c 'No space left' said) $(grep -c 'a bug in' said) $(head -c 2000 said | tail -n 2 | tr '\\n' ' ')\"\n\
         done; exit 8",
        run = run.display(),
        kept = kept.display(),
        line = line(&small),
    );
    let output = Command::new("unshare")
        .args(["-rm", "bash", "-c", &script])
        .current_dir(small.folder.path())
        .output()
        .expect("unshare starts");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    let failed: Vec<&str> = said.lines().filter(|l| l.contains("failed")).collect();
    assert!(failed.len() >= 3, "{said}");
    for line in failed {
        assert!(line.contains("failed: 1 0 "), "{line}");
    }
    assert_same(&expected, &results(&kept));
}
