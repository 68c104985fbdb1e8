use corpus::SeedTask;

use super::*;
use crate::show::{show, show_turns};

fn seed(id: &str, tasks: &[[&str; 3]]) -> Seed {
    let task = |t: &[&str; 3]| {
        let [instruction, informative, precise] = t.map(str::to_owned);
        SeedTask {
            instruction,
            informative,
            precise,
        }
    };
    Seed {
        id: id.to_owned(),
        images: vec![format!("{id}.png").into()],
        caption: "A red kettle on a stove.".to_owned(),
        task: None,
        tasks: tasks.iter().map(task).collect(),
    }
}

fn options(input: Input, share: f64) -> SeedOptions<'static> {
    SeedOptions {
        input,
        blank: Some(Blank {
            path: Path::new("white.png"),
            share,
        }),
        seed: 1,
    }
}

const KETTLE: [&str; 3] = ["<image>\nWhich colour is it?", "The kettle is red.", "red"];

#[test]
fn everything_after_the_caption_is_learned() {
    let found = seed_samples(
        &[seed("a", &[KETTLE])],
        options(Input::Both, 0.0),
        &Prompts::default(),
    );
    insta::assert_snapshot!(show(&found.items[0]), @r"
    a [a.png]
    user! <image>\nDescribe the image.
    assistant A red kettle on a stove.
    user* Answer with an informative response.\nWhich colour is it?
    assistant* The kettle is red.
    user* Answer with a precise response.\nWhich colour is it?
    assistant* red
    end*
    ");
}

#[test]
fn both_turn_orders_occur_and_stay_for_a_seed() {
    let seeds: Vec<Seed> = (0..200).map(|i| seed(&i.to_string(), &[KETTLE])).collect();
    let found = seed_samples(&seeds, options(Input::Both, 0.0), &Prompts::default());
    let precise_first = found
        .items
        .iter()
        .filter(|s| s.turns[2].text.contains("precise"))
        .count();
    assert!((70..130).contains(&precise_first), "{precise_first}");
    // The order of the file does not matter, only the id does.
    let alone = seed_samples(&seeds[7..8], options(Input::Both, 0.0), &Prompts::default());
    assert_eq!(alone.items[0], found.items[7]);
}

#[test]
fn about_the_share_of_pictures_is_blank_and_captions_stay() {
    let seeds: Vec<Seed> = (0..1000).map(|i| seed(&i.to_string(), &[KETTLE])).collect();
    let found = seed_samples(&seeds, options(Input::Both, 0.1), &Prompts::default());
    let blank: Vec<&Sample> = found
        .items
        .iter()
        .filter(|s| s.origin["blank"] == true)
        .collect();
    assert!((70..130).contains(&blank.len()), "{}", blank.len());
    for sample in blank {
        assert_eq!(sample.images, [Path::new("white.png")]);
        assert_eq!(sample.turns[1].text, "A red kettle on a stove.");
    }
    let alone = seed_samples(&seeds, options(Input::Image, 1.0), &Prompts::default());
    assert!(
        alone
            .items
            .iter()
            .all(|s| s.origin["blank"] == false && s.images.len() == 1)
    );
}

#[test]
fn other_inputs_leave_their_part_out() {
    let opening = |input| {
        let found = seed_samples(
            &[seed("a", &[KETTLE])],
            options(input, 0.0),
            &Prompts::default(),
        );
        (
            found.items[0].images.len(),
            show_turns(&found.items[0].turns[..2]),
        )
    };
    assert_eq!(
        opening(Input::Image),
        (
            1,
            "user! <image>\\nDescribe the image.\nassistant Ready.\n".to_owned()
        )
    );
    assert_eq!(
        opening(Input::Caption),
        (
            0,
            "user! Describe the image.\nassistant A red kettle on a stove.\n".to_owned()
        )
    );
    assert_eq!(
        opening(Input::None),
        (
            0,
            "user! Describe the image.\nassistant Ready.\n".to_owned()
        )
    );
}

#[test]
fn tasks_without_a_part_are_counted() {
    let seeds = [
        seed("a", &[["Q?", "", "x"], KETTLE]),
        seed("b", &[["<image>", "x", "y"]]),
    ];
    let found = seed_samples(&seeds, options(Input::Both, 0.0), &Prompts::default());
    assert_eq!(found.items.len(), 1);
    let reasons: Vec<_> = found
        .rejected
        .iter()
        .map(|r| (r.id.as_str(), r.reason.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [("a", "empty-part"), ("b", "empty-part"), ("b", "no-task")]
    );
}

#[test]
fn splits_within_each_task() {
    let seeds: Vec<Seed> = (0..60)
        .map(|i| Seed {
            task: Some(["x", "y", "z"][i % 3].to_owned()),
            ..seed(&i.to_string(), &[KETTLE])
        })
        .collect();
    let (tuning, held) = split_seeds(&seeds, 0.1, 3);
    assert_eq!((tuning.len(), held.len()), (54, 6));
    for task in ["x", "y", "z"] {
        assert_eq!(
            held.iter()
                .filter(|s| s.task.as_deref() == Some(task))
                .count(),
            2
        );
    }
    assert!(tuning.iter().all(|t| held.iter().all(|h| h.id != t.id)));
}
