//! The order of the ways, which of them is taken, and devices.

use super::*;
use crate::recipe::training::Sharding;
use crate::recipe::{DeviceKind, Dtype};

fn planner(name: &str) -> Planner {
    let model = model(&published(name).0);
    let load = Load::most(&model, 2048, 2048);
    Planner::new(model, Dtype::Bf16, &[], load)
}

fn texts(device: &Device, dtype: Dtype) -> Vec<String> {
    order(device, dtype).iter().map(Choices::text).collect()
}

#[test]
fn ways_that_keep_the_bits_come_first_and_of_these_the_fastest() {
    let found = order(&device("24GB"), Dtype::Bf16);
    let texts: Vec<String> = found.iter().map(Choices::text).collect();
    assert_eq!(
        texts[..7],
        [
            "plain",
            "recompute = \"cheap\"",
            "optimizer_device = \"cpu\"",
            "recompute = \"cheap\", optimizer_device = \"cpu\"",
            "recompute = \"blocks\"",
            "recompute = \"blocks\", optimizer_device = \"cpu\"",
            "gradients = \"bf16\"",
        ]
    );
    assert!(found[..6].iter().all(Choices::keep_bits));
    assert!(!found[6..].iter().any(Choices::keep_bits));
    assert!(found.iter().all(|one| one.lora.is_none()));
    let last = texts.last().map(String::as_str);
    let smallest = "recompute = \"blocks\", gradients = \"bf16\", optimizer_state = \"8bit\", masters = \"none\"";
    assert_eq!(last, Some(smallest));
    assert_eq!(texts.len(), 24);
}

#[test]
fn a_host_has_no_host_and_f32_is_its_own_master() {
    let host = texts(&device("host:24GB"), Dtype::F32);
    assert_eq!(host.len(), 9);
    for key in ["optimizer_device", "gradients", "masters"] {
        assert!(!host.iter().any(|text| text.contains(key)), "{host:?}");
    }
    assert_eq!(texts(&device("host:24GB"), Dtype::Bf16).len(), 18);
}

#[test]
fn the_first_that_fits_is_taken() {
    let planner = planner("qwen2-vl-2b-instruct");
    let said = Said::default();
    let chosen = |text: &str| planner.fit(&device(text), &said).expect("fits");
    // What each takes is of the arithmetic; that the first that fits is taken, and no one before it does, is of this test.
    for text in ["host:64GB", "48GB", "24GB", "16GB"] {
        let device = device(text);
        let found = chosen(text);
        let ways = order(&device, Dtype::Bf16);
        let at = ways.iter().position(|one| *one == found.row.choices);
        let before = &ways[..at.expect("one of them")];
        assert!(found.row.total <= device.for_tensors());
        for one in before {
            assert!(!planner.row(one.clone(), &device, 1).fits, "{}", one.text());
        }
        assert_eq!(found.better.is_none(), before.is_empty());
    }
    assert_eq!(chosen("host:64GB").row.choices, Choices::default());
    let why = chosen("24GB").text(&device("24GB"));
    assert!(
        why.contains("a GPU of 24.0 GB gives tensors 21.6 GB") && why.contains("before it"),
        "{why}"
    );
}

#[test]
fn what_a_recipe_says_stays() {
    let planner = planner("qwen2-vl-2b-instruct");
    let said = Said {
        choices: Choices::default()
            .with("optimizer_state", "8bit")
            .expect("known"),
        fixed: vec!["optimizer_state", "gradients", "optimizer_device"],
        ..Said::default()
    };
    let found = planner.fit(&device("host:32GB"), &said).expect("fits");
    let choices = &found.row.choices;
    assert_eq!(choices.optimizer_state, OptimizerState::EightBit);
    assert_eq!(choices.gradients, Gradients::F32);
    assert_eq!(choices.optimizer_device, OptimizerDevice::Model);
}

#[test]
fn the_host_of_a_gpu_is_checked_apart() {
    let planner = planner("qwen2-vl-2b-instruct");
    let offloaded = Choices::default()
        .with("optimizer_device", "cpu")
        .expect("known");
    let row = |text: &str| planner.row(offloaded.clone(), &device(text), 1);
    let (small, large) = (row("48GB+host:16GB"), row("48GB+host:64GB"));
    assert_eq!(small.needs, large.needs);
    assert!(large.needs.host > 16_000_000_000);
    assert!(!small.fits && large.fits && row("48GB").fits);
}

#[test]
fn where_nothing_fits_it_is_said_what_would() {
    let planner = planner("llama-3.2-11b-vision-instruct");
    let small = device("24GB");
    let nothing = planner
        .fit(&small, &Said::default())
        .expect_err("too small");
    let text = nothing.text("train", &small);
    for part in [
        "`[train]` has no way that fits",
        "a device of ",
        "`train.fit = \"off\"`",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let larger = device("32GB");
    let nothing = planner
        .fit(&larger, &Said::default())
        .expect_err("too small");
    let text = nothing.text("train", &larger);
    assert!(
        text.contains("`[train.lora]` and below it `rank = 16`"),
        "{text}"
    );
    // The device that it names is enough.
    let named = text.split("a device of ").nth(1).expect("named");
    let size: f64 = named
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("GB");
    let enough = device(&format!("{}GB", size + 0.1));
    assert!(planner.row(nothing.least.choices.clone(), &enough, 1).fits);
}

#[test]
fn devices_are_written_as_people_say_them() {
    assert_eq!(device("24GB"), Device::new(DeviceKind::Gpu, 24_000_000_000));
    assert_eq!(
        device("host:11.5GiB"),
        Device::new(DeviceKind::Cpu, 12_348_030_976)
    );
    let several = device("8x80GB");
    assert_eq!((several.count, several.total), (8, 80_000_000_000));
    let with_host = device("24GB+host:64GB");
    assert_eq!(with_host.host, Some(64_000_000_000));
    assert_eq!(with_host.for_tensors(), 21_600_000_000);
    let list = Device::list("24GB, host:24GB,8x80GB").expect("three");
    assert_eq!(list.len(), 3);
    for wrong in [
        "24",
        "GB",
        "0x80GB",
        "x80GB",
        "host:",
        "24GB+64GB",
        "a 4090",
        "",
    ] {
        let error = wrong.parse::<Device>().expect_err(wrong).to_string();
        assert!(
            error.contains("`24GB`") && error.contains("`8x80GB`"),
            "{error}"
        );
    }
}

#[test]
fn several_devices_are_a_line_of_their_own() {
    let planner = planner("open-llava-next-llama3-8b");
    let rows = planner.rows(&device("8x80GB"), None);
    let parted: Vec<&Row> = rows.iter().filter(|row| row.shards > 1).collect();
    assert!(parted.iter().all(|row| row.shards == 8));
    // Weights, sums of gradients in f32 and those of one microbatch are whole in each.
    assert!(parted.iter().any(|row| row.fits) && !parted[0].fits);
    let fit = planner
        .fit(&device("8x80GB"), &Said::default())
        .expect("fits");
    assert_eq!(fit.row.shards, 8);
    let whole = Said {
        sharding: Sharding::None,
        ..Said::default()
    };
    let alone = planner.fit(&device("8x80GB"), &whole).expect("fits");
    assert_eq!(alone.row.shards, 1);
    assert!(!rows[0].fits);
    assert!(
        planner
            .rows(&device("80GB"), None)
            .iter()
            .all(|row| row.shards == 1)
    );
}
