//! Short answers of several kinds in one task: yes or no, a number, a phrase.

use super::closed::read_yes_no;
use super::names::Names;
use super::normalise::words;
use super::overlap::exact_match;
use super::score::Score;

/// Reads an answer in the way that its label asks for; what cannot be read is wrong.
///
/// A label of yes or no: [`read_yes_no`]. A number: the only number in the answer (number words up to ten count). Else
/// the whole answer after normalisation, or, where `names` has the label, the only name of the list in it.
///
/// ```
/// use evaluation::metrics::{Names, short_answer};
/// let states = Names::new(&["flooded", "non flooded"]);
/// assert_eq!(short_answer("There are three buildings.", "3", &states).value, 100.0);
/// assert_eq!(short_answer("The road is non-flooded.", "non flooded", &states).value, 100.0);
/// ```
pub fn short_answer(prediction: &str, label: &str, names: &Names) -> Score {
    let label_words = words(label);
    let found = words(prediction);
    match label_words.as_slice() {
        [word] if word == "yes" || word == "no" => {
            Score::read(read_yes_no(prediction), &(word == "yes"))
        }
        [number] if is_number(number) => {
            let mut numbers = found.iter().filter(|word| is_number(word));
            let only = numbers.next().filter(|_| numbers.next().is_none());
            Score::read(
                only.and_then(|n| n.parse::<f64>().ok()),
                &number.parse().unwrap_or(f64::NAN),
            )
        }
        _ => match names.position(label) {
            Some(truth) if found != label_words => Score::read(names.read(prediction), &truth),
            _ => exact_match(prediction, label),
        },
    }
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit() || "-.".contains(c))
        && word.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_label_asks_for() {
        let names = Names::new(&["flooded", "non flooded"]);
        for (prediction, label, expected) in [
            ("Yes, it is.", "Yes", Score::hit(true)),
            ("It is flooded", "yes", Score::UNREADABLE),
            ("4", "four", Score::hit(true)),
            ("about 4 of 7", "4", Score::UNREADABLE),
            ("4.0", "4", Score::hit(true)),
            ("many", "4", Score::UNREADABLE),
            ("5", "4", Score::hit(false)),
            ("flooded", "non flooded", Score::hit(false)),
            ("The road is flooded", "flooded", Score::hit(true)),
            ("dry", "flooded", Score::UNREADABLE),
            (
                "flooded,non flooded",
                "flooded,non flooded",
                Score::hit(true),
            ),
            ("a brown river", "brown river", Score::hit(true)),
            ("", "brown river", Score::UNREADABLE),
        ] {
            assert_eq!(
                short_answer(prediction, label, &names),
                expected,
                "{prediction} / {label}"
            );
        }
    }
}
