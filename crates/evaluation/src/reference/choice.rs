//! Multiple choice by the rules of MMMU's parser (Yue et al., 2024; MMMU-Benchmark/MMMU, Apache-2.0) with the changes of the
//! method's authors: an option's text is looked for in answers longer than five characters, not words, and what cannot be
//! read is drawn by a generator of each item's own, not by one for all.

use crate::mersenne::Mersenne;

/// What was taken for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Position among the options.
    pub option: usize,
    /// Whether nothing could be read, so that it was drawn.
    pub drawn: bool,
}

/// The options of a question as the parser looks for them.
#[derive(Clone, Debug)]
pub struct Options {
    options: Vec<Sought>,
}

/// One option in the three ways in which it is looked for.
#[derive(Clone, Debug)]
struct Sought {
    bracketed: String,
    free: String,
    content: String,
}

impl Options {
    /// Options (key, content) in their order. There must be at least one.
    ///
    /// ```
    /// let options = evaluation::reference::Options::new(&[("A", "oak"), ("B", "ash")]);
    /// assert_eq!(options.read("Neither (B) nor A", 0).option, 1);
    /// ```
    pub fn new<K: AsRef<str>, C: AsRef<str>>(options: &[(K, C)]) -> Self {
        let sought = |(key, content): &(K, C)| Sought {
            bracketed: format!("({})", key.as_ref()),
            free: format!(" {} ", key.as_ref()),
            content: content.as_ref().to_lowercase(),
        };
        Self {
            options: options.iter().map(sought).collect(),
        }
    }

    /// Reads a prediction; `index` is the item's place in the published order and seeds the draw.
    pub fn read(&self, prediction: &str, index: usize) -> Chosen {
        let mut text = prediction;
        for mark in [',', '.', '!', '?', ';', ':', '\''] {
            text = text.trim_matches(mark);
        }
        let text = format!(" {text} ");
        let read = self
            .last(&text, |option| &option.bracketed)
            .or_else(|| self.last(&text, |option| &option.free))
            .or_else(|| {
                // Longer than five characters, spaces included.
                (text.chars().count() > 5)
                    .then(|| self.last(&text.to_lowercase(), |option| &option.content))
                    .flatten()
            });
        match read {
            Some(option) => Chosen {
                option,
                drawn: false,
            },
            None => Chosen {
                option: drawn(self.options.len(), index),
                drawn: true,
            },
        }
    }

    /// The option whose last occurrence is furthest right; the first one wins a tie.
    fn last(&self, text: &str, of: impl Fn(&Sought) -> &str) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        for (option, sought) in self.options.iter().enumerate() {
            let sought = of(sought);
            // Most options do not occur, and to see that from the front is many times faster than from the back.
            let place = text.contains(sought).then(|| text.rfind(sought)).flatten();
            if let Some(at) = place
                && best.is_none_or(|(furthest, _)| at > furthest)
            {
                best = Some((at, option));
            }
        }
        best.map(|(_, option)| option)
    }
}

/// Reads a prediction against options (key, content) in their order, as [`Options::read`] does.
pub fn choice<K: AsRef<str>, C: AsRef<str>>(
    prediction: &str,
    options: &[(K, C)],
    index: usize,
) -> Chosen {
    Options::new(options).read(prediction, index)
}

fn drawn(options: usize, index: usize) -> usize {
    let places: Vec<usize> = (0..options).collect();
    *Mersenne::new(index as u64).choice(&places)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [(&str, &str); 4] = [
        ("A", "CT"),
        ("B", "MRI"),
        ("C", "X-ray"),
        ("D", "Ultrasound"),
    ];

    #[test]
    fn reads_as_noted() {
        for (text, letter, drawn) in [
            ("(B)", "B", false),
            ("B", "B", false),
            ("The answer is B.", "B", false),
            ("B: MRI", "B", false),
            ("A CT scan", "A", false),
            ("I think it is an MRI", "B", false),
            ("MRI", "C", true),
            ("Either (A) or (C)", "C", false),
            ("mri scan not ct", "A", false),
            ("", "C", true),
        ] {
            let chosen = choice(text, &OPTIONS, 7);
            assert_eq!(
                (OPTIONS[chosen.option].0, chosen.drawn),
                (letter, drawn),
                "{text}"
            );
        }
    }

    #[test]
    fn draws_as_noted() {
        let drawn: String = (0..12)
            .map(|i| OPTIONS[choice("", &OPTIONS, i).option].0)
            .collect();
        assert_eq!(drawn, "DBABBCACBDAD");
    }
}
