//! How often each kind occurs, and how many do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{IN_FIGURE_5, ImageDomain, TaskType};

/// How often a kind occurs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Its word in files, such as `caption-generation`.
    pub name: String,
    /// How often.
    pub count: usize,
    /// In percent of those whose kind is known.
    pub percent: f64,
}

/// How often each kind of a list occurs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Every kind of the list in its order, those that do not occur too.
    pub shares: Vec<Share>,
    /// Whose kind is known.
    pub known: usize,
    /// Whose kind is not.
    pub unknown: usize,
    /// Kinds that occur, in percent of the whole list; none where no kind is known.
    pub diversity: Option<f64>,
    /// Of task types, the same of the seventeen that the paper's figure 5 has and that its table 8 divides by; the other three
    /// do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity_of_17: Option<f64>,
}

impl Distribution {
    /// Of task types; none is one that is not known.
    pub fn of_task_types(kinds: impl IntoIterator<Item = Option<TaskType>>) -> Self {
        let numbers = kinds.into_iter().map(|kind| kind.map(TaskType::number));
        let mut distribution = Self::new(&TaskType::WORDS, numbers);
        let known = distribution.known > 0;
        distribution.diversity_of_17 = known.then(|| distribution.occurring(IN_FIGURE_5));
        distribution
    }

    /// Of domains of pictures; none is one that is not known.
    pub fn of_image_domains(domains: impl IntoIterator<Item = Option<ImageDomain>>) -> Self {
        let numbers = domains
            .into_iter()
            .map(|domain| domain.map(ImageDomain::number));
        Self::new(&ImageDomain::WORDS, numbers)
    }

    /// Of task types by the names that the data itself gives them, with how often each occurs; for seed data.
    pub fn of_task_names(names: &BTreeMap<String, usize>) -> Self {
        let each = names
            .iter()
            .flat_map(|(name, &count)| std::iter::repeat_n(super::task_type(name), count));
        Self::of_task_types(each)
    }

    /// Of domains of pictures by the data's names of tasks, with how often each occurs; for seed data.
    pub fn of_domain_names(names: &BTreeMap<String, usize>) -> Self {
        let each = names
            .iter()
            .flat_map(|(name, &count)| std::iter::repeat_n(super::image_domain(name), count));
        Self::of_image_domains(each)
    }

    fn new(words: &[&str], numbers: impl Iterator<Item = Option<usize>>) -> Self {
        let (mut counts, mut unknown) = (vec![0; words.len()], 0);
        for number in numbers {
            match number {
                Some(number) => counts[number - 1] += 1,
                None => unknown += 1,
            }
        }
        let known: usize = counts.iter().sum();
        let share = |(word, count): (&&str, usize)| Share {
            name: (*word).to_owned(),
            count,
            percent: if known == 0 {
                0.0
            } else {
                100.0 * count as f64 / known as f64
            },
        };
        let mut distribution = Self {
            shares: words.iter().zip(counts).map(share).collect(),
            known,
            unknown,
            diversity: None,
            diversity_of_17: None,
        };
        distribution.diversity = (known > 0).then(|| distribution.occurring(words.len()));
        distribution
    }

    /// Kinds that occur among the first so many, in percent of these.
    fn occurring(&self, of: usize) -> f64 {
        let first = self.shares.iter().take(of);
        100.0 * first.filter(|share| share.count > 0).count() as f64 / of as f64
    }
}
