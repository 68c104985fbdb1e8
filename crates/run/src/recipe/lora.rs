//! What cannot be of a recipe's adapter.

use super::training::{Group, Lora, Sharding};

/// One sentence for each thing that is wrong with the adapter of a section, whose training leaves these groups alone.
pub(super) fn problems(lora: &Lora, section: &str, frozen: &[Group]) -> Vec<String> {
    let mut problems = Vec::new();
    if lora.alpha <= 0.0 {
        problems.push(format!("`{section}.lora.alpha` has to be above 0"));
    }
    if lora.dropout >= 1.0 {
        problems.push(format!("`{section}.lora.dropout` has to be below 1"));
    }
    let is_targeted = |group: &&Group| {
        lora.targets.iter().any(|target| target == group.as_str())
            || lora.targets.is_empty() && **group == Group::LanguageModel
    };
    if let Some(group) = frozen.iter().find(is_targeted) {
        let stand = if lora.targets.is_empty() {
            "are by default"
        } else {
            "name"
        };
        problems.push(format!(
            "the targets of `{section}.lora` {stand} the group `{group}`, which `{section}.freeze` names too; a frozen \
             group takes no adapter",
            group = group.as_str()
        ));
    }
    problems
}

/// What is wrong with parting the optimizer's state of a training among processes.
pub(super) fn sharded(section: &str, sharding: Sharding, lora: Option<&Lora>) -> Option<String> {
    let is_wrong = sharding == Sharding::Optimizer && lora.is_some();
    is_wrong.then(|| {
        format!(
            "`{section}.sharding = \"optimizer\"` is for trainings of all weights, and `{section}.lora` trains an adapter, whose \
             state is small: leave one of them out"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_told_once_each() {
        let lora = Lora {
            rank: 4,
            alpha: 0.0,
            dropout: 1.0,
            targets: Vec::new(),
            rslora: false,
        };
        let told = problems(&lora, "train", &[Group::Projector, Group::LanguageModel]);
        let expected = [
            "`train.lora.alpha`",
            "`train.lora.dropout`",
            "by default the group `language_model`",
        ];
        assert_eq!(told.len(), 3, "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.contains(expected), "{told}");
        }
        let sound = Lora {
            alpha: 1.0,
            dropout: 0.5,
            targets: vec!["projector".to_owned(), "q_proj".to_owned()],
            ..lora
        };
        assert!(problems(&sound, "train", &[Group::LanguageModel]).is_empty());
        assert_eq!(problems(&sound, "train", &[Group::Projector]).len(), 1);
    }
}
