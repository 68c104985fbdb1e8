//! Enums of which each variant is a word in files, recipes and on the command line.
//!
//! [`words!`](crate::words!) takes one list of variants and words, and everything that goes from the one to the other
//! comes from it. A variant that the list lacks does not compile.

/// A word that names no variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is none of {}", known.join(", "))]
pub struct UnknownWord {
    /// What was written.
    pub word: String,
    /// The words that there are.
    pub known: &'static [&'static str],
}

/// Gives an enum without fields its words: `ALL`, `WORDS`, `as_str` and `FromStr`.
///
/// ```
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum Side {
///     Left,
///     Right,
/// }
/// corpus::words!(Side { Left = "left", Right = "right" });
///
/// assert_eq!("right".parse(), Ok(Side::Right));
/// assert_eq!(Side::Left.as_str(), "left");
/// assert_eq!(Side::WORDS, ["left", "right"]);
/// let error = "up".parse::<Side>().expect_err("no side");
/// assert_eq!(error.to_string(), "`up` is none of left, right");
/// ```
#[macro_export]
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// All of them, in the order in which they are listed for people.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The words of [`Self::ALL`], in the same order.
            pub const WORDS: [&'static str; [$($word),+].len()] = [$($word),+];

            /// The word that stands for it in files.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(word: &str) -> ::std::result::Result<Self, Self::Err> {
                Self::ALL
                    .into_iter()
                    .find(|known| known.as_str() == word)
                    .ok_or_else(|| $crate::words::UnknownWord {
                        word: word.to_owned(),
                        known: &Self::WORDS,
                    })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use crate::formats::Format;
    use crate::{Reason, Role};

    /// The words are those that `serde` writes.
    fn check<T: Serialize + Copy>(all: &[T], as_str: impl Fn(T) -> &'static str) {
        for &one in all {
            let written = serde_json::to_value(one).expect("serializable");
            assert_eq!(written, as_str(one));
        }
    }

    #[test]
    fn words_are_those_of_the_files() {
        check(&Role::ALL, Role::as_str);
        check(&Reason::ALL, Reason::as_str);
        check(&Format::ALL, Format::as_str);
    }
}
