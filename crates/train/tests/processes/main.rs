//! Trainings of several processes: against one process, against themselves, and against what befalls one of them.

mod launch;
#[path = "../suite/support.rs"]
#[expect(dead_code, reason = "another suite uses the rest")]
mod support;

use std::path::Path;

use train::{Config, Gradients, Masters, OptimizerDevice, OptimizerState, Scheduler, Sharding};

use crate::launch::{Job, Of, Outcome, alone, together};

const BOTH: [Sharding; 2] = [Sharding::None, Sharding::Optimizer];

#[test]
fn a_process_of_several() {
    launch::work();
}

fn config(steps: usize) -> Config {
    Config {
        micro_tokens: 40,
        weight_decay: 0.1,
        scheduler: Scheduler::Linear,
        ..Config::small(3e-3, 6, steps)
    }
}

/// How far losses lie apart at most, as a share of them.
fn apart(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len());
    let pairs = one.iter().zip(other);
    pairs.map(|(a, b)| ((a - b) / a).abs()).fold(0.0, f64::max)
}

/// All processes tell the same, but for what each keeps and what it says of errors.
fn same_in_all(outcomes: &[Vec<Outcome>], at: usize) -> &Outcome {
    let first = &outcomes[0][at];
    for other in outcomes {
        let told = |outcome: &Outcome| {
            let dropped = outcome.dropped.clone();
            let learned = outcome.learned.clone();
            let validated = outcome.validated.to_bits();
            let weights = outcome.weights.clone();
            (outcome.steps.clone(), weights, dropped, learned, validated)
        };
        assert_eq!(told(&other[at]), told(first));
    }
    first
}

fn sharded(job: &Job) -> Vec<Job> {
    let with = |sharding| job.with(|job| job.sharding = sharding);
    BOTH.map(with).to_vec()
}

/// Trainings of which each of four processes keeps less than a third of the state.
fn states() -> Vec<Job> {
    let single = |of| Job::new(of, config(1)).with(|job| job.sharding = Sharding::Optimizer);
    let mut all = [Of::F32, Of::Bf16, Of::TopHeavy].map(single).to_vec();
    all.push(all[1].with(|job| job.config.optimizer_state = OptimizerState::EightBit));
    all
}

/// What is started takes more time than what it computes, so that one start has many trainings.
#[test]
fn losses_are_those_of_one_process_and_state_is_shared_out() {
    const STEPS: usize = 50;
    let exact = Job::new(Of::F64, config(STEPS));
    let single = Job::new(Of::F32, config(STEPS));
    let other = single.with(|job| job.config.micro_tokens = 1000);
    let (in_f64, in_f32) = (alone(&exact), alone(&single));
    let spread = apart(&in_f32.losses(), &alone(&other).losses());
    assert!(in_f64.errors.is_empty() && in_f64.dropped == ["k"]);
    // Each sharding once, f64 twice.
    let mut jobs = sharded(&exact);
    jobs.extend(sharded(&exact));
    jobs.extend(sharded(&single));
    let states = states();
    // A batch of fewer samples than there are processes.
    let few = exact.with(|job| {
        job.config.batch_size = 2;
        job.config.max_steps = Some(8);
    });
    let few_alone = alone(&few).losses();
    for size in [2, 4] {
        let more = [sharded(&few), states.clone()].concat();
        let more = if size == 4 { &more[..] } else { &[] };
        let outcomes = together(size, &[&jobs, more].concat());
        if size == 4 {
            for at in jobs.len()..jobs.len() + 2 {
                let found = apart(&few_alone, &same_in_all(&outcomes, at).losses());
                assert!(found <= 1e-10, "{found:e}");
            }
            for (job, at) in states.iter().zip(jobs.len() + 2..) {
                let whole = alone(job).state_bytes as f64;
                let shares = outcomes
                    .iter()
                    .map(|own| own[at].state_bytes as f64 / whole);
                let most = shares.fold(0.0, f64::max);
                println!("state of job {at}: {most:.3}");
                assert!(most <= 0.3, "job {at}: {most}");
            }
        }
        for (at, job) in jobs.iter().enumerate() {
            let found = same_in_all(&outcomes, at);
            let (expected, most) = match job.of {
                Of::F64 => (&in_f64, 1e-10),
                _ => (&in_f32, 2.0 * spread),
            };
            let found_apart = apart(&expected.losses(), &found.losses());
            let told = format!("{size} processes, job {at}: {found_apart:e} for {most:e}");
            println!("{told}");
            assert!(found_apart <= most, "{told}");
            assert_eq!(
                (&found.learned, &found.dropped),
                (&expected.learned, &expected.dropped)
            );
            assert!(apart(&[expected.validated], &[found.validated]) <= most.max(1e-6));
            if (2..4).contains(&at) {
                let bits = |at: usize| (&outcomes[0][at].steps, &outcomes[0][at].weights);
                assert_eq!(bits(at), bits(at - 2), "{size}, the same twice");
            }
        }
    }
}

/// Every choice of the optimizer's memory, by what it is chosen for.
fn choices() -> Vec<(Of, Config)> {
    let change = |of: Of, change: fn(&mut Config)| {
        let mut config = config(8);
        change(&mut config);
        (of, config)
    };
    vec![
        change(Of::F32, |c| c.optimizer_state = OptimizerState::EightBit),
        change(Of::F32, |c| c.optimizer_device = OptimizerDevice::Cpu),
        change(Of::F64, |c| c.optimizer_state = OptimizerState::Bf16),
        change(Of::Bf16, |_| {}),
        change(Of::Bare, |_| {}),
        change(Of::Bare, |c| c.masters = Masters::None),
        change(Of::Bf16, |c| c.gradients = Gradients::Bf16),
        change(Of::Bf16, |c| c.masters = Masters::None),
        change(Of::Bf16, |c| {
            c.gradients = Gradients::Bf16;
            c.masters = Masters::None;
            c.optimizer_state = OptimizerState::EightBit;
        }),
    ]
}

fn lora() -> model::Lora {
    model::Lora {
        rank: 2,
        alpha: 4.0,
        dropout: 0.1,
        targets: Vec::new(),
        rslora: false,
    }
}

#[test]
fn every_choice_goes_on_in_the_same_bits_with_either_sharding() {
    let temporary = tempfile::tempdir().expect("a folder");
    let (mut whole, mut resumed) = (Vec::new(), Vec::new());
    for (at, (of, config)) in choices().into_iter().enumerate() {
        for (sharding, mut job) in sharded(&Job::new(of, config)).into_iter().enumerate() {
            let folder = temporary.path().join(format!("{at}-{sharding}"));
            job.save = Some((4, folder.clone()));
            whole.push(job.clone());
            resumed.push(job.with(|job| (job.save, job.resume) = (None, Some(folder))));
        }
    }
    let adapter = Job::new(
        Of::F32,
        Config {
            lora: Some(lora()),
            ..config(8)
        },
    );
    let folder = temporary.path().join("adapter");
    whole.push(adapter.with(|job| job.save = Some((4, folder.clone()))));
    resumed.push(adapter.with(|job| job.resume = Some(folder)));
    let jobs = [whole.clone(), resumed].concat();
    let outcomes = together(3, &jobs);
    for (at, job) in whole.iter().enumerate() {
        let straight = same_in_all(&outcomes, at);
        let again = same_in_all(&outcomes, whole.len() + at);
        assert_eq!(straight.errors, [""; 0], "job {at}");
        assert_eq!(straight.steps[4..], again.steps, "job {at}");
        assert_eq!(straight.weights, again.weights, "job {at}");
        let one = alone(&job.with(|job| job.save = None));
        let found = apart(&one.losses(), &straight.losses());
        assert!(found < 0.05, "job {at}: {found}");
    }
}

#[test]
fn a_checkpoint_is_gone_on_from_by_any_number_of_processes() {
    const STEPS: usize = 12;
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = |name: &str| temporary.path().join(name);
    let job = Job::new(Of::F64, config(STEPS));
    let mut jobs = sharded(&job);
    jobs[0].save = Some((5, folder("none")));
    jobs[1].save = Some((5, folder("optimizer")));
    let saved = together(4, &jobs);
    let expected = same_in_all(&saved, 0).losses();
    let one = alone(&job.with(|job| job.save = Some((5, folder("one")))));
    assert!(apart(&one.losses(), &expected) <= 1e-10);
    let files = |name: &str| {
        let entries = std::fs::read_dir(folder(name)).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let optimizer = |n: usize| format!("optimizer-0000{n}-of-00004.safetensors");
    assert_eq!(files("none"), files("optimizer"));
    assert!((1..5).all(|n| files("none").contains(&optimizer(n))));
    assert!(files("one").contains(&"optimizer.safetensors".to_owned()));

    let resumed: Vec<Job> = ["none", "optimizer", "one"]
        .into_iter()
        .flat_map(|name| sharded(&job.with(|job| job.resume = Some(folder(name)))))
        .collect();
    let check = |outcome: &Outcome, size: usize| {
        assert_eq!(outcome.errors, [""; 0], "{size}");
        let found = apart(&expected[5..], &outcome.losses());
        assert!(found <= 1e-10, "{size}: {found:e}");
    };
    for job in &resumed {
        check(&alone(job), 1);
    }
    for size in [2, 3] {
        let outcomes = together(size, &resumed);
        for at in 0..resumed.len() {
            check(same_in_all(&outcomes, at), size);
        }
    }
}

#[test]
fn what_befalls_one_process_befalls_all() {
    let temporary = tempfile::tempdir().expect("a folder");
    let in_the_way = temporary.path().join("in-the-way");
    std::fs::write(temporary.path().join("in-the-way.part"), "").expect("written");
    let job = Job::new(Of::F64, config(6));
    let calm = job.with(|job| job.sharding = Sharding::Optimizer);
    let jobs = [
        calm.clone(),
        calm.with(|job| job.broken = Some(4)),
        calm.with(|job| job.stop = Some((1, 3))),
        calm.with(|job| job.save = Some((2, in_the_way))),
        calm.with(|job| job.config.lora = Some(lora())),
    ];
    let outcomes = together(2, &jobs);
    let expected = same_in_all(&outcomes, 0);
    let errors = |at: usize| -> Vec<&[String]> {
        let of = outcomes.iter().map(|process| &process[at].errors[..]);
        of.collect()
    };
    assert!(errors(0).iter().all(|errors| errors.is_empty()));

    // The one that has it names it, the other says who failed.
    let mut told: Vec<String> = errors(1).concat();
    told.sort_by_key(String::len);
    assert_eq!(told[0], "sample `e`: its picture is missing");
    let failed = errors(1).iter().position(|errors| errors[0] == told[0]);
    let failed = failed.expect("one of them");
    assert_eq!(
        told[1],
        format!("the process of rank {failed} failed: {}", told[0])
    );
    for errors in errors(2) {
        assert_eq!(errors, ["stopped on the way to step 3"]);
    }
    let [first, second] = errors(3)[..] else {
        panic!("two processes");
    };
    assert!(first[0].contains("in-the-way.part"), "{first:?}");
    assert!(
        second[0].starts_with("the process of rank 0 failed"),
        "{second:?}"
    );
    for at in 1..4 {
        let found = same_in_all(&outcomes, at);
        assert_eq!(
            (&found.steps, &found.weights),
            (&expected.steps, &expected.weights)
        );
    }
    for errors in errors(4) {
        assert!(
            errors[0].contains("set `sharding = \"none\"`"),
            "{errors:?}"
        );
    }
}

#[test]
fn a_process_that_dies_ends_the_others_and_all_go_on_from_the_checkpoint() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path().join("checkpoint-3");
    let job = Job::new(Of::F32, config(8)).with(|job| job.sharding = Sharding::Optimizer);
    let dies = job.with(|job| {
        job.save = Some((3, folder.clone()));
        job.die = Some((1, 6));
    });
    let outcomes = together(2, &[job.clone(), dies]);
    assert!(outcomes[1].is_empty());
    let [straight, left] = &outcomes[0][..] else {
        panic!("two jobs");
    };
    assert_eq!(left.steps, straight.steps[..5]);
    let told = &left.errors[0];
    assert!(told.starts_with("the processes lost each other"), "{told}");
    let resumed = together(2, &[job.with(|job| job.resume = Some(folder))]);
    let found = same_in_all(&resumed, 0);
    assert_eq!(found.steps, straight.steps[3..]);
    assert_eq!(found.weights, straight.weights);
}

#[test]
fn a_damaged_part_is_refused_by_all() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path().join("checkpoint-2");
    let part = folder.join("optimizer-00002-of-00003.safetensors");
    let job = Job::new(Of::F64, config(3));
    let mut jobs = vec![job.with(|job| job.save = Some((2, folder.clone())))];
    let resumes = job.with(|job| job.resume = Some(folder.clone()));
    jobs.extend(sharded(&resumes));
    jobs[1].damage = Some(part.clone());
    let outcomes = together(3, &jobs);
    let untouched = alone(&job.with(|job| job.resume = Some(Path::new("nowhere").to_owned())));
    let check = |outcome: &Outcome| {
        let told = &outcome.errors[0];
        assert!(told.contains("optimizer-00002-of-00003"), "{told}");
        assert_eq!(outcome.weights, untouched.weights, "nothing is changed");
    };
    for process in &outcomes {
        assert!(process[0].errors.is_empty());
        process[1..].iter().for_each(check);
    }
    check(&alone(&resumes));
    std::fs::remove_file(&part).expect("removed");
    check(&alone(&resumes));
}
