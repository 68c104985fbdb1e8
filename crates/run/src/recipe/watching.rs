//! What a recipe says of how one training is watched.

use std::path::PathBuf;

/// What is held back from a training.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum HeldBack {
    /// Nothing.
    #[default]
    Nothing,
    /// This share of its samples, by whole groups.
    Share(f64),
    /// None of its own samples: those of this file are watched.
    File(PathBuf),
}

/// Whose weights become the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BestBy {
    /// Those of the last step.
    #[default]
    None,
    /// Those of the step with the smallest validation loss.
    Loss,
    /// Those of the step with the best score of this task.
    Task(String),
}

impl BestBy {
    /// The word for [`BestBy::None`].
    pub const NONE: &str = "none";
    /// The word for [`BestBy::Loss`].
    pub const LOSS: &str = "loss";

    /// Of the recipe's text.
    pub fn named(text: &str) -> Self {
        match text {
            "" | Self::NONE => Self::None,
            Self::LOSS => Self::Loss,
            task => Self::Task(task.to_owned()),
        }
    }
}

/// What becomes of a step whose loss or gradient is no number or jumps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnSpike {
    /// Training stops.
    #[default]
    Stop,
    /// Its batch is left out, three times at most.
    Skip,
}

corpus::words!(OnSpike {
    Stop = "stop",
    Skip = "skip",
});

/// How a training is watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watching {
    /// What is held back.
    pub validation: HeldBack,
    /// It is looked at every so many steps, and at both ends; 0 is at the ends alone.
    pub eval_steps: usize,
    /// Tasks that are asked then: names, or files by their full paths.
    pub eval_tasks: Vec<String>,
    /// Whose weights become the model.
    pub best_by: BestBy,
    /// The training ends after so many looks without a better one; 0 is never.
    pub patience: usize,
    /// What becomes of a step whose loss or gradient is no number or jumps.
    pub on_spike: OnSpike,
    /// Whether files for TensorBoard are written.
    pub tensorboard: bool,
}

impl Watching {
    /// Whether there is anything to look at.
    pub fn looks(&self) -> bool {
        self.validation != HeldBack::Nothing || !self.eval_tasks.is_empty()
    }

    /// What is wrong with the keys of this section beside each other, one sentence each.
    pub(super) fn problems(&self, section: &str) -> Vec<String> {
        let mut out = Vec::new();
        let by = match &self.best_by {
            BestBy::None => {
                if self.patience > 0 {
                    out.push(format!(
                        "`{section}.patience` needs `{section}.best_by`: it says what has to become better"
                    ));
                }
                return out;
            }
            BestBy::Loss => {
                if self.validation == HeldBack::Nothing {
                    out.push(format!(
                        "`{section}.best_by` is `loss`, which needs samples that are held back; name a share or a file in \
                         `{section}.validation`"
                    ));
                }
                BestBy::LOSS
            }
            BestBy::Task(task) => {
                if self.eval_tasks.is_empty() {
                    out.push(format!(
                        "`{section}.best_by` is `{task}`, which `{section}.eval_tasks` does not name; it may be `none`, \
                         `loss`, or one of those tasks"
                    ));
                }
                task
            }
        };
        if self.eval_steps == 0 {
            out.push(format!(
                "`{section}.best_by` is `{by}`, but with `{section}.eval_steps` = 0 only the last step is looked at; set it"
            ));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(change: impl FnOnce(&mut Watching)) -> String {
        let mut watching = Watching::default();
        change(&mut watching);
        watching.problems("train").join("\n")
    }

    #[test]
    fn what_is_chosen_by_has_to_be_computed() {
        assert_eq!(problems(|_| ()), "");
        let sound = |w: &mut Watching| {
            (w.validation, w.eval_steps) = (HeldBack::Share(0.1), 5);
            (w.best_by, w.patience) = (BestBy::Loss, 2);
        };
        assert_eq!(problems(sound), "");
        let found = problems(|w| w.patience = 2);
        assert!(found.starts_with("`train.patience` needs"), "{found}");
        let found = problems(|w| w.best_by = BestBy::Loss);
        assert!(
            found.contains("needs samples that are held back")
                && found.contains("`train.eval_steps` = 0"),
            "{found}"
        );
        let found = problems(|w| (w.best_by, w.eval_steps) = (BestBy::named("dishes"), 1));
        assert!(
            found.contains("`dishes`, which `train.eval_tasks` does not name"),
            "{found}"
        );
    }
}
