use super::*;

#[test]
fn shipped_prompts_hold_what_the_method_needs() {
    let prompts = Prompts::default();
    assert_eq!(
        prompts.synthesizer.hint_precise,
        "Answer with a precise response."
    );
    for verdict in [Consistency::Yes, Consistency::No, Consistency::Open] {
        let count = prompts
            .judge
            .examples
            .iter()
            .filter(|e| e.verdict == verdict)
            .count();
        assert_eq!(count, 2, "{verdict:?}");
    }
    assert!(prompts.captioning.requests.len() >= 12);
    assert!(prompts.joiners.plain.len() >= 12 && prompts.joiners.reasoned.len() >= 12);
    for (name, version) in prompts.versions() {
        let expected = if name == "rubrics" { "2" } else { "1" };
        assert_eq!(version, expected, "{name}");
    }
    // The lists have the paper's lengths.
    assert_eq!(prompts.rubrics.task_type.options.len(), 20);
    assert_eq!(prompts.rubrics.image_domain.options.len(), 20);
}

#[test]
fn an_override_changes_its_keys_and_the_version_only() {
    let prompts = Prompts::with_overrides("[judge.labels]\nverdict = 'Urteil'").expect("prompts");
    assert_eq!(prompts.judge.labels.verdict, "Urteil");
    assert_eq!(
        prompts.judge.labels.precise,
        Prompts::default().judge.labels.precise
    );
    assert!(prompts.judge.version.starts_with("1+"));
    assert_eq!(prompts.joiners, Prompts::default().joiners);
    let named = Prompts::with_overrides("[extraction]\nversion = 'mine'").expect("prompts");
    assert_eq!(named.extraction.version, "mine");
}

#[test]
fn a_wrong_override_says_what_to_write() {
    let cases = [
        ("x", "not valid TOML"),
        ("[judgement]", "`extraction`"),
        ("judge = 3", "not a table"),
        ("[synthesizer]\nhint = 'a'", "unknown field `hint`"),
        (
            "[synthesizer]\nhint_precise = 'a\\nb'\nhint_informative = \"a\\nb\"",
            "one line",
        ),
        (
            "[synthesizer]\nhint_precise = 'a'\nhint_informative = 'a'",
            "must differ",
        ),
        ("[synthesizer]\ncaption_request = ' '", "is empty"),
        ("[captioning]\nrequests = []", "at least one"),
        (
            "[extraction]\nrequest = '{instruction}'",
            "no place `{text}`",
        ),
        ("[joiners]\npaper = '{precise}'", "no place `{informative}`"),
        ("[joiners]\nplain = []", "has no template"),
        (
            "[rubrics]\ngroup = '{tasks} {question} {options} {form}'",
            "no place `{count}`",
        ),
        (
            "[rubrics.task_type]\noptions = []",
            "`rubrics.task_type.options` must have at least one",
        ),
    ];
    for (text, part) in cases {
        let message = Prompts::with_overrides(text).expect_err(text).to_string();
        assert!(message.contains(part), "{text}: {message}");
    }
}
