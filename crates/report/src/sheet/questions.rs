//! What a person is asked, in words for people.

use quality::ratings::choices;
use quality::{Aspect, Scale};
use serde::Serialize;
use synthesis::prompts::RubricPrompts;

/// A question of the sheet.
#[derive(Clone, Debug, Serialize)]
pub struct Question {
    /// The aspect's word in files.
    pub name: &'static str,
    /// A heading.
    pub label: &'static str,
    /// What is asked.
    pub asks: String,
    /// Whether values are numbers; else they are the options' words.
    pub is_levels: bool,
    /// What each value means, the first for 1.
    pub options: Vec<String>,
}

impl Question {
    /// The question of an aspect.
    pub fn new(aspect: Aspect, rubrics: &RubricPrompts) -> Self {
        let (label, question, levels) = match aspect {
            Aspect::Knowledge => (
                "Knowledge",
                &*rubrics.knowledge.question,
                Some(&rubrics.knowledge),
            ),
            Aspect::Complexity => (
                "Complexity",
                &*rubrics.complexity.question,
                Some(&rubrics.complexity),
            ),
            Aspect::Accuracy => (
                "Accuracy",
                &*rubrics.accuracy.question,
                Some(&rubrics.accuracy),
            ),
            Aspect::PreciseAccuracy => (
                "Accuracy of the precise answer",
                "How right is the precise answer, taken alone?",
                Some(&rubrics.accuracy),
            ),
            Aspect::InformativeAccuracy => (
                "Accuracy of the informative answer",
                "How right is the informative answer, taken alone?",
                Some(&rubrics.accuracy),
            ),
            Aspect::Consistency => (
                "Consistency",
                "Could someone who reads only the informative answer arrive at the precise one?",
                None,
            ),
            Aspect::TaskType => ("Task type", &*rubrics.task_type.question, None),
            Aspect::ImageDomain => ("Picture domain", &*rubrics.image_domain.question, None),
        };
        let options = match levels {
            Some(rubric) => rubric.levels.to_vec(),
            None => choices(aspect, rubrics)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        };
        Self {
            name: aspect.as_str(),
            label,
            asks: question.to_owned(),
            is_levels: aspect.scale() == Scale::Levels,
            options,
        }
    }
}
