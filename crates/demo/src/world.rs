//! The little world of the demo: captions and questions about pictograms whose truth is known.
//!
//! The same functions describe general and food pictograms and invented things, so that what a model learns is the
//! form, and what it has to find out is the content. Nothing here knows a model or a stage.

use corpus::SeedTask;
use corpus::seed::Rng;
use serde::{Deserialize, Serialize};

use evaluation::tasks::FileMetric;

/// The eleven colour names of the world.
pub const COLOURS: [&str; 11] = [
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "gray", "white",
];

/// What is true of one picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// The concept's English name.
    pub name: String,
    /// A singular noun for its group, such as `fruit`.
    pub kind: String,
    /// The most visible colour.
    pub colour: String,
    /// Words that go with it.
    pub keywords: Vec<String>,
    /// A short definition without a full stop.
    pub gloss: Option<String>,
}

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asks {
    /// The name of the thing.
    Name,
    /// Its kind.
    Kind,
    /// Its main colour.
    Colour,
    /// Whether it is of some kind.
    YesNo,
    /// Which of three kinds it is.
    Choice,
}

impl Asks {
    /// Every question of the world.
    pub const ALL: [Self; 5] = [
        Self::Name,
        Self::Kind,
        Self::Colour,
        Self::YesNo,
        Self::Choice,
    ];

    /// How an answer is scored.
    pub fn metric(self) -> FileMetric {
        match self {
            Self::YesNo => FileMetric::YesNo,
            Self::Choice => FileMetric::Choice,
            _ => FileMetric::ExactMatch,
        }
    }

    /// The words that it is asked in, each as often as the others; `{}` stands for what it asks about.
    pub fn forms(self) -> &'static [&'static str] {
        match self {
            Self::Name => &[
                "What is shown in the picture?",
                "What does the picture show?",
            ],
            Self::Kind => &["What kind of thing is it?", "Which kind of thing is shown?"],
            Self::Colour => &["What is the main colour?", "Which colour is seen most?"],
            Self::YesNo => &["Is it a kind of {}?"],
            Self::Choice => &["Is it {}?"],
        }
    }

    /// The task name in results.
    pub fn task(self) -> &'static str {
        match self {
            Self::Name => "open-question",
            Self::Kind => "kind",
            Self::Colour => "colour",
            Self::YesNo => "yes-no",
            Self::Choice => "choice",
        }
    }
}

/// A question with its true short answer and the true long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What it asks for.
    pub asks: Asks,
    /// The words of the question.
    pub instruction: String,
    /// The short answer.
    pub precise: String,
    /// The long answer, from which the short one follows.
    pub informative: String,
    /// The options of a choice, else empty.
    pub options: Vec<String>,
}

/// A caption of the thing, in one of four forms.
pub fn caption(thing: &Thing, rng: &mut Rng) -> String {
    let Thing {
        name, kind, colour, ..
    } = thing;
    let mut text = match rng.below(4) {
        0 => format!("A picture of {name}. It is a kind of {kind}. The main colour is {colour}."),
        1 => format!("The picture shows {name}, a kind of {kind}, drawn mostly in {colour}."),
        2 => format!("This drawing of {name} is mostly {colour}. Its subject is a kind of {kind}."),
        _ => format!("Here we see {name}. Most of it is {colour}. This is a kind of {kind}."),
    };
    if thing.keywords.len() >= 2 && rng.chance(0.5) {
        let (first, second) = (&thing.keywords[0], &thing.keywords[1]);
        text.extend([" It goes with ", first, " and ", second, "."]);
    }
    if let Some(gloss) = &thing.gloss
        && gloss.len() <= 80
        && rng.chance(0.5)
    {
        text.extend([" ", &capitalised(gloss), "."]);
    }
    text
}

/// A caption that ends in two kinds that the thing does not belong to, and these kinds: who knows a domain tells what is
/// easily confused. At least two of `kinds` must not be the thing's.
pub fn contrasting_caption(
    thing: &Thing,
    kinds: &[String],
    rng: &mut Rng,
) -> (String, [String; 2]) {
    let mut text = caption(thing, rng);
    let others = two_other_kinds(&thing.kind, kinds, rng);
    let [first, second] = &others;
    if rng.chance(0.5) {
        text.extend([" It is neither a kind of ", first, " nor of ", second, "."]);
    } else {
        text.extend([" Do not take it for a kind of ", first, " or ", second, "."]);
    }
    (text, others)
}

/// A question about the thing. `kinds` are the kinds that wrong options and yes/no questions are drawn from; at least
/// two of them must not be the thing's.
pub fn question(thing: &Thing, asks: Asks, kinds: &[String], rng: &mut Rng) -> Question {
    let Thing {
        name, kind, colour, ..
    } = thing;
    let pick = |rng: &mut Rng| (*rng.choose(asks.forms())).to_owned();
    let about = |asked: &str| asks.forms()[0].replacen("{}", asked, 1);
    let (instruction, precise, informative, options) = match asks {
        Asks::Name => (
            pick(rng),
            name.clone(),
            format!("The picture shows {name}, a kind of {kind}."),
            Vec::new(),
        ),
        Asks::Kind => (
            pick(rng),
            kind.clone(),
            format!("It is a kind of {kind}: the picture shows {name}."),
            Vec::new(),
        ),
        Asks::Colour => (
            pick(rng),
            colour.clone(),
            format!("Most of it is {colour}: this is {name}."),
            Vec::new(),
        ),
        Asks::YesNo => {
            let yes = rng.chance(0.5);
            let asked = if yes {
                kind.clone()
            } else {
                other_kind(kind, kinds, rng)
            };
            let word = if yes { "yes" } else { "no" };
            (
                about(&asked),
                word.to_owned(),
                format!(
                    "{}, because it is {name}, a kind of {kind}.",
                    capitalised(word)
                ),
                Vec::new(),
            )
        }
        Asks::Choice => {
            let [first, second] = two_other_kinds(kind, kinds, rng);
            let mut options = vec![kind.clone(), first, second];
            rng.shuffle(&mut options);
            (
                about(&format!("{}, {} or {}", options[0], options[1], options[2])),
                kind.clone(),
                format!("It is {kind}, because the picture shows {name}."),
                options,
            )
        }
    };
    Question {
        asks,
        instruction,
        precise,
        informative,
        options,
    }
}

/// A long answer that is about another thing, so that the short one does not follow from it.
pub fn inconsistent(question: &Question, thing: &Thing, other: &Thing, rng: &mut Rng) -> SeedTask {
    let Thing {
        name, kind, colour, ..
    } = other;
    let informative = match question.asks {
        Asks::Name => format!("The picture shows {name}, a kind of {kind}."),
        Asks::Kind => format!("It is a kind of {kind}: the picture shows {name}."),
        Asks::Colour => {
            let wrong = (0..20)
                .map(|_| *rng.choose(&COLOURS))
                .find(|c| *c != thing.colour)
                .unwrap_or(colour);
            format!("Most of it is {wrong}: this is {name}.")
        }
        Asks::YesNo => {
            let opposite = if question.precise == "yes" {
                "No"
            } else {
                "Yes"
            };
            format!("{opposite}, because it is {name}, a kind of {kind}.")
        }
        Asks::Choice => {
            let wrong = question
                .options
                .iter()
                .find(|o| **o != question.precise)
                .unwrap_or(kind);
            format!("It is {wrong}, because the picture shows {name}.")
        }
    };
    SeedTask {
        instruction: question.instruction.clone(),
        informative,
        precise: question.precise.clone(),
    }
}

/// A thing that nobody has heard of: reading it teaches copying, not knowing.
pub fn invented(kinds: &[String], rng: &mut Rng) -> Thing {
    let mut name = invented_word(rng);
    if rng.chance(0.3) {
        name = format!("{name} {}", invented_word(rng));
    }
    Thing {
        name,
        kind: rng.choose(kinds).clone(),
        colour: (*rng.choose(&COLOURS)).to_owned(),
        keywords: vec![invented_word(rng), invented_word(rng)],
        gloss: None,
    }
}

/// The words and kinds that new things are made of.
#[derive(Clone, Debug)]
pub struct Lexicon {
    /// Kinds of the known things, sorted.
    pub kinds: Vec<String>,
    words: Vec<String>,
}

impl Lexicon {
    /// From what is known.
    pub fn new(things: &[Thing]) -> Self {
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list.dedup();
            list
        };
        let names = things
            .iter()
            .flat_map(|t| std::iter::once(&t.name).chain(&t.keywords));
        Self {
            kinds: sorted(things.iter().map(|t| t.kind.clone()).collect()),
            words: sorted(
                names
                    .flat_map(|n| n.split(' '))
                    .map(str::to_owned)
                    .collect(),
            ),
        }
    }

    /// A name that nobody has heard of: known words in new company, the head of one known word on the tail of another,
    /// or syllables. What begins like a known word and goes on otherwise has to be read to its end.
    pub fn new_name(&self, rng: &mut Rng) -> String {
        match rng.below(6) {
            0 => return invented(&self.kinds, rng).name,
            1 | 2 => return self.blend(rng),
            3 => return format!("{} {}", self.blend(rng), self.blend(rng)),
            _ => {}
        }
        let count = 1 + rng.below(3);
        let words: Vec<&str> = (0..count)
            .map(|_| rng.choose(&self.words).as_str())
            .collect();
        words.join(" ")
    }

    /// Two to four letters of one known word, and two to five of the end of another.
    fn blend(&self, rng: &mut Rng) -> String {
        let (head, tail) = (rng.choose(&self.words), rng.choose(&self.words));
        let (taken, left) = (2 + rng.below(3), 2 + rng.below(4));
        let start = head.chars().take(taken);
        let end = tail.chars().skip(tail.chars().count().saturating_sub(left));
        start.chain(end).collect()
    }

    /// A thing that has to be read about, and the kinds that its questions draw from. Half of the time these are new
    /// too, so that kinds as well are copied and not recalled.
    pub fn unheard(&self, rng: &mut Rng) -> (Thing, Vec<String>) {
        let kinds = if rng.chance(0.5) {
            (0..6).map(|_| self.new_name(rng)).collect()
        } else {
            self.kinds.clone()
        };
        let mut thing = invented(&kinds, rng);
        thing.name = self.new_name(rng);
        thing.keywords = vec![self.new_name(rng), self.new_name(rng)];
        (thing, kinds)
    }
}

fn invented_word(rng: &mut Rng) -> String {
    const STARTS: [&str; 24] = [
        "b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p",
        "pl", "r", "s", "st", "t", "v", "w",
    ];
    const VOWELS: [&str; 10] = ["a", "e", "i", "o", "u", "ea", "ou", "oo", "ai", "y"];
    const ENDS: [&str; 14] = [
        "", "n", "r", "l", "s", "t", "ck", "m", "p", "d", "sh", "nd", "x", "g",
    ];
    let mut word = String::new();
    for _ in 0..=(1 + rng.below(2)) {
        word.push_str(rng.choose::<&str>(&STARTS));
        word.push_str(rng.choose::<&str>(&VOWELS));
    }
    word.push_str(rng.choose::<&str>(&ENDS));
    word
}

fn other_kind(kind: &str, kinds: &[String], rng: &mut Rng) -> String {
    for _ in 0..100 {
        let other = rng.choose(kinds);
        if other != kind {
            return other.clone();
        }
    }
    kinds
        .iter()
        .find(|k| *k != kind)
        .cloned()
        .unwrap_or_else(|| "thing".to_owned())
}

fn two_other_kinds(kind: &str, kinds: &[String], rng: &mut Rng) -> [String; 2] {
    let first = other_kind(kind, kinds, rng);
    let mut second = other_kind(kind, kinds, rng);
    for _ in 0..20 {
        if second != first {
            break;
        }
        second = other_kind(kind, kinds, rng);
    }
    [first, second]
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_about_a_contrasting_caption_are_answered_by_it() {
        let kinds: Vec<String> = ["fruit", "drink", "vehicle", "tool"]
            .map(String::from)
            .to_vec();
        let mut rng = Rng::new(5);
        for _ in 0..100 {
            let thing = invented(&kinds, &mut rng);
            let (caption, others) = contrasting_caption(&thing, &kinds, &mut rng);
            assert!(others[0] != others[1] && !others.contains(&thing.kind));
            let choice = question(&thing, Asks::Choice, &others, &mut rng);
            assert!(choice.options.iter().all(|o| caption.contains(o.as_str())));
            let asked = question(&thing, Asks::YesNo, &others, &mut rng).instruction;
            let asked = asked
                .trim_start_matches("Is it a kind of ")
                .trim_end_matches('?');
            assert!(caption.contains(asked));
        }
    }

    #[test]
    fn inconsistent_answers_do_not_fit_together() {
        let kinds: Vec<String> = ["fruit", "drink", "vehicle", "tool"]
            .map(String::from)
            .to_vec();
        let mut rng = Rng::new(4);
        for _ in 0..100 {
            let (thing, other) = (invented(&kinds, &mut rng), invented(&kinds, &mut rng));
            let question = question(&thing, Asks::Colour, &kinds, &mut rng);
            let task = inconsistent(&question, &thing, &other, &mut rng);
            assert!(!synthesis::text::holds(&task.informative, &task.precise));
        }
    }
}
