use std::collections::BTreeSet;

use super::*;
use crate::show::{pair, show, triplet};

const TEA: [&str; 3] = ["What <image> is it?", "It steams.", "tea"];

fn mixed(options: &MixOptions) -> Outcome<Sample> {
    let mut own = pair("b", "A loaf.");
    own.request = Some("<image>\nName the food.".to_owned());
    mix(
        &[pair("a", "A cup of <image> tea."), own],
        &[triplet("a", TEA)],
        &[],
        options,
        &Prompts::default(),
    )
}

fn one(found: &Outcome<Sample>, id: &str) -> String {
    show(found.items.iter().find(|s| s.id == id).expect("sample"))
}

#[test]
fn both_tasks_share_a_conversation_and_only_responses_are_learned() {
    let found = mixed(&MixOptions::default());
    insta::assert_snapshot!(one(&found, "a"), @r"
    a [a.png]
    user! <image>\nWhat is it?
    assistant* It steams. Therefore, the answer is tea
    user Which things are in this image, and what can be said about them?
    assistant* A cup of <image> tea.
    ");
    insta::assert_snapshot!(one(&found, "b"), @r"
    b [b.png]
    user! <image>\nName the food.
    assistant* A loaf.
    ");
    assert!(found.rejected.is_empty());
    let tea = found.items.iter().find(|s| s.id == "a").expect("sample");
    assert_eq!(
        (&tea.origin["triplet"], &tea.origin["caption"]),
        (&json!("a/1"), &json!("last"))
    );
}

#[test]
fn the_caption_stands_first_about_half_the_time_when_random() {
    let ids: Vec<String> = (0..200).map(|i| i.to_string()).collect();
    let pairs: Vec<Pair> = ids.iter().map(|id| pair(id, "A cup.")).collect();
    let triplets: Vec<Triplet> = ids.iter().map(|id| triplet(id, TEA)).collect();
    let options = MixOptions {
        caption_position: CaptionPosition::Random,
        ..MixOptions::default()
    };
    let found = mix(&pairs, &triplets, &[], &options, &Prompts::default());
    let first = found
        .items
        .iter()
        .filter(|s| s.turns[1].text == "A cup.")
        .count();
    assert!((70..130).contains(&first), "{first}");
    for sample in &found.items {
        let marks: Vec<bool> = sample.turns.iter().map(|t| t.marks).collect();
        assert_eq!(marks, [true, false, false, false]);
        assert_eq!(sample.turns[0].text.matches("<image>").count(), 1);
    }
    let requests: BTreeSet<&str> = found
        .items
        .iter()
        .flat_map(|s| &s.turns)
        .filter(|t| t.role == Role::User)
        .map(|t| &*t.text)
        .collect();
    assert!(requests.len() > 20, "{requests:?}");
}

#[test]
fn switches_leave_their_task_out() {
    let caption = mixed(&MixOptions {
        synthetic: false,
        ..MixOptions::default()
    });
    assert!(caption.items.iter().all(|s| s.turns.len() == 2) && caption.items.len() == 2);
    let synthetic = mixed(&MixOptions {
        caption: false,
        ..MixOptions::default()
    });
    assert_eq!(
        (synthetic.items.len(), synthetic.rejected[0].reason.as_str()),
        (1, "no-triplet")
    );
    assert_eq!(synthetic.items[0].turns.len(), 2);
    let dropped = mixed(&MixOptions {
        without_triplet: WithoutTriplet::Drop,
        ..MixOptions::default()
    });
    assert_eq!(
        (dropped.items.len(), dropped.rejected[0].id.as_str()),
        (1, "b")
    );
    let precise = mixed(&MixOptions {
        caption: false,
        answers: Answers::Precise,
        ..MixOptions::default()
    });
    assert_eq!(precise.items[0].turns[1].text, "tea");
}

#[test]
fn what_cannot_be_used_is_counted() {
    let mut bare = pair("c", "x");
    bare.images.clear();
    let triplets = [triplet("z", TEA), triplet("a", TEA), triplet("a", TEA)];
    let found = mix(
        &[pair("a", " "), pair("b", ""), bare],
        &triplets,
        &[],
        &MixOptions::default(),
        &Prompts::default(),
    );
    let reasons: Vec<_> = found
        .rejected
        .iter()
        .map(|r| (&*r.id, &*r.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            ("z/1", "unknown-pair"),
            ("a/1", "second-triplet"),
            ("b", "empty-caption"),
            ("c", "no-image")
        ]
    );
    assert_eq!(found.items.len(), 1);
}

#[test]
fn general_samples_come_in_proportion_and_again_when_used_up() {
    let general: Vec<Sample> = mixed(&MixOptions::default()).items;
    let pairs: Vec<Pair> = (0..10).map(|i| pair(&i.to_string(), "A cup.")).collect();
    let options = MixOptions {
        general_ratio: 0.5,
        ..MixOptions::default()
    };
    let found = mix(&pairs, &[], &general, &options, &Prompts::default());
    let ids: BTreeSet<&str> = found
        .items
        .iter()
        .map(|s| &*s.id)
        .filter(|i| i.starts_with("general/"))
        .collect();
    assert_eq!((found.items.len(), ids.len()), (15, 5));
    assert!(
        ids.contains("general/a/2") && ids.contains("general/b/2"),
        "{ids:?}"
    );
    assert_ne!(
        found.items[..10]
            .iter()
            .filter(|s| s.id.starts_with("general/"))
            .count(),
        0
    );
}

#[test]
fn two_stages_hold_captions_and_tasks_apart_or_captions_twice() {
    let pairs = [pair("a", "A cup."), pair("b", "A loaf.")];
    let triplets = [triplet("a", TEA)];
    let (options, prompts) = (MixOptions::default(), Prompts::default());
    let tasks = synthetic_tasks(&triplets, &options, &prompts);
    let stages = |reuse| two_stage(&pairs, &tasks, &[], &options, reuse, &prompts);
    let apart = stages(false);
    assert_eq!(
        (apart.caption.items.len(), apart.synthetic.items.len()),
        (2, 1)
    );
    assert_eq!(apart.synthetic.items[0].turns.len(), 2);
    let reused = stages(true);
    assert_eq!(
        reused
            .synthetic
            .items
            .iter()
            .map(|s| s.turns.len())
            .sum::<usize>(),
        6
    );
}

#[test]
fn several_pictures_have_a_mark_each() {
    let mut two = pair("a", "Before and after.");
    two.images.push("after.png".into());
    let found = mix(
        &[two],
        &[triplet("a", TEA)],
        &[],
        &MixOptions::default(),
        &Prompts::default(),
    );
    assert!(
        found.items[0].turns[0]
            .text
            .starts_with("<image><image>\nWhat is it?")
    );
}

#[test]
fn a_conversation_of_several_exchanges_stays_in_order() {
    let exchange = |q: &str, a: &str| [q.to_owned(), a.to_owned()];
    let task = SyntheticTask {
        id: "a/1".to_owned(),
        pair: "a".to_owned(),
        exchanges: vec![
            exchange("What is it?", "Tea."),
            exchange("Is it hot?", "It steams."),
        ],
        template: "conversation".to_owned(),
        origin: serde_json::Value::Null,
    };
    let found = mix_tasks(
        &[pair("a", "A cup.")],
        &[task],
        &[],
        &MixOptions::default(),
        &Prompts::default(),
    );
    let said: Vec<&str> = found.items[0]
        .turns
        .iter()
        .filter(|t| t.learn)
        .map(|t| t.text.as_str())
        .collect();
    assert_eq!(said, ["Tea.", "It steams.", "A cup."]);
    let marks: Vec<bool> = found.items[0].turns.iter().map(|t| t.marks).collect();
    assert_eq!(marks, [true, false, false, false, false, false]);
}

/// The text of the only sample of a pair with `answers` and `joiner`.
fn answered(answers: Answers, joiner: Joiner, plain: [&str; 2]) -> String {
    let mut prompts = Prompts::default();
    let [user, assistant] = plain.map(str::to_owned);
    prompts.joiners.plain = vec![crate::prompts::JoinTemplate { user, assistant }];
    let options = MixOptions {
        caption: false,
        answers,
        joiner,
        ..MixOptions::default()
    };
    let triplets = [triplet("a", TEA)];
    let found = mix(&[pair("a", "A cup.")], &triplets, &[], &options, &prompts);
    one(&found, "a")
}

#[test]
fn one_answer_alone_is_a_plain_question() {
    let plain = ["Task: {instruction}", "Response: {response}"];
    let paper = |answers| answered(answers, Joiner::Paper, plain);
    insta::assert_snapshot!(paper(Answers::Precise), @r"
    a [a.png]
    user! <image>\nWhat is it?
    assistant* tea
    ");
    insta::assert_snapshot!(paper(Answers::Informative), @r"
    a [a.png]
    user! <image>\nWhat is it?
    assistant* It steams.
    ");
    insta::assert_snapshot!(paper(Answers::Joined), @r"
    a [a.png]
    user! <image>\nWhat is it?
    assistant* It steams. Therefore, the answer is tea
    ");
    let varied = |answers| answered(answers, Joiner::Varied, plain);
    insta::assert_snapshot!(varied(Answers::Precise), @r"
    a [a.png]
    user! <image>\nTask: What is it?
    assistant* Response: tea
    ");
    insta::assert_snapshot!(varied(Answers::Informative), @r"
    a [a.png]
    user! <image>\nTask: What is it?
    assistant* Response: It steams.
    ");
}

#[test]
fn templates_of_a_single_answer_are_drawn_from_the_plain_ones() {
    let prompts = Prompts::default();
    let options = MixOptions {
        answers: Answers::Precise,
        joiner: Joiner::Varied,
        ..MixOptions::default()
    };
    let ids: Vec<String> = (0..300).map(|i| i.to_string()).collect();
    let triplets: Vec<Triplet> = ids.iter().map(|id| triplet(id, TEA)).collect();
    let tasks = synthetic_tasks(&triplets, &options, &prompts);
    let drawn: BTreeSet<&str> = tasks.iter().map(|task| task.template.as_str()).collect();
    assert_eq!(drawn.len(), prompts.joiners.plain.len());
    assert!(drawn.iter().all(|name| name.starts_with("precise plain-")));
    let told = |task: &SyntheticTask| task.exchanges[0][1].contains("tea");
    assert!(tasks.iter().all(told), "{tasks:?}");
    assert!(
        !tasks
            .iter()
            .any(|task| task.exchanges[0][1].contains("steams"))
    );
}
