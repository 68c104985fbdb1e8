//! Inconsistent triplets made from consistent ones, to tune and to test a judge: the truth is known by construction.

use corpus::seed::{Rng, hash};
use corpus::{Consistency, Triplet};

use crate::judge::LabelledTriplet;
use crate::text::{normal_answer, one_line};

/// Labels consistent triplets, after giving about `share` of them the precise answer of another one.
///
/// The other triplet answers the same instruction where there is such a one, so that the answer is of the right sort
/// and only reading tells. A triplet for which no other has a different answer stays consistent.
///
/// ```
/// let triplet = |id: &str, precise: &str| serde_json::from_value(serde_json::json!({
///     "id": id, "pair": id, "instruction": "Which colour?", "informative": format!("It is {precise}."),
///     "precise": precise,
/// })).unwrap();
/// let labelled = synthesis::spoil(&[triplet("a", "red"), triplet("b", "blue")], 1.0, 0);
/// assert_eq!(labelled[0].triplet.precise, "blue");
/// assert_eq!(labelled[0].extracted.as_deref(), Some("red"));
/// ```
pub fn spoil(triplets: &[Triplet], share: f64, seed: u64) -> Vec<LabelledTriplet> {
    let questions: Vec<String> = triplets
        .iter()
        .map(|t| one_line(&t.instruction).to_lowercase())
        .collect();
    let answers: Vec<String> = triplets.iter().map(|t| normal_answer(&t.precise)).collect();
    let mut by_question: std::collections::HashMap<&str, Vec<usize>> =
        std::collections::HashMap::new();
    for (at, question) in questions.iter().enumerate() {
        by_question.entry(question).or_default().push(at);
    }
    let all: Vec<usize> = (0..triplets.len()).collect();
    let other = |rng: &mut Rng, pool: &[usize], at: usize| {
        // A few draws find another answer wherever other answers are not rare; then the whole pool is looked through.
        let differs = |i: &usize| answers[*i] != answers[at];
        let drawn = (0..8).map(|_| *rng.choose(pool)).find(differs);
        drawn.or_else(|| pool.iter().copied().find(differs))
    };
    let label = |(at, triplet): (usize, &Triplet)| {
        let mut rng = Rng::new(hash(seed, &format!("spoil {}", triplet.id)));
        let swap = rng
            .chance(share)
            .then(|| {
                other(&mut rng, &by_question[questions[at].as_str()], at)
                    .or_else(|| other(&mut rng, &all, at))
            })
            .flatten();
        let mut labelled = LabelledTriplet {
            triplet: triplet.clone(),
            label: Consistency::Yes,
            extracted: Some(triplet.precise.clone()),
        };
        if let Some(from) = swap {
            labelled.triplet.precise.clone_from(&triplets[from].precise);
            labelled.label = Consistency::No;
        }
        labelled
    };
    triplets.iter().enumerate().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::triplet;

    #[test]
    fn about_the_share_gets_a_different_answer_of_the_same_question() {
        let colours = ["red", "blue", "green"];
        let triplets: Vec<Triplet> = (0..300)
            .map(|i| match i % 2 {
                0 => triplet(&i.to_string(), ["Which colour?", "x", colours[i % 3]]),
                _ => triplet(&i.to_string(), ["How many?", "x", ["1", "2"][i / 2 % 2]]),
            })
            .collect();
        let labelled = spoil(&triplets, 0.2, 1);
        let wrong: Vec<&LabelledTriplet> = labelled
            .iter()
            .filter(|l| l.label == Consistency::No)
            .collect();
        assert!((40..80).contains(&wrong.len()), "{}", wrong.len());
        for l in wrong {
            assert_ne!(Some(&l.triplet.precise), l.extracted.as_ref());
            assert_eq!(
                colours.contains(&&*l.triplet.precise),
                l.triplet.instruction == "Which colour?"
            );
        }
        for (l, t) in labelled
            .iter()
            .zip(&triplets)
            .filter(|(l, _)| l.label == Consistency::Yes)
        {
            assert_eq!(&l.triplet, t);
        }
    }

    #[test]
    fn a_rare_other_answer_is_found_and_a_lone_one_stays() {
        let mut triplets: Vec<Triplet> = (0..200)
            .map(|i| triplet(&i.to_string(), ["Q?", "x", "yes"]))
            .collect();
        assert!(
            spoil(&triplets, 1.0, 1)
                .iter()
                .all(|l| l.label == Consistency::Yes)
        );
        triplets.push(triplet("n", ["Other?", "x", "no"]));
        assert!(
            spoil(&triplets, 1.0, 1)
                .iter()
                .all(|l| l.label == Consistency::No)
        );
    }
}
