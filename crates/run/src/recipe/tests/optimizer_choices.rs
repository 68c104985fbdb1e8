//! Choices of the optimizer that cannot be meant.

use super::super::training::{Gradients, Masters, OptimizerDevice, OptimizerState};
use super::{errors, resolved};
use crate::recipe::Recipe;

#[test]
fn choices_for_bf16_are_refused_where_a_model_is_in_f32() {
    for section in ["train", "synthesizer.train"] {
        for (key, value) in [("gradients", "bf16"), ("masters", "none")] {
            let text = format!("[{section}]\n{key} = \"{value}\"");
            let told = format!("`{section}.{key} = \"{value}\"` would have no effect");
            assert!(errors(&text, &[]).contains(&told), "{told}");
            let half = errors(&text, &["model.dtype=bf16"]);
            assert!(!half.contains("no effect"), "{half}");
        }
    }
    // Moments are the same in a model of either kind.
    let eight = errors("[train]\noptimizer_state = \"8bit\"", &[]);
    assert!(!eight.contains("no effect"), "{eight}");
}

#[test]
fn weights_cannot_be_updated_in_place_and_elsewhere() {
    let text = "[model]\ndtype = \"bf16\"\n[train]\nmasters = \"none\"\noptimizer_device = \"cpu\"";
    let found = errors(text, &[]);
    assert!(
        found.contains("`train.masters = \"none\"`")
            && found.contains("`train.optimizer_device = \"cpu\"`")
            && found.contains("leave one of them out"),
        "{found}"
    );
}

#[test]
fn a_choice_is_one_of_its_words() {
    let found = errors("[train]\noptimizer_state = \"4bit\"", &[]);
    assert!(
        found.contains("optimizer_state") && found.contains("8bit"),
        "{found}"
    );
}

#[test]
fn what_a_recipe_says_of_the_optimizer_is_read() {
    let text = "[model]\ncheckpoint = \"demo\"\ndtype = \"bf16\"\n[data]\npairs = \"Cargo.toml\"\n[train]\n\
                gradients = \"bf16\"\noptimizer_state = \"8bit\"\nmasters = \"none\"\n[synthesizer.train]\n\
                optimizer_device = \"cpu\"\ndata = \"Cargo.toml\"";
    let resolution = resolved(text);
    let recipe = Recipe::new(
        resolution,
        std::path::Path::new("."),
        &crate::hub::Hub::default(),
    );
    let recipe = recipe.expect("valid");
    let (train, tuning) = (&recipe.train, &recipe.synthesizer.train);
    assert_eq!(
        (
            train.gradients,
            train.optimizer_state,
            train.masters,
            train.optimizer_device
        ),
        (
            Gradients::Bf16,
            OptimizerState::EightBit,
            Masters::None,
            OptimizerDevice::Model
        )
    );
    assert_eq!(
        (
            tuning.gradients,
            tuning.optimizer_state,
            tuning.masters,
            tuning.optimizer_device
        ),
        (
            Gradients::F32,
            OptimizerState::F32,
            Masters::F32,
            OptimizerDevice::Cpu
        )
    );
}
