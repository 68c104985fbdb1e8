//! Multiple choice as MMMU's parser with the published changes: an unreadable answer is drawn by lot.

use crate::mersenne::Mersenne;

/// What was taken for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Position among the options.
    pub option: usize,
    /// Whether nothing could be read, so that it was drawn.
    pub drawn: bool,
}

/// Reads a prediction against options (key, content) in their order; `index` is the item's place in the published order
/// and seeds the draw. There must be at least one option.
pub fn choice<K: AsRef<str>, C: AsRef<str>>(
    prediction: &str,
    options: &[(K, C)],
    index: usize,
) -> Chosen {
    let mut text = prediction;
    for mark in [',', '.', '!', '?', ';', ':', '\''] {
        text = text.trim_matches(mark);
    }
    let text = format!(" {text} ");
    let lower = text.to_lowercase();
    let last = |find: &dyn Fn(&(K, C)) -> Option<usize>| {
        let mut best: Option<(usize, usize)> = None;
        for (option, entry) in options.iter().enumerate() {
            // The first option wins a tie.
            if let Some(at) = find(entry)
                && best.is_none_or(|(place, _)| at > place)
            {
                best = Some((at, option));
            }
        }
        best.map(|(_, option)| option)
    };
    let read = last(&|(key, _)| text.rfind(&format!("({})", key.as_ref())))
        .or_else(|| last(&|(key, _)| text.rfind(&format!(" {} ", key.as_ref()))))
        .or_else(|| {
            // Longer than five characters, spaces included.
            (text.chars().count() > 5)
                .then(|| last(&|(_, content)| lower.rfind(&content.as_ref().to_lowercase())))
                .flatten()
        });
    match read {
        Some(option) => Chosen {
            option,
            drawn: false,
        },
        None => Chosen {
            option: drawn(options.len(), index),
            drawn: true,
        },
    }
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
