//! How far raters can be trusted: their answers, what the order does to them, their own work, their agreement.

use quality::Aspect;
use quality::assessment::{Assessment, Difference, Turned};

use super::sections::{Cell, Table, range, table, title, who};
use crate::number::or_dash;

/// What each rater's answers are like, and what the order does to a model.
pub(super) fn behaviour(found: &Assessment) -> Vec<Table> {
    let answers: Vec<Vec<Cell>> = found
        .ratings
        .iter()
        .map(|of| {
            let reasons: Vec<String> = of
                .reasons
                .iter()
                .map(|(reason, count)| format!("{} {count}", reason.as_str()))
                .collect();
            let share = 100.0 * of.unread as f64 / of.asked.max(1) as f64;
            let most = of.most_frequent.map_or_else(String::new, |(value, share)| {
                format!("{}: {:.0} %", named(found, of.aspect, value), 100.0 * share)
            });
            vec![
                Cell::plain(who(&of.rater)),
                Cell::plain(title(of.aspect)),
                Cell::plain(of.asked.to_string()),
                Cell::with(format!("{} ({share:.1} %)", of.unread), reasons.join(", ")),
                Cell {
                    text: most,
                    small: if of.says_nothing {
                        "says nothing".to_owned()
                    } else {
                        String::new()
                    },
                    class: if of.says_nothing { "bad" } else { "" },
                },
            ]
        })
        .collect();
    let passes: Vec<Vec<Cell>> = found
        .passes
        .iter()
        .map(|of| {
            let turned = match of.turned {
                Turned::Places => "first place − last place",
                Turned::Levels => "worst level listed first − best first",
            };
            let is_swayed = of.effect.excludes_zero();
            vec![
                Cell::plain(who(&of.rater)),
                Cell::plain(title(of.aspect)),
                Cell::plain(turned),
                Cell {
                    class: if is_swayed { "bad" } else { "" },
                    ..Cell::difference(&of.effect)
                },
                Cell::with(format!("{:.1} %", of.same), format!("n {}", of.items)),
            ]
        })
        .collect();
    let own: Vec<Vec<Cell>> = found
        .own
        .iter()
        .map(|of| {
            let excess = of
                .excess
                .as_ref()
                .map_or_else(|| Cell::plain("cannot be told"), unmarked);
            vec![
                Cell::plain(who(&of.rater)),
                Cell::plain(title(of.aspect)),
                unmarked(&of.difference),
                excess,
            ]
        })
        .collect();
    [
        table(
            "Answers",
            &["rater", "aspect", "asked", "unread", "most frequent"],
            answers,
            "An answer is read only in the form that was asked for; nothing is guessed. Raw answers stay in the run's completions.",
        ),
        table(
            "What the order does",
            &["judge", "aspect", "effect", "points", "same both times"],
            passes,
            "Every item is judged twice in opposite order. Both answers are averaged, so that sets suffer alike; a judge with a large effect \
             is a poor one all the same.",
        ),
        table(
            "Judges of their own work",
            &["judge", "aspect", "own − others'", "beyond what other raters find"],
            own,
            "Without another rater of the same items it cannot be told whether a judge prefers its own or writes better.",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Agreement of raters.
pub(super) fn agreement(found: &Assessment) -> Vec<Table> {
    let alphas: Vec<Vec<Cell>> = found
        .agreement
        .iter()
        .filter(|of| of.alpha.is_some() || of.undefined.is_some())
        .map(|of| {
            let alpha = Cell::with(
                or_dash(of.alpha, 3),
                match (of.interval, &of.undefined) {
                    (Some([low, high]), _) => format!("{low:.3} to {high:.3}"),
                    (None, Some(why)) => why.clone(),
                    (None, None) => String::new(),
                },
            );
            let same = of.same.map_or_else(String::new, |s| format!("{s:.1} %"));
            vec![
                Cell::plain(title(of.aspect)),
                alpha,
                Cell::plain(of.items.to_string()),
                Cell::plain(same),
            ]
        })
        .collect();
    let mut pairs = Vec::new();
    let mut biases = Vec::new();
    for of in &found.agreement {
        pairs.extend(of.pairs.iter().map(|pair| {
            let same = pair.same.map_or_else(String::new, |s| format!("{s:.1} %"));
            let difference = pair.difference.as_ref();
            vec![
                Cell::plain(title(of.aspect)),
                Cell::plain(who(&pair.one)),
                Cell::plain(who(&pair.other)),
                Cell::plain(or_dash(pair.kappa, 3)),
                Cell::plain(same),
                difference.map_or_else(|| Cell::plain("–"), unmarked),
                Cell::plain(pair.items.to_string()),
            ]
        }));
        biases.extend(of.biases.iter().map(|bias| {
            let interval = bias.interval;
            vec![
                Cell::plain(title(of.aspect)),
                Cell::plain(who(&bias.rater)),
                Cell {
                    text: format!("{:+.1}", bias.bias),
                    small: interval.map_or_else(String::new, |of| range(of, true)),
                    class: "",
                },
                Cell::plain(bias.items.to_string()),
            ]
        }));
    }
    [
        table(
            "All models and people",
            &["aspect", "Krippendorff's alpha", "items", "equal"],
            alphas,
            "Alpha is ordinal of levels and nominal of yes and no and of lists: 1 is perfect, 0 is what chance gives.",
        ),
        table(
            "Each two raters",
            &["aspect", "one", "other", "kappa", "equal", "one − other", "items"],
            pairs,
            "Kappa has squared weights of levels. The mean of two answers may lie between levels, and is then equal to neither.",
        ),
        table(
            "How much more or less each gives than the others",
            &["aspect", "rater", "points", "items"],
            biases,
            "",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A difference that is neither good nor bad.
fn unmarked(found: &Difference) -> Cell {
    Cell {
        class: "",
        ..Cell::difference(found)
    }
}

/// The names of a list's numbers; a level is its number.
fn named(found: &Assessment, aspect: Aspect, value: usize) -> String {
    let list = match aspect {
        Aspect::TaskType => &found.task_types,
        Aspect::ImageDomain => &found.image_domains,
        Aspect::Consistency => return if value == 2 { "yes" } else { "no" }.to_owned(),
        _ => return value.to_string(),
    };
    list.get(value.wrapping_sub(1))
        .map_or_else(|| value.to_string(), Clone::clone)
}
