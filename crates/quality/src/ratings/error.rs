//! What can be wrong with files of ratings.

use std::path::PathBuf;

/// A file of ratings that cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum RatingsError {
    /// The system refused.
    #[error("cannot read the ratings `{}`: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Text that is no JSON, or was cut off.
    #[error("`{}` is not JSON: {source}; was it saved to its end?", file.display())]
    NotJson {
        /// The file.
        file: PathBuf,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// JSON, yet nothing that a rating sheet saves.
    #[error("`{}` is not a file of ratings: {problem}", file.display())]
    NotRatings {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A format of another program.
    #[error("`{}` has version {found} of the format, this program reads version {known}", file.display())]
    OtherVersion {
        /// The file.
        file: PathBuf,
        /// Its version, as it is written.
        found: String,
        /// What is read.
        known: u64,
    },
    /// The sheet was made of other items.
    #[error("`{}` rates the sample `{found}`, not `{expected}`: its sheet was made of another sample", file.display())]
    OtherSample {
        /// The file.
        file: PathBuf,
        /// The sample that it names.
        found: String,
        /// The sample that ratings are wanted of.
        expected: String,
    },
    /// Nobody's ratings.
    #[error("`{}` does not say who rated: `rater` is empty", file.display())]
    NoRater {
        /// The file.
        file: PathBuf,
    },
    /// A key that is not the sample's.
    #[error("`{}` rates the item `{key}`, which the sample does not have", file.display())]
    ForeignItem {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
    },
    /// An item that stands twice.
    #[error("`{}` has the item `{key}` twice", file.display())]
    DoubledItem {
        /// The file.
        file: PathBuf,
        /// Its key.
        key: String,
    },
    /// An aspect of an item that stands twice.
    #[error("`{}` has the aspect `{aspect}` of the item `{key}` twice", file.display())]
    DoubledAspect {
        /// The file.
        file: PathBuf,
        /// The item's key.
        key: String,
        /// The aspect's word.
        aspect: String,
    },
    /// A word that is no aspect.
    #[error("`{}` names the unknown aspect `{aspect}`{}; expected one of {}", file.display(), of_item(.key.as_ref()), .known.join(", "))]
    UnknownAspect {
        /// The file.
        file: PathBuf,
        /// The item's key; none in the list of what was asked.
        key: Option<String>,
        /// The word.
        aspect: String,
        /// The words that there are.
        known: &'static [&'static str],
    },
    /// A value of what the item does not have: an answer of a triplet, a picture.
    #[error("`{}` rates `{aspect}` of the item `{key}`, which has nothing of the kind", file.display())]
    NotOfItem {
        /// The file.
        file: PathBuf,
        /// The item's key.
        key: String,
        /// The aspect's word.
        aspect: &'static str,
    },
    /// A value that is not on the aspect's scale.
    #[error("`{}` gives `{aspect}` of the item `{key}` the value {found}; expected {expected}", file.display())]
    OutOfRange {
        /// The file.
        file: PathBuf,
        /// The item's key.
        key: String,
        /// The aspect's word.
        aspect: &'static str,
        /// The value, as JSON.
        found: String,
        /// What could stand there.
        expected: String,
    },
    /// Two files of one person.
    #[error("`{}` and `{}` are both of the rater `{rater}`: leave the older one out, or let each person have a name of their own", first.display(), file.display())]
    SameRater {
        /// The file that was read first.
        first: PathBuf,
        /// The other.
        file: PathBuf,
        /// Who.
        rater: String,
    },
    /// No item has a value.
    #[error("`{}` holds no rating at all", file.display())]
    Nothing {
        /// The file.
        file: PathBuf,
    },
}

fn of_item(key: Option<&String>) -> String {
    key.map_or_else(String::new, |key| format!(" of the item `{key}`"))
}
