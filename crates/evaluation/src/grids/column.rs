//! What is measured of a run.

use crate::scoring::Scorer;

/// A column of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The domain that it stands under.
    pub domain: String,
    /// What it is called in files: a task's id, `<task> open`, `<task> closed`, or the name of a measure. Unique by scorer.
    pub name: String,
    /// What stands over it, such as `SLAKE open`.
    pub title: String,
    /// The task; empty for a measure that is none.
    pub task: String,
    /// The metric's name; empty for a measure that is no task.
    pub metric: String,
    /// Who scored it; measures that are no tasks stand beside the strict scores.
    pub scorer: Scorer,
    /// What was measured.
    pub values: Values,
}

/// What was measured in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Scores of a task's items, which are the same in every run.
    Items(Vec<Row>),
    /// Scores of samples that a run made itself: another run has others, and the means of both are compared. -100 to 100.
    Samples(Vec<Row>),
    /// One number, 0 to 100, with nothing behind it that could be resampled.
    Number(f64),
}

/// An item with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The item's id.
    pub item: String,
    /// What it shares with others, such as its picture.
    pub cluster: String,
    /// 0 to 100, of a sample from -100.
    pub score: f64,
}

impl Column {
    /// A measure that is no task, of samples that the run made itself.
    pub fn samples(domain: &str, name: &str, title: &str, rows: Vec<Row>) -> Self {
        Self::measure(domain, name, title, Values::Samples(rows))
    }

    /// A measure that is no task, as one number from 0 to 100.
    ///
    /// ```
    /// let column = evaluation::grids::Column::number("data", "diversity", "Diversity", 85.5);
    /// assert_eq!((column.name.as_str(), column.task.as_str()), ("diversity", ""));
    /// ```
    pub fn number(domain: &str, name: &str, title: &str, value: f64) -> Self {
        Self::measure(domain, name, title, Values::Number(value))
    }

    fn measure(domain: &str, name: &str, title: &str, values: Values) -> Self {
        Self {
            domain: domain.to_owned(),
            name: name.to_owned(),
            title: title.to_owned(),
            task: String::new(),
            metric: String::new(),
            scorer: Scorer::Strict,
            values,
        }
    }
}
