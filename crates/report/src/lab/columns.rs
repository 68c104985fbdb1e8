//! The columns of a page: those that were measured, and those that only the paper has.

use evaluation::grids::{Mean, Scores, Table, names};
use evaluation::scoring::Scorer;
use evaluation::tasks;

use super::page::{Page, Row};
use crate::tables::systems::domain_name;

/// The columns of a table by one scorer.
pub(super) struct Columns<'a> {
    pub scorer: Scorer,
    pub groups: Vec<Group<'a>>,
}

/// The columns of a domain.
pub(super) struct Group<'a> {
    pub domain: String,
    pub heads: Vec<Head<'a>>,
}

/// A column.
pub(super) struct Head<'a> {
    pub name: String,
    pub title: String,
    pub is_average: bool,
    /// What was measured; `None` where only the paper has numbers.
    pub scores: Option<&'a Scores>,
}

/// A row's place in a column.
pub(super) struct Cell<'a> {
    pub mean: Option<&'a Mean>,
    /// Whether it is marked as the best.
    pub is_best: bool,
    /// The paper's number.
    pub published: Option<f64>,
}

impl Group<'_> {
    /// What stands over it.
    pub fn label(&self) -> String {
        match self.domain.as_str() {
            "" => "Other measures".to_owned(),
            domain => domain_name(domain),
        }
    }

    /// Whether a scorer made its numbers.
    pub fn is_of_tasks(&self) -> bool {
        self.heads.iter().any(|head| match head.scores {
            Some(scores) => head.is_average || !scores.task.is_empty(),
            None => !self.domain.is_empty(),
        })
    }
}

impl Head<'_> {
    pub fn cell(&self, row: &Row) -> Cell<'_> {
        let way = row.way.zip(self.scores);
        let published = row.published.as_ref();
        Cell {
            mean: way.and_then(|(way, scores)| scores.of.get(way)?.as_ref()),
            is_best: way.is_some_and(|(way, scores)| scores.marks(way)),
            published: published.and_then(|found| found.scores.get(&self.name).copied()),
        }
    }
}

impl Columns<'_> {
    /// All columns in order.
    pub fn heads(&self) -> impl Iterator<Item = &Head<'_>> {
        self.groups.iter().flat_map(|group| &group.heads)
    }
}

/// The tables of a page, that by the strict scorer first. Where nothing is measured yet there is one of the paper's numbers.
pub(super) fn columns(page: &Page) -> Vec<Columns<'_>> {
    let mut all: Vec<Columns> = page.compared.tables.iter().map(measured).collect();
    if all.is_empty() {
        all.push(Columns {
            scorer: Scorer::Strict,
            groups: Vec::new(),
        });
    }
    let published = page.rows.iter().filter_map(|row| row.published.as_ref());
    for name in published.flat_map(|found| found.scores.keys()) {
        if !all[0].heads().any(|head| head.name == *name) {
            add(&mut all[0].groups, name);
        }
    }
    all.retain(|columns| !columns.groups.is_empty());
    all
}

fn measured(table: &Table) -> Columns<'_> {
    let groups = table.domains.iter().map(|domain| {
        let columns = domain.columns.iter().map(|scores| (scores, false));
        let average = domain.average.iter().map(|scores| (scores, true));
        Group {
            domain: domain.domain.clone(),
            heads: columns
                .chain(average)
                .map(|(scores, is_average)| Head {
                    name: scores.name.clone(),
                    title: scores.title.clone(),
                    is_average,
                    scores: Some(scores),
                })
                .collect(),
        }
    });
    Columns {
        scorer: table.scorer,
        groups: groups.collect(),
    }
}

/// Adds a column of the paper to its domain.
fn add(groups: &mut Vec<Group>, name: &str) {
    let is_average = !tasks::columns(name).is_empty();
    let built_in = tasks::all().into_iter().find_map(|task| {
        let (_, title) = names(&task).into_iter().find(|(own, _)| own == name)?;
        Some((task.domain, title))
    });
    let (domain, title) = match built_in {
        _ if is_average => (name.to_owned(), "average".to_owned()),
        Some(found) => found,
        None => (String::new(), name.to_owned()),
    };
    let head = Head {
        name: name.to_owned(),
        title,
        is_average,
        scores: None,
    };
    match groups.iter_mut().find(|group| group.domain == domain) {
        Some(group) => {
            let end = group.heads.iter().position(|head| head.is_average);
            let at = end.filter(|_| !is_average).unwrap_or(group.heads.len());
            group.heads.insert(at, head);
        }
        None => groups.push(Group {
            domain,
            heads: vec![head],
        }),
    }
}
