//! What `auto` stands for, by the machine.

use std::path::Path;

use super::super::*;
use super::surroundings;

fn processor(vendor: &str, family: u32, features: &[&str]) -> Processor {
    Processor {
        vendor: vendor.to_owned(),
        family,
        features: features.iter().map(|&f| f.to_owned()).collect(),
    }
}

#[test]
fn bf16_is_chosen_where_it_was_measured_to_be_faster() {
    let plain = Processor::default();
    assert_eq!(Automatic::on(DeviceKind::Gpu, &plain).dtype, Dtype::Bf16);
    for (vendor, family, features, expected) in [
        // An Intel Xeon whose AMX was hidden took 1.7 times as long in bf16, with AMX half as long.
        ("GenuineIntel", 6, &["avx2", "avx512_bf16"][..], Dtype::F32),
        ("GenuineIntel", 6, &["avx512_bf16", "amx_bf16"], Dtype::Bf16),
        // Zen 5: 1.5 times as fast in bf16. Zen 4 and older ones were not measured.
        ("AuthenticAMD", 26, &["avx512_bf16"], Dtype::Bf16),
        ("AuthenticAMD", 25, &["avx512_bf16"], Dtype::F32),
        ("AuthenticAMD", 23, &["avx2"], Dtype::F32),
        ("", 0, &[], Dtype::F32),
    ] {
        let found = Automatic::on(DeviceKind::Cpu, &processor(vendor, family, features));
        assert_eq!(found.dtype, expected, "{vendor} {family} {features:?}");
        assert!(!found.why.is_empty());
    }
}

/// What is written down, and every key, has the dtype itself.
#[test]
fn auto_becomes_the_dtype_of_the_machine() {
    let dtype = |text: &str, automatic: Dtype| {
        let surroundings = Surroundings {
            automatic: Automatic {
                dtype: automatic,
                why: "a reason".to_owned(),
            },
            ..surroundings()
        };
        let found = resolve(text, &[], Path::new("."), &surroundings).expect("valid");
        let resolved = found["model.dtype"].clone();
        (
            resolved.value.as_str().unwrap_or_default().to_owned(),
            resolved.origin.to_string(),
        )
    };
    let word = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    for text in ["", "[model]\ndtype = \"auto\""] {
        assert_eq!(dtype(text, Dtype::Bf16), word("bf16", "auto: a reason"));
        assert_eq!(dtype(text, Dtype::F32), word("f32", "auto: a reason"));
    }
    let given = "[model]\ndtype = \"f32\"";
    assert_eq!(dtype(given, Dtype::Bf16), word("f32", "recipe"));
    // The demo's settings were chosen in f32.
    let (demo, origin) = dtype("[model]\ncheckpoint = \"demo\"", Dtype::Bf16);
    assert_eq!(demo, "f32");
    assert!(origin.starts_with("preset: recipes/demo.toml"), "{origin}");
}

#[test]
fn a_memory_budget_has_a_unit() {
    let read = |memory: &str| {
        let text =
            format!("[model]\ncheckpoint = \"demo\"\nmemory = {memory}\n[data]\npairs = \".\"\n");
        Recipe::read(&text, &[], Path::new("."), &surroundings())
    };
    let budget = |memory: &str| read(memory).expect("valid").memory;
    assert_eq!(budget("\"12GB\""), Some(12_000_000_000));
    assert_eq!(budget("\"1.5 GiB\""), Some(3 << 29));
    for wrong in ["\"12\"", "12", "\"a lot\""] {
        let errors = read(wrong).expect_err("no size").join("\n");
        assert!(
            errors.contains("`model.memory`") && errors.contains("\"800MB\""),
            "{errors}"
        );
    }
}
