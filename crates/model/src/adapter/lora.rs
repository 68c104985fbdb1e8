//! What a training is told about its adapter.

use serde::{Deserialize, Serialize};

use super::error::AdapterError;
use crate::parameter::Group;

/// Settings of a new adapter (Hu et al. 2021).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lora {
    /// Rows of A and columns of B.
    pub rank: i64,
    /// What B(A(x)) is multiplied with, times the rank or its root.
    pub alpha: f64,
    /// Share of A's inputs that is left out while training.
    pub dropout: f64,
    /// Groups (`language_model`, `projector`, `vision_tower`: all their linear layers) and names of layers as `peft` has
    /// them: a full name, or the end of one from a dot on (`q_proj`, `self_attn.q_proj`). Nothing is the language model.
    pub targets: Vec<String>,
    /// Whether the scale is `alpha / √rank` (Kalajdzievski 2023) instead of `alpha / rank`.
    pub rslora: bool,
}

impl Lora {
    /// Whether rank, alpha and dropout can be.
    pub fn check(&self) -> Result<(), AdapterError> {
        if self.rank < 1 {
            return Err(AdapterError::Rank { found: self.rank });
        }
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return Err(AdapterError::Alpha { found: self.alpha });
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(AdapterError::Dropout {
                found: self.dropout,
            });
        }
        Ok(())
    }

    /// The targets that a layer of this name and group is one of, by their index.
    pub(crate) fn naming(&self, module: &str, group: Group) -> Vec<usize> {
        let is_named = |target: &String| match Group::named(target) {
            Some(named) => named == group,
            None => ends_with(module, target),
        };
        (0..self.targets.len())
            .filter(|&i| is_named(&self.targets[i]))
            .collect()
    }

    /// Whether a layer of this group gets an adapter where nothing is named.
    pub(crate) fn is_default(&self, group: Group) -> bool {
        self.targets.is_empty() && group == Group::LanguageModel
    }
}

/// What the update is multiplied with.
pub(crate) fn scale(alpha: f64, rank: i64, rslora: bool) -> f64 {
    let rank = rank as f64;
    alpha / if rslora { rank.sqrt() } else { rank }
}

/// Whether `target` is all of `module` or its end from a dot on: `peft`'s rule for a list of names.
pub(crate) fn ends_with(module: &str, target: &str) -> bool {
    let before = module.strip_suffix(target);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let sound = Lora {
            rank: 8,
            alpha: 16.0,
            dropout: 0.0,
            targets: Vec::new(),
            rslora: false,
        };
        assert!(sound.check().is_ok());
        let told = |change: fn(&mut Lora)| {
            let mut lora = sound.clone();
            change(&mut lora);
            lora.check().expect_err("refused").to_string()
        };
        assert!(told(|l| l.rank = 0).contains("`lora.rank` is 0"));
        assert!(told(|l| l.alpha = 0.0).contains("`lora.alpha` is 0"));
        assert!(told(|l| l.alpha = -1.0).contains("`lora.alpha` is -1"));
        assert!(told(|l| l.alpha = f64::NAN).contains("`lora.alpha` is NaN"));
        assert!(told(|l| l.dropout = 1.0).contains("`lora.dropout` is 1"));
        assert!(told(|l| l.dropout = -0.1).contains("`lora.dropout` is -0.1"));
    }

    #[test]
    fn names_match_by_their_end_from_a_dot_on() {
        let module = "model.layers.0.self_attn.q_proj";
        for (target, expected) in [
            ("q_proj", true),
            ("self_attn.q_proj", true),
            (module, true),
            ("proj", false),
            ("_proj", false),
            ("k_proj", false),
            ("self_attn", false),
        ] {
            assert_eq!(ends_with(module, target), expected, "{target}");
        }
    }
}
