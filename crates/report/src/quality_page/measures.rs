//! Measures without a judge as tables: a column a set.

use quality::Measures;
use quality::measures::{AnswerShare, Distinct, Spread};

use super::PlainTable;

/// What is measured of sets, in several tables.
pub fn measures(sets: &[Measures]) -> Vec<PlainTable> {
    let table = |title: &str, rows: Vec<Vec<String>>| PlainTable {
        title: title.to_owned(),
        header: std::iter::once(String::new())
            .chain(sets.iter().map(|set| set.set.clone()))
            .collect(),
        rows,
    };
    let row = |name: &str, of: &dyn Fn(&Measures) -> String| -> Vec<String> {
        std::iter::once(name.to_owned())
            .chain(sets.iter().map(of))
            .collect()
    };
    let none = || "–".to_owned();
    let percent = |value: f64| format!("{value:.1} %");
    let spread = |of: &Spread| format!("{:.1} ({}–{})", of.mean, of.low, of.high);
    let distinct = |of: &Distinct, n: usize| {
        let found = of.sampled.iter().find(|grams| grams.n == n);
        found.map_or_else(none, |grams| percent(grams.percent))
    };
    let size = vec![
        row("tasks", &|set| set.items.to_string()),
        row("of these, triplets", &|set| set.triplets.to_string()),
        row("pairs", &|set| set.pairs.to_string()),
        row("pictures", &|set| set.pictures.to_string()),
        row("tasks without a picture", &|set| {
            set.without_picture.to_string()
        }),
        row("exchanges of a task", &|set| spread(&set.exchanges)),
        row("words of a request", &|set| spread(&set.instruction_words)),
        row("words of a response", &|set| spread(&set.response_words)),
        row("of an informative answer", &|set| {
            set.informative_words.as_ref().map_or_else(none, spread)
        }),
        row("of a precise answer", &|set| {
            set.precise_words.as_ref().map_or_else(none, spread)
        }),
    ];
    let variety = vec![
        row("distinct words of requests", &|set| {
            distinct(&set.instructions, 1)
        }),
        row("distinct pairs of words", &|set| {
            distinct(&set.instructions, 2)
        }),
        row("distinct words of responses", &|set| {
            distinct(&set.responses, 1)
        }),
        row("distinct pairs of words", &|set| {
            distinct(&set.responses, 2)
        }),
        row("self-BLEU of requests", &|set| {
            set.repeats
                .self_bleu
                .map_or_else(none, |found| format!("{found:.1}"))
        }),
        row("requests that occurred before", &|set| {
            percent(set.repeats.instructions_percent)
        }),
        row("requests with response that occurred before", &|set| {
            percent(set.repeats.exchanges_percent)
        }),
        row("requests like an earlier one", &|set| {
            percent(set.repeats.near_percent)
        }),
        row("caption's words in responses", &|set| {
            set.copied
                .as_ref()
                .map_or_else(none, |found| percent(found.mean))
        }),
    ];
    let mut out = vec![
        table("Size and length (mean, 5 to 95 %)", size),
        table(
            "Variety, of equally many texts of each set, and copies",
            variety,
        ),
    ];
    let shares = |of: &dyn Fn(&Measures) -> &[AnswerShare]| -> Vec<Vec<String>> {
        let Some(first) = sets.iter().map(of).find(|shares| !shares.is_empty()) else {
            return Vec::new();
        };
        let types = first.iter().map(|share| share.answers);
        types
            .map(|kind| {
                row(kind.as_str(), &|set| {
                    let share = of(set).iter().find(|share| share.answers == kind);
                    share.map_or_else(none, |share| percent(share.percent))
                })
            })
            .collect()
    };
    out.push(table("What responses are", shares(&|set| &set.answers)));
    let precise = shares(&|set| &set.precise_answers);
    if !precise.is_empty() {
        out.push(table("What precise answers are", precise));
    }
    let counted = |title: String, of: &str, what: &str, rows: Vec<(&str, usize, f64)>| PlainTable {
        title,
        header: [of, what, "share"].map(str::to_owned).to_vec(),
        rows: rows
            .into_iter()
            .map(|(name, count, share)| vec![name.to_owned(), count.to_string(), percent(share)])
            .collect(),
    };
    for set in sets {
        let openings = set.openings.iter().take(10);
        let openings = openings.map(|one| (one.words.as_str(), one.count, one.percent));
        let title = format!("How requests of {} begin", set.set);
        out.push(counted(title, "beginning", "requests", openings.collect()));
        if let Some(types) = &set.task_types {
            let shares = types.shares.iter().filter(|share| share.count > 0);
            let shares = shares.map(|one| (one.name.as_str(), one.count, one.percent));
            let title = format!("Task types of {} by its own names", set.set);
            out.push(counted(title, "type", "tasks", shares.collect()));
        }
    }
    out
}
