//! What is true of a thing, as answers to the questions of the world.

use synthesis::truth::{Right, TrueAnswer, Truth};

use crate::world::{Asks, Thing};

/// The right answers to every question of the world about the thing that a pair shows.
pub fn truth(pair: String, thing: &Thing) -> Truth {
    let of = |asks: Asks| {
        let right = match asks {
            Asks::Name => Right::Answer(thing.name.clone()),
            Asks::Kind => Right::Answer(thing.kind.clone()),
            Asks::Colour => Right::Answer(thing.colour.clone()),
            Asks::YesNo => Right::Yes(vec![thing.kind.clone()]),
            Asks::Choice => Right::OneOf(vec![thing.kind.clone()]),
        };
        let answer = move |form: &&str| TrueAnswer {
            kind: asks.task().to_owned(),
            question: (*form).to_owned(),
            right: right.clone(),
        };
        asks.forms().iter().map(answer)
    };
    Truth {
        id: pair,
        answers: Asks::ALL.into_iter().flat_map(of).collect(),
    }
}

#[cfg(test)]
mod tests {
    use corpus::seed::Rng;

    use super::*;
    use crate::world::{Lexicon, invented, question};

    /// The true short answer, read from the words of an instruction; the other way to know it.
    fn answer(thing: &Thing, instruction: &str) -> Option<(Asks, String)> {
        let text = instruction.trim();
        match text {
            "What is shown in the picture?" | "What does the picture show?" => {
                return Some((Asks::Name, thing.name.clone()));
            }
            "What kind of thing is it?" | "Which kind of thing is shown?" => {
                return Some((Asks::Kind, thing.kind.clone()));
            }
            "What is the main colour?" | "Which colour is seen most?" => {
                return Some((Asks::Colour, thing.colour.clone()));
            }
            _ => {}
        }
        if let Some(asked) = text
            .strip_prefix("Is it a kind of ")
            .and_then(|t| t.strip_suffix('?'))
        {
            let word = if asked == thing.kind { "yes" } else { "no" };
            return Some((Asks::YesNo, word.to_owned()));
        }
        let rest = text.strip_prefix("Is it ")?.strip_suffix('?')?;
        let (head, last) = rest.rsplit_once(" or ")?;
        head.split(", ")
            .chain([last])
            .find(|o| *o == thing.kind)
            .map(|kind| (Asks::Choice, kind.to_owned()))
    }

    /// What both ways say.
    fn both(thing: &Thing, instruction: &str) -> Option<(&'static str, String)> {
        let known = truth("pair".to_owned(), thing);
        let expected = answer(thing, instruction).map(|(asks, answer)| (asks.task(), answer));
        let found = known.answer(instruction);
        let same = expected
            .as_ref()
            .map(|(kind, answer)| (*kind, answer.clone()));
        assert_eq!(found, same, "{instruction:?} of {thing:?}");
        expected
    }

    fn kinds() -> Vec<String> {
        ["fruit", "drink", "vehicle", "tool"]
            .map(String::from)
            .to_vec()
    }

    #[test]
    fn answers_every_question_that_the_world_asks() {
        let kinds = kinds();
        let mut rng = Rng::new(3);
        for _ in 0..200 {
            let thing = invented(&kinds, &mut rng);
            for asks in Asks::ALL {
                let question = question(&thing, asks, &kinds, &mut rng);
                assert_eq!(
                    both(&thing, &question.instruction),
                    Some((asks.task(), question.precise.clone()))
                );
                assert!(synthesis::text::holds(
                    &question.informative,
                    &question.precise
                ));
            }
        }
    }

    #[test]
    fn says_of_another_thing_what_the_words_say() {
        let kinds = kinds();
        let mut rng = Rng::new(6);
        let things: Vec<Thing> = (0..40).map(|_| invented(&kinds, &mut rng)).collect();
        let lexicon = Lexicon::new(&things);
        let (mut known, mut foreign) = (0, 0);
        for _ in 0..2000 {
            // What a synthesizer writes of one picture may be a question that fits another, or half of one.
            let (thing, _) = lexicon.unheard(&mut rng);
            let (other, others) = lexicon.unheard(&mut rng);
            let question = question(&other, *rng.choose(&Asks::ALL), &others, &mut rng);
            let mut text = question.instruction;
            match rng.below(6) {
                0 => text = format!(" {text}\n"),
                1 => text.truncate(text.len() - 1),
                2 => text = text.replacen(' ', "  ", 1),
                3 => text = text.replace(", ", ", or "),
                4 => text = text.replace(&other.kind, &thing.kind),
                _ => {}
            }
            match both(&thing, &text) {
                Some(_) => known += 1,
                None => foreign += 1,
            }
        }
        assert!(known > 500 && foreign > 300, "{known} known, {foreign} not");
    }

    #[test]
    fn knows_no_foreign_question() {
        let thing = invented(&kinds(), &mut Rng::new(9));
        for text in [
            "",
            "?",
            "Is it?",
            "Is it ?",
            "Is it or?",
            "Is it  or ?",
            "Is it a kind of",
            "Is it a kind of?",
            "Is it a kind offruit?",
            "What is shown in the picture",
            "what is the main colour?",
            "Who drew it?",
            "{}",
            "Is it {}?",
        ] {
            assert_eq!(both(&thing, text), None, "{text}");
        }
        // The words of these are the world's, so both answer.
        for text in ["Is it a kind of ?", "Is it a kind of {}?"] {
            assert!(both(&thing, text).is_some(), "{text}");
        }
    }
}
