//! The tables of an assessment, in whatever form they are written.

use evaluation::statistics::Share;
use quality::assessment::{Assessment, Difference, FilterQuality, StratumCounts};
use quality::{Aspect, Ground, Rater, Scale};

use super::QualityPage;
use crate::html::sign;
use crate::number::{or_dash, tenths};

/// A text, what stands small below it, and whether it is good or bad.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cell {
    pub text: String,
    pub small: String,
    pub class: &'static str,
}

impl Cell {
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub fn with(text: String, small: String) -> Self {
        Self {
            text,
            small,
            class: "",
        }
    }

    pub fn difference(found: &Difference) -> Self {
        Self {
            text: format!("{:+.1}", found.difference),
            small: range(found.interval, true),
            class: sign(found.interval),
        }
    }
}

/// A table with a title; rows that are published by others are marked.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub title: String,
    pub header: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
    /// The last rows, which are others' numbers.
    pub published: usize,
    /// What a reader must know of it.
    pub note: String,
}

/// Who rates, in words.
pub(super) fn who(rater: &Rater) -> String {
    match rater.ground {
        Ground::Model => format!("{} (model)", rater.name),
        Ground::Person => format!("{} (person)", rater.name),
        Ground::Truth => rater.name.clone(),
    }
}

/// An aspect as a heading.
pub(super) fn title(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Knowledge => "knowledge",
        Aspect::Complexity => "complexity",
        Aspect::Accuracy => "accuracy",
        Aspect::PreciseAccuracy => "accuracy, precise answer",
        Aspect::InformativeAccuracy => "accuracy, informative answer",
        Aspect::Consistency => "consistency",
        Aspect::TaskType => "task type",
        Aspect::ImageDomain => "picture domain",
    }
}

pub(super) fn range([low, high]: [f64; 2], is_signed: bool) -> String {
    if is_signed {
        format!("{low:+.1} to {high:+.1}")
    } else {
        format!("{low:.1}–{high:.1}")
    }
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// How the numbers are made, for below the first table.
pub(super) const SCALE: &str = "0 to 100: a level from 1 to 5 is 25 · (level − 1), which is ours, since the paper does not say how it rescales; \
    consistency is the share of yes. Below a mean stands its 95 % interval, which draws pairs and not items, and the number of items. A \
    judge that was asked twice has the mean of both answers. Diversity: distinct task types in percent of the paper's 17 common ones; it \
    grows with the number of items, so that only equal numbers compare.";

/// Sets by aspects, a table for each rater, with published numbers below.
pub(super) fn means(page: &QualityPage<'_>) -> Vec<Table> {
    let found = page.assessment;
    let mut out = Vec::new();
    for rater in &found.raters {
        let aspects: Vec<Aspect> = Aspect::ALL
            .into_iter()
            .filter(|aspect| {
                let mut means = found.means.iter();
                means.any(|mean| mean.rater == *rater && mean.aspect == *aspect)
            })
            .collect();
        let diversity = |part: &str| {
            found
                .classes
                .iter()
                .find(|c| c.rater == *rater && c.part == part && c.aspect == Aspect::TaskType)
        };
        let has_types = found.parts.iter().any(|p| diversity(&p.name).is_some());
        if aspects.is_empty() && !has_types {
            continue;
        }
        let mut header = words(&["set", "drawn of"]);
        header.extend(aspects.iter().map(|aspect| title(*aspect).to_owned()));
        if has_types {
            header.push("diversity".to_owned());
        }
        let mut rows = Vec::new();
        for part in &found.parts {
            let mut row = vec![
                Cell::plain(&part.name),
                Cell::plain(format!("{} of {}", part.drawn, part.total)),
            ];
            for aspect in &aspects {
                let mean = found.means.iter().find(|mean| {
                    mean.rater == *rater && mean.aspect == *aspect && mean.part == part.name
                });
                row.push(mean.map_or_else(
                    || Cell::plain("–"),
                    |of| {
                        let unread = match of.unread {
                            0 => String::new(),
                            unread => format!(", {unread} unread"),
                        };
                        let (range, items) = (range(of.mean.interval, false), of.mean.items);
                        Cell::with(
                            format!("{:.1}", of.mean.mean),
                            format!("{range}, n {items}{unread}"),
                        )
                    },
                ));
            }
            if has_types {
                row.push(diversity(&part.name).map_or_else(
                    || Cell::plain("–"),
                    |of| {
                        let all = or_dash(of.diversity_of_all, 1);
                        let length = of.counts.len();
                        Cell::with(
                            tenths(of.diversity_of_17),
                            format!("of {length}: {all}, n {}", of.items),
                        )
                    },
                ));
            }
            rows.push(row);
        }
        for published in page.published {
            let mut row = vec![
                Cell::with(published.name.clone(), published.source.clone()),
                Cell::plain(""),
            ];
            let values = aspects.iter().map(|aspect| published.values.get(aspect));
            row.extend(values.map(|value| Cell::plain(tenths(value.copied()))));
            if has_types {
                row.push(Cell::plain(tenths(published.diversity)));
            }
            rows.push(row);
        }
        out.push(Table {
            title: format!("By {}", who(rater)),
            header,
            rows,
            published: page.published.len(),
            note: String::new(),
        });
    }
    out
}

/// Every two parts by every rater.
pub(super) fn differences(found: &Assessment) -> Option<Table> {
    let rows: Vec<Vec<Cell>> = found
        .differences
        .iter()
        .map(|of| {
            let how = format!("{} of {}", of.difference.shared, of.difference.pairs);
            vec![
                Cell::plain(title(of.aspect)),
                Cell::plain(who(&of.rater)),
                Cell::plain(format!("{} − {}", of.one, of.other)),
                Cell::difference(&of.difference),
                Cell::plain(how),
            ]
        })
        .collect();
    table(
        "Differences between the sets",
        &["aspect", "rater", "sets", "difference", "pairs in both"],
        rows,
        "Tasks about one pair go together, be they of one set or of both.",
    )
}

/// Precision, recall and the share before, of every filter by every rater.
pub(super) fn filters(found: &Assessment) -> Option<Table> {
    let rows = found
        .filters
        .iter()
        .map(|of| {
            let side = |counts: &StratumCounts| {
                Cell::with(
                    format!("{} of {}", counts.right, counts.judged),
                    format!("{} drawn of {}", counts.drawn, counts.total),
                )
            };
            vec![
                Cell::plain(&of.set),
                Cell::plain(who(&of.rater)),
                Cell::plain(criterion(of)),
                side(&of.kept),
                side(&of.dropped),
                share(Some(of.measured.right_before)),
                share(of.measured.precision),
                share(of.measured.recall),
            ]
        })
        .collect();
    table(
        "The filter",
        &[
            "set",
            "rater",
            "right is",
            "right of the kept",
            "right of the dropped",
            "right before, %",
            "right after (precision), %",
            "right ones kept (recall), %",
        ],
        rows,
        "What was drawn of the kept and of the dropped stands for all of them. Items that were not rated are taken to be like those that were.",
    )
}

/// What makes an item right.
pub(super) fn criterion(of: &FilterQuality) -> String {
    match of.aspect.scale() {
        Scale::YesNo => "the precise answer follows".to_owned(),
        _ if of.rater.ground == Ground::Truth => "the answer is true".to_owned(),
        _ => format!("accuracy from {:.0} on", of.right_from),
    }
}

fn share(of: Option<Share>) -> Cell {
    of.map_or_else(
        || Cell::plain("–"),
        |of| {
            Cell::with(
                format!("{:.1}", 100.0 * of.value),
                range([100.0 * of.low, 100.0 * of.high], false),
            )
        },
    )
}

/// None without rows.
pub(super) fn table(
    title: &str,
    header: &[&str],
    rows: Vec<Vec<Cell>>,
    note: &str,
) -> Option<Table> {
    (!rows.is_empty()).then(|| Table {
        title: title.to_owned(),
        header: words(header),
        rows,
        published: 0,
        note: note.to_owned(),
    })
}
