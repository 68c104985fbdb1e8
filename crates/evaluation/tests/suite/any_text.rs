//! No text breaks a scorer, and every score lies on the scale.

use corpus::seed::Rng;
use evaluation::metrics::{
    Bleu, Choices, Names, choice, cider, exact_match, list_overlap, normalise, read_yes_no,
    rouge_l, short_answer, token_overlap, top1,
};
use evaluation::reference;

/// Letters of many scripts, marks, controls, combining and astral characters.
fn text(rng: &mut Rng) -> String {
    let ranges = [
        (0x20, 0x7e),
        (0x20, 0x7e),
        (0x0, 0x1f),
        (0x80, 0x24f),
        (0x300, 0x36f),
        (0x900, 0x97f),
        (0x4e00, 0x4e30),
    ];
    let more = [
        (0x600, 0x669),
        (0x2000, 0x206f),
        (0x1f300, 0x1f64f),
        (0xff01, 0xff5e),
        (0xe000, 0xe010),
    ];
    let all: Vec<(usize, usize)> = ranges.into_iter().chain(more).collect();
    (0..rng.below(40))
        .filter_map(|_| {
            let (first, last) = *rng.choose(&all);
            char::from_u32((first + rng.below(last - first + 1)) as u32)
        })
        .collect()
}

#[test]
fn scores_anything() {
    let mut rng = Rng::new(5);
    for _ in 0..3000 {
        let (a, b, c) = (text(&mut rng), text(&mut rng), text(&mut rng));
        let names = Names::new(&[&a, &b, &c]);
        let choices = Choices::lettered(&[&b, &c, &a]).expect("three options");
        let mut scores = vec![
            exact_match(&a, &b).value,
            short_answer(&a, &b, &names).value,
            100.0 * rouge_l(&a, &b).f1,
            100.0 * token_overlap(&a, &b).f1,
            Bleu::new(&a, &[&b, &c]).sentence(),
            10.0 * cider(&[(&a, vec![&b]), (&b, vec![&c])])[0],
            100.0 * reference::open_recall(&a, &b),
            100.0 * reference::rouge_l(&a, &b).unwrap_or(0.0),
        ];
        scores.extend(choice(&a, &choices, &b).map(|s| s.value));
        scores.extend(top1(&a, &names, &b).map(|s| s.value));
        scores.extend(list_overlap(&a, &names, &[&b]).map(|o| 100.0 * o.f1));
        assert!(
            scores.iter().all(|s| (0.0..=100.0 + 1e-9).contains(s)),
            "{scores:?} {a:?} {b:?} {c:?}"
        );
        let (read, again) = (read_yes_no(&a), read_yes_no(&normalise(&a)));
        assert_eq!(read, again, "{a:?}");
        let normal = normalise(&a);
        assert!(
            !normal.starts_with(' ') && !normal.ends_with(' ') && !normal.contains("  "),
            "{a:?}"
        );
        reference::choice(&a, &[("A", &b), ("B", &c)], 3);
        reference::closed(&a, &b);
    }
}

#[test]
fn the_same_text_is_right() {
    let mut rng = Rng::new(6);
    for _ in 0..1000 {
        let a = text(&mut rng);
        if !normalise(&a).is_empty() {
            assert!(
                exact_match(&a, &a).value > 99.0 && token_overlap(&a, &a).f1 > 0.99,
                "{a:?}"
            );
            assert_eq!(Names::new(&[&a]).read(&a), Some(0), "{a:?}");
        }
    }
}
