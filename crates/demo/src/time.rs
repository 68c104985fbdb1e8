//! How long the demo takes, from how fast a machine trains the demo's model.
//!
//! Nine tenths of the demo are two trainings of one small model, so its time is told in tokens that are trained: the program
//! trains a few steps, which gives the seconds of one token here, and the counts below say how many there are. They are of the
//! demo's own logs (food, seed 3: `metrics.jsonl` of both trainings, the sums of `prompt_tokens` and `completion_tokens` over
//! all answers). A token that is trained costs 6 operations a parameter, so the demo is 3.5 million tokens of 25 MFLOP, 87 TFLOP.

/// Tokens that both trainings see: 450 steps of 3,546 and 650 of 2,299 (16 samples each).
pub const TRAINED: f64 = 450.0 * 3546.0 + 650.0 * 2299.0;
/// Tokens that the models read: prompts of the synthesizer, the judge and three systems on 14 tasks.
pub const READ: f64 = 765_000.0;
/// Tokens that they write.
pub const WRITTEN: f64 = 190_000.0;

/// Reading is a third of training: there is no backward pass.
const READING: f64 = 1.0 / 3.0;
/// Writing is the same arithmetic as reading, but a token at a time for a group of answers, with scores and files on top:
/// what three logged runs leave after trainings and reading, 0.75 to 1.1 of a trained token.
const WRITING: f64 = 1.0;

/// How far a run was from the model in either direction: machines share their cores, caches and heat.
const SPREAD: [f64; 2] = [0.9, 1.15];

/// Seconds that the demo takes where the fastest and the mean step of a training took so many seconds a token: from the least
/// to the most that is likely.
///
/// ```
/// let [least, most] = demo::time::seconds([270e-6, 270e-6]);
/// // The runs that the counts are of took 940 and 956 s at that rate.
/// assert!(least < 940.0 && 956.0 < most && most / least < 1.3);
/// ```
pub fn seconds(per_token: [f64; 2]) -> [f64; 2] {
    let tokens = TRAINED + READING * READ + WRITING * WRITTEN;
    [0, 1].map(|end| tokens * per_token[end] * SPREAD[end])
}

/// A span of time as one says it, in whole minutes, or in hours from two on.
pub fn told([least, most]: [f64; 2]) -> String {
    let (least, most) = (least / 60.0, most / 60.0);
    if most < 1.0 {
        return "less than a minute".to_owned();
    }
    if most >= 120.0 {
        return format!("about {:.1} to {:.1} hours", least / 60.0, most / 60.0);
    }
    let (least, most) = (least.floor().max(1.0), most.ceil());
    if least >= most {
        format!("about {most:.0} minutes")
    } else {
        format!("about {least:.0} to {most:.0} minutes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RECIPE;

    #[test]
    fn the_counts_are_those_of_the_recipe() {
        // Another number of steps needs other counts.
        for steps in ["max_steps = 450", "max_steps = 650"] {
            assert_eq!(RECIPE.matches(steps).count(), 1, "{steps}");
        }
        assert_eq!(RECIPE.matches("batch_size = 16").count(), 2);
    }

    #[test]
    fn time_grows_with_a_tokens_time() {
        // 1,595,700 + 1,494,350 + 255,000 + 190,000 = 3,535,050 tokens.
        let [least, most] = seconds([1e-3, 2e-3]);
        assert!((least - 3181.545).abs() < 1e-6, "{least}");
        assert!((most - 8130.615).abs() < 1e-6, "{most}");
    }

    #[test]
    fn logged_runs_lie_within_what_is_told() {
        // Seconds of both trainings and their tokens, and of all stages: one run alone and two at a time on two cores.
        for (trainings, tokens, all) in [
            (888.554, 3_088_616.0, 1016.533),
            (832.530, 3_089_776.0, 939.813),
            (830.793, 3_089_776.0, 955.916),
        ] {
            let rate = trainings / tokens;
            let [least, most] = seconds([rate, rate]);
            assert!(least < all && all < most, "{least} < {all} < {most}");
        }
    }

    #[test]
    fn a_span_is_told_in_whole_minutes() {
        for (seconds, expected) in [
            ([10.0, 50.0], "less than a minute"),
            ([30.0, 70.0], "about 1 to 2 minutes"),
            ([425.0, 599.0], "about 7 to 10 minutes"),
            ([420.0, 420.0], "about 7 minutes"),
            ([5400.0, 7200.0], "about 1.5 to 2.0 hours"),
        ] {
            assert_eq!(told(seconds), expected);
        }
    }
}
