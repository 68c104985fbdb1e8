use std::fs;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn key(number: u64) -> String {
    corpus::digest::bytes(&number.to_le_bytes())
}

fn open(own: &Path) -> Cache {
    Cache::open(own, None).expect("a cache")
}

fn only_file(folder: &Path) -> PathBuf {
    let files = folder::files(folder).expect("a folder");
    let [file] = &files[..] else {
        panic!("one file, not {files:?}");
    };
    file.clone()
}

#[test]
fn what_was_put_is_found_again() {
    let folder = tempfile::tempdir().expect("folder");
    let own = folder.path().join("answers");
    let cache = open(&own);
    assert_eq!(cache.get(&key(1)).expect("read"), None);
    for number in 0..10 {
        let answer = json!({"text": format!("{number}\n\"ü\""), "n": number});
        assert_eq!(cache.put(&key(number), &answer).expect("put"), answer);
    }
    let again = open(&own);
    assert_eq!((cache.len(), again.len(), again.damaged()), (10, 10, 0));
    for cache in [&cache, &again] {
        for number in 0..10 {
            let found = cache.get(&key(number)).expect("read").expect("an answer");
            assert_eq!(found["text"], format!("{number}\n\"ü\""));
        }
    }
    // Who only reads leaves no file.
    only_file(&own);
    again.put(&key(3), &json!("later")).expect("put");
    assert_eq!(open(&own).get(&key(3)).expect("read"), Some(json!("later")));
    assert_eq!(open(&own).len(), 10);
}

#[test]
fn numbers_are_the_same_in_this_run_and_in_later_ones() {
    let folder = tempfile::tempdir().expect("folder");
    let cache = open(folder.path());
    let mut rng = corpus::seed::Rng::new(3);
    let numbers: Vec<f64> = (0..2000)
        .map(|_| -f64::from_bits(rng.next_u64() >> 12 | 0x3fe0_0000_0000_0000).ln())
        .collect();
    let put = cache.put(&key(0), &json!(numbers)).expect("put");
    let found = cache.get(&key(0)).expect("read").expect("an answer");
    let later = open(folder.path()).get(&key(0)).expect("read");
    assert_eq!((&put, Some(&put)), (&found, later.as_ref()));
    let shared = tempfile::tempdir().expect("folder");
    Cache::open(shared.path(), Some(folder.path()))
        .expect("a cache")
        .get(&key(0))
        .expect("read");
    let copied = open(shared.path()).get(&key(0)).expect("read");
    assert_eq!(Some(put), copied);
}

#[test]
fn a_torn_line_is_passed_over_and_a_damaged_one_is_counted() {
    let folder = tempfile::tempdir().expect("folder");
    let cache = open(folder.path());
    for number in 0..3 {
        cache.put(&key(number), &json!([number])).expect("put");
    }
    let file = only_file(folder.path());
    let whole = fs::read_to_string(&file).expect("read");
    let check = |text: &str, damaged: u64, found: [bool; 3], damaged_after: u64| {
        fs::write(&file, text).expect("written");
        let cache = open(folder.path());
        assert_eq!(cache.damaged(), damaged);
        for (number, expected) in (0..).zip(found) {
            let answer = cache.get(&key(number)).expect("read");
            assert_eq!(answer, expected.then(|| json!([number])), "{number}");
        }
        assert_eq!(cache.damaged(), damaged_after);
    };
    check(&whole, 0, [true, true, true], 0);
    check(&whole[..whole.len() - 1], 0, [true, true, false], 0);
    check(&whole[..whole.len() - 60], 0, [true, true, false], 0);
    check(&format!("{whole}\n\n"), 0, [true, true, true], 0);
    check(
        &whole.replacen("\"key\"", "\"kez\"", 1),
        1,
        [false, true, true],
        1,
    );
    // Where it still looks like a line, its sum tells.
    check(&whole.replace("[1]", "[7]"), 0, [true, false, true], 1);
    check(&whole.replace("[1]", "[1"), 0, [true, false, true], 1);
    // A second half of a line is none.
    check(&whole[20..], 1, [false, true, true], 1);
    // A damaged answer is asked for again.
    fs::write(&file, whole.replace("[1]", "[7]")).expect("written");
    let cache = open(folder.path());
    assert_eq!(cache.get(&key(1)).expect("read"), None);
    cache.put(&key(1), &json!("again")).expect("put");
    assert_eq!(
        open(folder.path()).get(&key(1)).expect("read"),
        Some(json!("again"))
    );
}

#[test]
fn runs_share_a_folder_at_the_same_time() {
    let folder = tempfile::tempdir().expect("folder");
    let [a, b, shared] = ["a", "b", "shared"].map(|name| folder.path().join(name));
    let first = Cache::open(&a, Some(&shared)).expect("a cache");
    let second = Cache::open(&b, Some(&shared)).expect("a cache");
    for number in 0..100 {
        let cache = if number % 2 == 0 { &first } else { &second };
        cache.put(&key(number), &json!(number)).expect("put");
    }
    assert_eq!((open(&a).len(), open(&b).len()), (50, 50));
    assert_eq!(folder::files(&shared).expect("read").len(), 2);
    drop((first, second));
    let third = Cache::open(&folder.path().join("c"), Some(&shared)).expect("a cache");
    assert_eq!((third.len(), third.damaged()), (100, 0));
    for number in 0..10 {
        assert_eq!(third.get(&key(number)).expect("read"), Some(json!(number)));
        assert_eq!(third.get(&key(number)).expect("read"), Some(json!(number)));
    }
    third.sync().expect("on the disk");
    // What it got is its own now, once, and needs no shared folder.
    fs::remove_dir_all(&shared).expect("removed");
    let own = open(&folder.path().join("c"));
    assert_eq!(
        (own.len(), own.get(&key(9)).expect("read")),
        (10, Some(json!(9)))
    );
    let text = fs::read_to_string(only_file(&folder.path().join("c"))).expect("read");
    assert_eq!(text.lines().count(), 10);
}

#[test]
fn one_folder_for_both_is_one_folder() {
    let folder = tempfile::tempdir().expect("folder");
    let cache = Cache::open(folder.path(), Some(folder.path())).expect("a cache");
    cache.put(&key(1), &json!(1)).expect("put");
    let text = fs::read_to_string(only_file(folder.path())).expect("read");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_file_that_is_gone_costs_its_answers_and_no_more() {
    let folder = tempfile::tempdir().expect("folder");
    open(folder.path()).put(&key(1), &json!(1)).expect("put");
    let cache = open(folder.path());
    fs::remove_file(only_file(folder.path())).expect("removed");
    assert_eq!(cache.get(&key(1)).expect("no error"), None);
    assert_eq!((cache.len(), cache.damaged()), (0, 1));
}

#[test]
fn what_cannot_be_read_or_is_no_key_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("file"), "").expect("written");
    let error = Cache::open(&folder.path().join("file/answers"), None).expect_err("a file");
    assert!(error.to_string().starts_with("cannot write"), "{error}");
    let error = open(folder.path()).get("abc").expect_err("no key");
    assert_eq!(
        error.to_string(),
        "`abc` is no key of an answer; keys are 64 hexadecimal digits in lower case"
    );
}

/// What can happen to the bytes of a file.
#[derive(Clone, Debug)]
enum Harm {
    Change(u8),
    Remove(usize),
    Insert(Vec<u8>),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_harmed_file_never_gives_another_answer(
        harms in proptest::collection::vec(
            (
                0.0..1.0_f64,
                prop_oneof![
                    (1..=255_u8).prop_map(Harm::Change),
                    (1..400_usize).prop_map(Harm::Remove),
                    proptest::collection::vec(any::<u8>(), 1..20).prop_map(Harm::Insert),
                    Just(Harm::Insert(b"\n".to_vec())),
                ],
            ),
            1..4,
        ),
    ) {
        let folder = tempfile::tempdir().expect("folder");
        let cache = open(folder.path());
        for number in 0..8 {
            cache.put(&key(number), &json!({"n": number, "text": "x".repeat(20)})).expect("put");
        }
        let file = only_file(folder.path());
        let mut bytes = fs::read(&file).expect("read");
        for (place, harm) in &harms {
            let at = (place * bytes.len() as f64) as usize;
            match harm {
                Harm::Change(by) => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= by;
                    }
                }
                Harm::Remove(length) => drop(bytes.drain(at..bytes.len().min(at + length))),
                Harm::Insert(what) => drop(bytes.splice(at..at, what.iter().copied())),
            }
        }
        fs::write(&file, bytes).expect("written");
        let cache = open(folder.path());
        let mut found = 0;
        for number in 0..8 {
            if let Some(answer) = cache.get(&key(number)).expect("no error") {
                prop_assert_eq!(answer, json!({"n": number, "text": "x".repeat(20)}));
                found += 1;
            }
        }
        // A harm reaches a few lines and no more.
        prop_assert!(found + 4 * harms.len() >= 8, "{} found", found);
    }
}
