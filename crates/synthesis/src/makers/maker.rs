//! The table of makers.

use corpus::{Pair, Triplet};
use serde::{Deserialize, Serialize};

use super::asks::Asks;
use super::general::general_triplets;
use super::one_shot::OneShot;
use super::rules::rule_tasks;
use super::text_only::TextOnly;
use super::with_picture::WithPicture;
use crate::mix::SyntheticTask;
use crate::outcome::Outcome;
use crate::prompts::Prompts;

/// How a maker comes to its tasks.
#[derive(Clone, Copy)]
pub enum Way {
    /// A synthesizer writes triplets; see [`synthesis_requests`](crate::synthesis_requests).
    Synthesizer,
    /// A model writes conversations.
    Asks(&'static dyn Asks),
    /// Tasks are cut out of the pairs under a seed.
    Cuts(fn(&[Pair], u64, &Prompts) -> Outcome<SyntheticTask>),
    /// The records have triplets of their own.
    Takes(fn(&[Pair]) -> Outcome<Triplet>),
}

macro_rules! makers {
    ($($(#[$about:meta])* $name:ident = $word:literal, $told:literal => $way:expr,)+) => {
        /// Who writes the tasks.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Maker {
            $($(#[$about])* #[serde(rename = $word)] $name,)+
        }

        corpus::words!(Maker { $($name = $word),+ });

        impl Maker {
            /// How it works.
            pub fn way(self) -> Way {
                match self {
                    $(Self::$name => $way,)+
                }
            }

            /// What its tasks are, to follow "tasks", for reports and cards.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $told,)+
                }
            }
        }
    };
}

makers! {
    /// A synthesizer that was tuned on seed data (paper, section 3.1).
    #[default]
    Synthesizer = "synthesizer", "that the synthesizer wrote" => Way::Synthesizer,
    /// Templates over captions and fields, in the manner of LLaVA-Chef.
    Rules = "rules", "that rules cut out of captions and fields" => Way::Cuts(rule_tasks),
    /// A language model that reads the caption alone, in the manner of LLaVA-Med.
    TextOnly = "text-only", "that a language model wrote from the captions alone" => Way::Asks(&TextOnly),
    /// A multimodal model that sees picture and caption, in the manner of PubMedVision.
    WithPicture = "with-picture", "that a multimodal model wrote from pictures and captions" => Way::Asks(&WithPicture),
    /// A multimodal model that is asked once for an instruction with its answer, as the paper's RS-4o.
    OneShot = "one-shot", "that a multimodal model wrote, asked once about each picture and caption" => Way::Asks(&OneShot),
    /// The tasks that the records bring with them, as seed data do (paper, table 5).
    General = "general", "that the records brought with them" => Way::Takes(general_triplets),
}

impl Maker {
    /// The maker's way of asking a model; none of a synthesizer and of makers without a model.
    ///
    /// ```
    /// use synthesis::makers::Maker;
    /// assert!(Maker::OneShot.asks().is_some_and(|asks| asks.shows_pictures()));
    /// assert!(Maker::Rules.asks().is_none());
    /// ```
    pub fn asks(self) -> Option<&'static dyn Asks> {
        match self.way() {
            Way::Asks(asks) => Some(asks),
            Way::Synthesizer | Way::Cuts(_) | Way::Takes(_) => None,
        }
    }

    /// Whether it gives triplets, which a judge can compare the two answers of; others give conversations.
    ///
    /// ```
    /// use synthesis::makers::Maker;
    /// assert!(Maker::General.gives_triplets() && !Maker::TextOnly.gives_triplets());
    /// ```
    pub fn gives_triplets(self) -> bool {
        matches!(self.way(), Way::Synthesizer | Way::Takes(_))
    }
}
