//! A plan first, and planned against measured afterwards.

use serde_json::Value;

use crate::program::text;
use crate::run::Small;

#[test]
fn a_run_is_planned_and_measured_against_its_plan() {
    let small = Small::new();
    let planned = || {
        let output = small.run(&["--dry-run", "--json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let plan: Value = serde_json::from_slice(&output.stdout).expect("json");
        plan
    };
    let plan = planned();
    let stages = plan["stages"].as_array().expect("stages");
    let names: Vec<&str> = stages.iter().filter_map(|s| s["stage"].as_str()).collect();
    let all = "tune-synthesizer synthesize filter mix train evaluate report";
    assert_eq!(names.join(" "), all);
    assert!(stages.iter().all(|s| s["skipped"] == false), "{plan}");
    assert_eq!(stages[0]["counts"]["samples"], 40);
    assert_eq!(stages[0]["counts"]["steps"], 4);
    assert_eq!(stages[1]["counts"]["requests"], 9);
    for part in ["weights", "gradients", "moments"] {
        assert!(
            plan["memory"][part].as_u64().is_some_and(|n| n > 1_000_000),
            "{plan}"
        );
    }
    assert!(plan["free_disk"].as_u64().is_some_and(|n| n > 0), "{plan}");
    for stage in names {
        assert!(!small.path("run").join(stage).exists(), "{stage} was begun");
    }

    let output = small.run(&[]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("planned against measured") && said.contains("steps 4, 4"),
        "{said}"
    );

    let plan = planned();
    let skipped = |s: &Value| s["skipped"] == true && s["why"] == "done before";
    assert!(
        plan["stages"]
            .as_array()
            .expect("stages")
            .iter()
            .all(skipped),
        "{plan}"
    );
    let output = small.run(&["--dry-run", "--set", "train.max_steps=2"]);
    let told = text(&output.stdout);
    assert!(
        told.contains("`train.max_steps` was 4, is 2") && told.contains("builds on `train`"),
        "{told}"
    );
}
