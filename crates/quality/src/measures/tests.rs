use super::spread::Tally;
use super::*;
use corpus::seed::Rng;

fn item(id: usize, exchanges: &[[&str; 2]]) -> Item {
    Item {
        id: id.to_string(),
        pair: id.to_string(),
        exchanges: exchanges
            .iter()
            .map(|both| both.map(str::to_owned))
            .collect(),
        ..Item::default()
    }
}

fn measured(items: &[Item]) -> Measures {
    let mut measurer = Measurer::new("ours", 0);
    for item in items {
        measurer.add(item);
    }
    measurer.finish()
}

#[test]
fn words_are_those_that_synthesis_counts() {
    let texts = [
        "A Red-apple, 3.5 cm.",
        "ÄPFEL und Straße",
        "…",
        "x",
        "日本 語",
        "a\u{301}b",
    ];
    for text in texts {
        let caption = "a red straße x 日本 äpfel 5";
        let (known, written) = (words::hashes(caption), words::hashes(text));
        let found = written.iter().filter(|word| !known.contains(word)).count();
        let own = (!written.is_empty()).then(|| percent::percent(found, written.len()));
        assert_eq!(
            own,
            synthesis::quality::complexity(&[text], caption),
            "{text}"
        );
        assert_eq!(words::lower(text).count(), written.len(), "{text}");
    }
}

#[test]
fn planted_duplicates_are_found() {
    let mut items = Vec::new();
    // Forty different requests, of which ten come three times more: with other case and signs, and once with another answer.
    for at in 0..40 {
        let request = format!("How would item {at} look {} in a {} room?", at * 7, at * 13);
        items.push(item(items.len(), &[[&request, "So."]]));
        if at < 10 {
            let loud = request.to_uppercase().replace('?', " !!");
            items.push(item(items.len(), &[[&loud, "so"]]));
            items.push(item(items.len(), &[[&request, "SO."]]));
            items.push(item(items.len(), &[[&request, "Not so."]]));
        }
    }
    let repeats = measured(&items).repeats;
    assert_eq!(
        (repeats.instructions, repeats.instructions_repeated),
        (70, 30)
    );
    assert_eq!(repeats.exchanges_repeated, 20);
    assert!((repeats.instructions_percent - 300.0 / 7.0).abs() < 1e-12);
    assert_eq!(repeats.near_looked_at, 40);
}

#[test]
fn near_duplicates_are_those_with_four_fifths_in_common() {
    let ten = "one two three four five six seven eight nine ten";
    // A word more: 19 shingles of 21 are common. Another last word: 17 of 21, which is more than 0.8. Another word in the
    // middle: 16 of 22, which is less.
    let cases = [("ten eleven", 2), ("zehn", 2)];
    for (end, expected) in cases {
        let other = ten.replace("ten", end);
        let items = [item(0, &[[ten, "x"]]), item(1, &[[&other, "x"]])];
        assert_eq!(measured(&items).repeats.near, expected, "{other}");
    }
    let other = ten.replace("five", "funf");
    let items = [item(0, &[[ten, "x"]]), item(1, &[[&other, "x"]])];
    assert_eq!(measured(&items).repeats.near, 0);
}

#[test]
fn most_planted_near_duplicates_are_found_among_many() {
    let mut rng = Rng::new(5);
    let mut items = Vec::new();
    for at in 0..3000 {
        let words: Vec<String> = (0..14).map(|_| format!("w{}", rng.below(5000))).collect();
        items.push(item(items.len(), &[[&words.join(" "), "x"]]));
        if at < 300 {
            // 14 words and 13 pairs; another last word leaves 25 of 29, which is 0.86.
            let other = format!("{} other{at}", words[..13].join(" "));
            items.push(item(items.len(), &[[&other, "x"]]));
        }
    }
    let repeats = measured(&items).repeats;
    assert!((590..=600).contains(&repeats.near), "{repeats:?}");
    let mut other = items;
    Rng::new(1).shuffle(&mut other);
    assert_eq!(measured(&other).repeats, repeats);
}

#[test]
fn distinct_grams_are_counted_by_hand() {
    // a b a b | b a: six 1-grams of two, four 2-grams (a b, b a, a b, b a) of two, two 3-grams, one 4-gram; none across texts.
    let found = measured(&[item(0, &[["a b A b", "x"]]), item(1, &[["b, a", "x"]])]).instructions;
    let counts: Vec<(usize, usize)> = found
        .grams
        .iter()
        .map(|grams| (grams.total, grams.distinct))
        .collect();
    assert_eq!(counts, [(6, 2), (4, 2), (2, 2), (1, 1)]);
    assert_eq!((found.texts, found.counted), (2, 2));
    assert_eq!(found.grams, found.sampled);
    assert!((found.grams[1].percent - 50.0).abs() < 1e-12);
}

#[test]
fn what_does_not_fit_is_a_sample_whatever_the_order() {
    let mut rng = Rng::new(2);
    let mut texts: Vec<(String, Vec<u64>)> = (0..500)
        .map(|at| {
            (
                at.to_string(),
                (0..=rng.below(20)).map(|_| rng.next_u64() % 50).collect(),
            )
        })
        .collect();
    let counted = |texts: &[(String, Vec<u64>)]| {
        let mut counter = distinct::Counter::bounded(1, 900);
        for (id, words) in texts {
            counter.add(words, id, 0);
        }
        counter.finish()
    };
    let expected = counted(&texts);
    assert!(
        expected.counted < 120 && expected.grams[0].total <= 900 && expected.grams[0].total > 850
    );
    for seed in 0..5 {
        Rng::new(seed).shuffle(&mut texts);
        assert_eq!(counted(&texts), expected);
    }
}

#[test]
fn copied_captions_are_seen() {
    let caption = Some("A red bowl of soup on a table.".to_owned());
    let triplet = |id, long: &str, short: &str| Item {
        caption: caption.clone(),
        informative: Some(long.to_owned()),
        precise: Some(short.to_owned()),
        ..item(id, &[["What?", long]])
    };
    let items = [
        // All nine words are the caption's, and both stand in it in a row.
        triplet(0, "a red bowl of soup on a", "Soup, on"),
        // Two of four words are the caption's; neither is a part of it.
        triplet(1, "red is", "it soup"),
        item(2, &[["No caption?", "A red bowl."]]),
    ];
    let copied = measured(&items).copied.expect("captions");
    assert_eq!((copied.mean, copied.words.count), (75.0, 2));
    let literal: Vec<(&str, usize, usize)> = copied
        .literal
        .iter()
        .map(|one| (one.answers.as_str(), one.count, one.of))
        .collect();
    assert_eq!(literal, [("informative", 1, 2), ("precise", 1, 2)]);
    assert_eq!(measured(&items[2..]).copied, None);
    let chat = Item {
        caption,
        ..item(3, &[["Describe.", "a table"], ["More?", "a chair"]])
    };
    let copied = measured(&[chat]).copied.expect("a caption");
    assert_eq!(
        (copied.mean, copied.literal[0].count, copied.literal[0].of),
        (75.0, 1, 2)
    );
}

#[test]
fn forms_of_answers() {
    let cases = [
        ("Yes.", AnswerType::YesNo),
        ("  no", AnswerType::YesNo),
        ("Yes, it is red.", AnswerType::ShortPhrase),
        ("B", AnswerType::Choice),
        ("(c)", AnswerType::Choice),
        ("C. The left lung", AnswerType::Choice),
        ("a) bone", AnswerType::Choice),
        ("A bone", AnswerType::ShortPhrase),
        ("I.e. a bone", AnswerType::ShortPhrase),
        ("12", AnswerType::Number),
        ("Three dogs.", AnswerType::Number),
        ("-3.5 °C", AnswerType::Number),
        ("25%", AnswerType::Number),
        ("1,200 kcal", AnswerType::Number),
        ("2 red bowls", AnswerType::ShortPhrase),
        ("- eggs\n- milk", AnswerType::List),
        ("First:\n1. Cut.\n2. Stir.", AnswerType::List),
        ("rice dish", AnswerType::ShortPhrase),
        ("The soup in the bowl is red.", AnswerType::Sentence),
        ("The bowl weighs 3.5 kg on the table", AnswerType::Sentence),
        (
            "It is a soup of the day. The bowl is red.",
            AnswerType::Paragraph,
        ),
        ("one\ntwo", AnswerType::Paragraph),
        ("...", AnswerType::Wordless),
        ("", AnswerType::Wordless),
    ];
    for (text, expected) in cases {
        assert_eq!(answer_type(text), expected, "{text}");
    }
    let shares = measured(&[item(
        0,
        &[["a", "Yes."], ["b", "no"], ["c", "12"], ["d", "red"]],
    )])
    .answers;
    assert_eq!(shares.len(), AnswerType::ALL.len());
    assert_eq!((shares[0].count, shares[0].percent), (2, 50.0));
    let words = AnswerType::ALL.map(|one| serde_json::to_value(one).expect("a word"));
    assert_eq!(
        words.map(|word| word.as_str().expect("text").to_owned()),
        AnswerType::WORDS.map(str::to_owned)
    );
}

#[test]
fn spreads_are_those_of_sorted_numbers() {
    let mut tally = Tally::default();
    (1..=100).for_each(|number| tally.add(number));
    let spread = tally.spread();
    assert_eq!(
        (
            spread.mean,
            spread.least,
            spread.low,
            spread.median,
            spread.high,
            spread.most
        ),
        (50.5, 1, 5, 50, 95, 100)
    );
    assert_eq!(spread.bins.iter().map(|bin| bin.count).sum::<usize>(), 100);
    assert_eq!(
        (spread.bins[0], spread.bins.len()),
        (
            Bin {
                from: 0,
                to: 4,
                count: 4
            },
            20
        )
    );
    // One long text is in the last bar and makes the others no narrower.
    let mut tally = Tally::default();
    (0..200).for_each(|at| tally.add(at % 10));
    tally.add(90_000);
    let spread = tally.spread();
    assert_eq!(
        (spread.bins.len(), spread.bins[9].to, spread.bins[9].count),
        (10, 90_000, 21)
    );
    assert_eq!(Tally::default().spread(), Spread::default());
}

#[test]
fn openings_and_counts_of_a_set() {
    let with = |item: Item, image: &str, task: &str| Item {
        images: vec![image.into()],
        task: Some(task.to_owned()),
        kept: Some(image == "a.png"),
        ..item
    };
    let items = [
        with(
            item(0, &[["What is it?", "x"], ["What IS that?", "y"]]),
            "a.png",
            "ocr",
        ),
        with(item(1, &[["Describe", "z"]]), "a.png", "VQA"),
        with(item(2, &[["what is", "z"]]), "b.png", "ocr"),
        item(3, &[["?", "z"]]),
    ];
    let found = measured(&items);
    let openings: Vec<(&str, usize, f64)> = found
        .openings
        .iter()
        .map(|one| (one.words.as_str(), one.count, one.percent))
        .collect();
    assert_eq!(openings, [("what is", 3, 60.0), ("describe", 1, 20.0)]);
    assert_eq!(
        (
            found.items,
            found.pictures,
            found.without_picture,
            found.kept
        ),
        (4, 2, 1, Some(2))
    );
    assert!((found.exchanges.mean - 1.25).abs() < 1e-12);
    let types = found.task_types.expect("names");
    assert_eq!((types.known, types.unknown), (2, 2));
    assert_eq!(found.task_names["ocr"], 2);
}

#[test]
fn self_bleu_is_given_a_seeded_sample_of_requests() {
    let items: Vec<Item> = (0..1500)
        .map(|at| item(at, &[[&format!("What is {at}?"), "x"]]))
        .collect();
    let sampled = |items: &[Item]| {
        let mut measurer = Measurer::new("ours", 0);
        for item in items {
            measurer.add(item);
        }
        let mut seen: Vec<String> = Vec::new();
        let found = measurer.finish_with(|texts| {
            seen = texts.iter().map(|text| (*text).to_owned()).collect();
            Some(0.25)
        });
        assert_eq!(found.repeats.self_bleu, Some(0.25));
        seen
    };
    let seen = sampled(&items);
    assert!(seen.len() == 1000 && seen[0].starts_with("What is "));
    let mut other = items.clone();
    other.reverse();
    assert_eq!(sampled(&other), seen);
}

#[test]
fn self_bleu_is_that_of_evaluation() {
    let same = [
        item(0, &[["a dog runs on grass", "x"]]),
        item(1, &[["a dog runs on grass", "x"]]),
    ];
    assert_eq!(measured(&same).repeats.self_bleu, Some(1.0));
    assert_eq!(measured(&same[..1]).repeats.self_bleu, None);
}
