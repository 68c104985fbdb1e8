//! The demo's settings.

/// The demo's recipe as text; paths are relative to the demo's folder.
pub const RECIPE: &str = include_str!("../../../recipes/demo.toml");

/// Overrides for a first look: fewer steps.
pub const QUICK: [&str; 2] = ["synthesizer.train.max_steps=40", "train.max_steps=40"];

#[cfg(test)]
mod tests {
    use evaluation::tasks::FileMetric;

    use super::*;
    use crate::world::Asks;

    #[test]
    fn what_is_ranked_is_the_task_of_choices() {
        let choices = Asks::ALL
            .into_iter()
            .filter(|asks| asks.metric() == FileMetric::Choice);
        let names: Vec<String> = choices.map(|asks| format!("\"{}\"", asks.task())).collect();
        let line = format!("\nby_likelihood = [{}]\n", names.join(", "));
        assert!(RECIPE.contains(&line), "{line}");
    }
}
