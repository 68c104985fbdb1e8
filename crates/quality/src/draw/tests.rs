use super::*;

fn item(id: &str, pair: &str, task: Option<&str>) -> Item {
    Item {
        set: "ours".to_owned(),
        id: id.to_owned(),
        pair: pair.to_owned(),
        exchanges: vec![["What?".to_owned(), format!("It is {id}.")]],
        task: task.map(str::to_owned),
        ..Item::default()
    }
}

fn drawn(items: &[Item], draw: &Draw, source: &Source) -> (SetSample, Vec<Item>) {
    let mut drawing = Drawing::new(source, draw);
    for item in items {
        drawing.add(item);
    }
    drawing.finish().expect("drawn")
}

fn ids(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.id.as_str()).collect()
}

#[test]
fn strata_are_drawn_in_proportion_by_the_largest_remainders() {
    // 200 of 1,000: 100, 66.6, 33.4 would be quotas of these totals; the one left over goes to .6.
    assert_eq!(allocate(&[500, 333, 167], 200), [100, 67, 33]);
    // Quotas 7.77, 1.55, 0.67: floors 7, 1 and 0; the last is lifted to 1, and the one left over goes to .77.
    assert_eq!(allocate(&[70, 14, 6], 10), [8, 1, 1]);
    // Quotas 9.8, 0.1, 0.1: both small ones are lifted and the large one gives.
    assert_eq!(allocate(&[98, 1, 1], 10), [8, 1, 1]);
    // Quotas 3.33 each: the earlier gets what is left.
    assert_eq!(allocate(&[5, 5, 5], 10), [4, 3, 3]);
    // Lifting takes more than is left: floors 4, 4 and 0, 0, 0; three are lifted, and one is given by the first.
    assert_eq!(allocate(&[45, 45, 4, 3, 3], 10), [4, 3, 1, 1, 1]);
    assert_eq!(allocate(&[3, 0, 2], 10), [3, 0, 2]);
    assert_eq!(allocate(&[30, 0, 2], 10), [9, 0, 1]);
    assert_eq!(allocate(&[], 10), [0; 0]);
    // More strata than are drawn: not each can have one.
    assert_eq!(allocate(&[2, 1, 1, 1], 2).iter().sum::<usize>(), 2);
}

#[test]
fn allocation_never_gives_more_than_there_is_and_always_what_is_wanted() {
    let mut rng = corpus::seed::Rng::new(3);
    for _ in 0..2000 {
        let totals: Vec<usize> = (0..=rng.below(9)).map(|_| rng.below(60)).collect();
        let (whole, wanted) = (totals.iter().sum::<usize>(), rng.below(80));
        let given = allocate(&totals, wanted);
        assert_eq!(
            given.iter().sum::<usize>(),
            whole.min(wanted),
            "{totals:?} {wanted}"
        );
        let filled = totals.iter().filter(|&&total| total > 0).count();
        for (given, total) in given.iter().zip(&totals) {
            assert!(given <= total, "{totals:?} {wanted}");
            assert!(
                *total == 0 || *given > 0 || filled > wanted,
                "{totals:?} {wanted}"
            );
        }
    }
}

#[test]
fn neither_order_nor_shards_change_a_sample() {
    let mut items: Vec<Item> = (0..900)
        .map(|at| {
            let task = ["ocr", "caption", "vqa"][at % 3];
            item(
                &at.to_string(),
                &(at / 4).to_string(),
                Some(task).filter(|_| at % 5 > 0),
            )
        })
        .collect();
    let source = Source::new("ours", "x");
    let draw = Draw {
        count: 50,
        ..Draw::new(3)
    };
    let expected = drawn(&items, &draw, &source);
    assert_eq!(expected.1.len(), 50);
    for seed in 0..5 {
        corpus::seed::Rng::new(seed).shuffle(&mut items);
        assert_eq!(drawn(&items, &draw, &source), expected);
    }
    let other = drawn(&items, &Draw { seed: 4, ..draw }, &source);
    assert_ne!(ids(&other.1), ids(&expected.1));
    // 180 of 900 name no task, and the others 240 each: 10, and 13.33 of each.
    let shares: Vec<(&str, usize, usize)> = expected
        .0
        .strata
        .iter()
        .map(|one| (one.name.as_str(), one.total, one.drawn))
        .collect();
    assert_eq!(
        shares,
        [
            ("", 180, 10),
            ("caption", 240, 14),
            ("ocr", 240, 13),
            ("vqa", 240, 13)
        ]
    );
}

#[test]
fn the_same_as_when_all_is_sorted_at_once() {
    // What a bounded memory keeps, against the whole set in order: pairs by their hash, one item each, then a second.
    let mut rng = corpus::seed::Rng::new(9);
    for round in 0..60 {
        let num_pairs = 1 + rng.below(40);
        let items: Vec<Item> = (0..rng.below(200))
            .map(|at| item(&at.to_string(), &rng.below(num_pairs).to_string(), None))
            .collect();
        let count = rng.below(50);
        let mut pairs: BTreeMap<u64, BTreeMap<u64, &Item>> = BTreeMap::new();
        for item in &items {
            let pair = corpus::seed::hash(round, &format!("pair {}", item.pair));
            let place = corpus::seed::hash(round, &format!("item ours\n{}", item.id));
            pairs.entry(pair).or_default().insert(place, item);
        }
        let most = pairs.values().map(BTreeMap::len).max().unwrap_or(0);
        let ranked =
            (0..most).flat_map(|rank| pairs.values().filter_map(move |of| of.values().nth(rank)));
        let expected: Vec<&str> = ranked.take(count).map(|item| item.id.as_str()).collect();
        let draw = Draw {
            count,
            ..Draw::new(round)
        };
        let (_, found) = drawn(&items, &draw, &Source::new("ours", "x"));
        assert_eq!(ids(&found), expected, "round {round}");
    }
}

#[test]
fn sets_about_one_domain_draw_the_same_pairs() {
    let of_set = |set: &str, skip: usize| -> Vec<Item> {
        let all = (0..500).filter(|at| at % skip > 0);
        all.map(|at| Item {
            set: set.to_owned(),
            ..item(&format!("{set} {at}"), &at.to_string(), None)
        })
        .collect()
    };
    let draw = Draw {
        count: 40,
        ..Draw::new(1)
    };
    let pairs = |items: &[Item]| -> BTreeSet<String> {
        items.iter().map(|item| item.pair.clone()).collect()
    };
    let whole = drawn(&of_set("a", 1000), &draw, &Source::new("a", "x")).1;
    let part = drawn(&of_set("b", 10), &draw, &Source::new("b", "x")).1;
    let (whole, part) = (pairs(&whole), pairs(&part));
    assert_eq!((whole.len(), part.len()), (40, 40));
    // A tenth of the pairs is not in the second set.
    assert!(
        whole.intersection(&part).count() >= 30,
        "{whole:?} {part:?}"
    );
}

#[test]
fn a_filter_is_measured_on_as_many_of_both() {
    let items: Vec<Item> = (0..400)
        .map(|at| Item {
            kept: Some(at % 4 > 0).filter(|_| at < 390),
            ..item(&at.to_string(), "one pair", None)
        })
        .collect();
    let source = Source::new("ours", "x").of_filter();
    let (set, found) = drawn(&items, &Draw::new(2), &source);
    let shares: Vec<(&str, usize, usize)> = set
        .strata
        .iter()
        .map(|one| (one.name.as_str(), one.total, one.drawn))
        .collect();
    // 98 of the first 390 were dropped; ten were not judged.
    assert_eq!(shares, [("kept", 292, 100), ("dropped", 98, 98)]);
    assert!(set.is_of_filter && set.total == 390);
    assert_eq!(
        found.iter().filter(|item| item.kept == Some(false)).count(),
        98
    );
    let short = set.short(&Draw::new(2)).expect("short");
    assert_eq!(
        short,
        "set `ours`: 100 kept and 98 dropped were drawn where 100 of each were asked for"
    );
    let unjudged = Drawing::new(&source, &Draw::new(2))
        .finish()
        .expect_err("not judged");
    assert!(
        unjudged.to_string().contains("no verdict of a filter"),
        "{unjudged}"
    );
}

#[test]
fn every_item_is_as_likely_where_a_filter_is_measured() {
    // One pair with thirty items and two with five: drawn item by item, each item is in every fourth sample.
    let items: Vec<Item> = (0..40)
        .map(|at| Item {
            kept: Some(true),
            ..item(
                &at.to_string(),
                if at < 30 { "many" } else { ["a", "b"][at % 2] },
                None,
            )
        })
        .collect();
    let source = Source::new("ours", "x").of_filter();
    let mut counts = vec![0; 40];
    for seed in 0..4000 {
        let draw = Draw {
            each: 10,
            ..Draw::new(seed)
        };
        for item in drawn(&items, &draw, &source).1 {
            counts[item.id.parse::<usize>().expect("a number")] += 1;
        }
    }
    // 1,000 expected, standard deviation 27.
    assert!(
        counts.iter().all(|count| (880..1120).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn more_kinds_than_items_are_no_strata() {
    let items: Vec<Item> = (0..100)
        .map(|at| item(&at.to_string(), &at.to_string(), Some(&at.to_string())))
        .collect();
    let draw = Draw {
        count: 10,
        ..Draw::new(0)
    };
    let (set, found) = drawn(&items, &draw, &Source::new("ours", "x"));
    assert_eq!(
        (set.strata.len(), set.strata[0].name.as_str(), found.len()),
        (1, "", 10)
    );
}

#[test]
fn keys_say_neither_set_nor_maker_and_a_samples_id_no_place() {
    let one = |folder: &str| {
        let items = vec![
            Item {
                images: vec![format!("{folder}/a.png").into()],
                ..item("secret", "p", None)
            },
            Item {
                set: "other".to_owned(),
                ..item("secret", "p", None)
            },
        ];
        sample(5, Vec::new(), items)
    };
    let (here, there) = (one("/here"), one("/there"));
    assert_eq!(here.id, there.id);
    assert_eq!((here.id.len(), here.items[0].key.len()), (16, 16));
    assert_ne!(here.items[0].key, here.items[1].key);
    assert_eq!(here.items[0].key, there.items[0].key);
    // SHA-256 of `[5,"ours","secret"]`, computed apart.
    assert_eq!(here.items[0].key, KEY);
    let mut changed = here.items.clone();
    changed[1].exchanges[0][1].push('!');
    assert_ne!(sample(5, Vec::new(), changed).id, here.id);
}

const KEY: &str = "4ff84f13ed059f7e";

#[test]
fn few_items_are_all_drawn_and_it_is_said() {
    let items: Vec<Item> = (0..7).map(|at| item(&at.to_string(), "p", None)).collect();
    let (set, found) = drawn(&items, &Draw::new(0), &Source::new("ours", "x"));
    assert_eq!((set.total, found.len()), (7, 7));
    assert_eq!(
        set.short(&Draw::new(0)).expect("short"),
        "set `ours`: it has 7 items where 200 were asked for"
    );
}
