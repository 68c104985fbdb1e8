//! The VQA answer normalisation, applied once and without the official code's accidents.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::vqa;

/// Lower case, no punctuation, number words as digits, no articles, contractions with their apostrophe.
///
/// The VQA convention (Antol et al., 2015) with these differences from its official code: a mark's fate depends on its
/// own place, not on whether some other place of the text has a space beside the same mark; a comma is removed only
/// from a number with thousands and parts two words elsewhere; every mark parts words, not only the 21 listed ones,
/// save `%`, which is a word; a minus sign before a number and a decimal point stay; an article stays at the end of a
/// text, where it is a name (`hepatitis A`); compatibility forms are folded first (Unicode NFKC).
///
/// ```
/// assert_eq!(evaluation::metrics::normalise("The T1-weighted image, of two lungs."), "t1 weighted image of 2 lungs");
/// ```
pub fn normalise(text: &str) -> String {
    words(text).join(" ")
}

/// The words of [`normalise`].
pub(super) fn words(text: &str) -> Vec<String> {
    let plain = plain(text);
    let words: Vec<&str> = plain.split(' ').filter(|w| !w.is_empty()).collect();
    let last = words.len().saturating_sub(1);
    words
        .iter()
        .enumerate()
        .filter(|&(at, word)| at == last || !vqa::ARTICLES.contains(word))
        .map(|(_, &word)| {
            vqa::digit(word)
                .or_else(|| vqa::contraction(word))
                .unwrap_or(word)
                .to_owned()
        })
        .collect()
}

/// Lower-cased text whose words are parted by spaces and hold no punctuation.
fn plain(text: &str) -> String {
    let chars: Vec<char> = text
        .nfkc()
        .flat_map(char::to_lowercase)
        .map(straight)
        .collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or(' ');
    let digit = |i: usize| at(i).is_ascii_digit();
    let mut out = String::with_capacity(text.len());
    for (i, &c) in chars.iter().enumerate() {
        let before = if i == 0 { ' ' } else { chars[i - 1] };
        let keep = match c {
            '\'' => before.is_alphanumeric() && at(i + 1).is_alphanumeric(),
            '.' => digit(i + 1) && !before.is_alphabetic(),
            '-' => digit(i + 1) && before.is_whitespace(),
            c => c.is_alphanumeric() || is_combining_mark(c),
        };
        let thousands =
            c == ',' && before.is_ascii_digit() && (i + 1..=i + 3).all(digit) && !digit(i + 4);
        match c {
            _ if keep => out.push(c),
            '%' => out.push_str(" % "),
            _ if thousands => {}
            _ => out.push(' '),
        }
    }
    out
}

/// Typographic apostrophes and minus signs as the typewriter's.
fn straight(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{02bc}' => '\'',
        '\u{2010}' | '\u{2011}' | '\u{2212}' => '-',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_what_means_the_same() {
        for (text, expected) in [
            ("T1-weighted MRI", "t1 weighted mri"),
            ("3.5 cm", "3.5 cm"),
            ("none", "0"),
            ("Two lungs", "2 lungs"),
            ("No.", "no"),
            ("1,000 c/b", "1000 c b"),
            ("1, 2,3", "1 2 3"),
            ("isnt it", "isn't it"),
            ("isn\u{2019}t it", "isn't it"),
            ("'quoted'", "quoted"),
            ("hepatitis A", "hepatitis a"),
            ("A hepatitis", "hepatitis"),
            ("-5 \u{2212}5 3-5", "-5 -5 3 5"),
            (".5 and 0.5", ".5 and 0.5"),
            ("50% or 50 %", "50 % or 50 %"),
            ("cm²", "cm2"),
            ("ＭＲＩ", "mri"),
            ("cafe\u{301}", "café"),
            ("x_ray;ct\n\tscan", "x ray ct scan"),
            ("", ""),
            ("?!…", ""),
        ] {
            assert_eq!(normalise(text), expected, "{text}");
            assert_eq!(normalise(expected), expected, "applied twice to {text}");
        }
    }
}
