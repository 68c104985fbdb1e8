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

/// A file system of its own: too small to begin with, and then filled by somebody else at one stage after another.
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
    // The last three are starts beside somebody who takes all that is left as soon as a stage has begun. Where it had begun in
    // the start before, there is nothing left from the beginning, and the start is refused.
    let script = format!(
        "mount -t tmpfs -o size=24m tmpfs '{run}' || exit 9\n\
         if {line} 2> said; then exit 8; fi\n\
         echo \"small $(grep -c 'GB are free in' said) $(ls '{run}' | grep -c -e pairs -e recipe.json)\"\n\
         mount -o remount,size=400m '{run}' || exit 9\n\
         for stage in tune-synthesizer synthesize train; do\n\
         (for i in $(seq 3000); do test -e '{run}'/$stage/begun.json && break; sleep 0.01; done; \
         cat /dev/zero > '{run}/filler' 2> /dev/null) &\n\
         if {line} 2> said; then echo \"$stage done\"; else\n\
         echo \"$stage failed: $(grep -c -e 'No space left' -e 'GB are free in' said) $(grep -c 'a bug in' said) $(head -c 2000 said | tail -n 2 | tr '\\n' ' ')\"; fi\n\
         wait; rm -f '{run}/filler'\n\
         done\n\
         {line} 2> said || {{ cat said; exit 7; }}\n\
         cp -r '{run}' '{kept}'",
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
    // What cannot have room is refused before anything is written.
    assert!(said.contains("small 1 0"), "{said}");
    let failed: Vec<&str> = said.lines().filter(|l| l.contains("failed")).collect();
    assert!(!failed.is_empty(), "{said}");
    for line in failed {
        assert!(line.contains("failed: 1 0 "), "{line}");
    }
    assert_same(&expected, &results(&kept));
}
