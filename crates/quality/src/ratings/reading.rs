//! Files of ratings, held against the sample that they are of.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use serde::Deserialize;
use serde_json::Value;
use synthesis::prompts::RubricPrompts;

use super::error::RatingsError;
use super::file::{FORMAT, RatedItem, RatingsFile, VERSION, choices};
use crate::aspect::{Aspect, Scale};
use crate::item::Item;
use crate::rating::{Ground, Rater, Rating};
use crate::sample::Sample;

/// The most classes that a message lists.
const MOST_LISTED: usize = 30;

/// What one person said, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct RatedSheet {
    /// The person.
    pub rater: Rater,
    /// What has a value, in the order of the file.
    pub ratings: Vec<Rating>,
    /// Remarks in the person's own words.
    pub notes: Vec<Note>,
    /// For each aspect that was asked, in the order of [`Aspect::ALL`]: how much of it is there.
    pub coverage: Vec<Coverage>,
    /// When the file was saved, as it says.
    pub made: String,
    /// The version of the rubrics that the person saw, as the file says.
    pub rubrics: String,
}

/// A remark on an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The item's key.
    pub key: String,
    /// The remark.
    pub text: String,
}

/// How many of the sample's items somebody rated by an aspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The aspect.
    pub aspect: Aspect,
    /// Items of the sample that have what it is about.
    pub items: usize,
    /// Those of them with a value.
    pub rated: usize,
}

impl Coverage {
    /// Items without a value.
    pub fn missing(self) -> usize {
        self.items - self.rated
    }
}

/// Reads the files of several people, in the order given. `rubrics` are those that the sheets were made with.
///
/// People are the same if their names are, spaces at the ends and capitals aside.
pub fn read(
    files: &[PathBuf],
    sample: &Sample,
    rubrics: &RubricPrompts,
) -> Result<Vec<RatedSheet>, RatingsError> {
    let mut known: HashMap<String, &Path> = HashMap::new();
    let mut sheets = Vec::with_capacity(files.len());
    for file in files {
        let content = std::fs::read(file).map_err(|source| RatingsError::Unreadable {
            file: file.clone(),
            source,
        })?;
        let sheet = parse(&content, file, sample, rubrics)?;
        if let Some(first) = known.insert(sheet.rater.name.to_lowercase(), file) {
            return Err(RatingsError::SameRater {
                first: first.to_owned(),
                file: file.clone(),
                rater: sheet.rater.name,
            });
        }
        sheets.push(sheet);
    }
    Ok(sheets)
}

/// Reads the content of one file; `file` is its name in errors.
pub fn parse(
    content: &[u8],
    file: &Path,
    sample: &Sample,
    rubrics: &RubricPrompts,
) -> Result<RatedSheet, RatingsError> {
    // Editors of some systems put a mark of the encoding before the text.
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    check_format(content, file)?;
    let found: RatingsFile = from_json(content, file)?;
    if found.sample != sample.id {
        return Err(RatingsError::OtherSample {
            file: file.to_owned(),
            found: found.sample,
            expected: sample.id.clone(),
        });
    }
    let name = found.rater.trim().to_owned();
    if name.is_empty() {
        return Err(RatingsError::NoRater {
            file: file.to_owned(),
        });
    }
    let items: HashMap<&str, &Item> = sample.items.iter().map(|i| (i.key.as_str(), i)).collect();
    let place = Place { file, rubrics };
    let mut seen = HashSet::new();
    let mut sheet = RatedSheet {
        rater: Rater {
            ground: Ground::Person,
            name,
        },
        ratings: Vec::new(),
        notes: Vec::new(),
        coverage: Vec::new(),
        made: found.made,
        rubrics: found.rubrics,
    };
    for rated in found.items {
        let Some(item) = items.get(rated.key.as_str()) else {
            return Err(RatingsError::ForeignItem {
                file: file.to_owned(),
                key: rated.key,
            });
        };
        if !seen.insert(rated.key.clone()) {
            return Err(RatingsError::DoubledItem {
                file: file.to_owned(),
                key: rated.key,
            });
        }
        sheet.ratings.extend(place.ratings(&rated, item)?);
        if !rated.note.trim().is_empty() {
            sheet.notes.push(Note {
                key: rated.key,
                text: rated.note,
            });
        }
    }
    if sheet.ratings.is_empty() {
        return Err(RatingsError::Nothing {
            file: file.to_owned(),
        });
    }
    let mut asked: HashSet<Aspect> = sheet.ratings.iter().map(|rating| rating.aspect).collect();
    for word in found.aspects {
        asked.insert(place.aspect(&word, None)?);
    }
    let of = |aspect: Aspect| Coverage {
        aspect,
        items: sample
            .items
            .iter()
            .filter(|item| aspect.is_of(item))
            .count(),
        rated: (sheet
            .ratings
            .iter()
            .filter(|rating| rating.aspect == aspect))
        .count(),
    };
    let listed = Aspect::ALL.into_iter().filter(|a| asked.contains(a));
    sheet.coverage = listed.map(of).collect();
    Ok(sheet)
}

/// Holds the file to the format before its other fields are read: those of another version may be others.
fn check_format(content: &[u8], file: &Path) -> Result<(), RatingsError> {
    #[derive(Deserialize)]
    struct Head {
        format: Option<Value>,
        version: Option<Value>,
    }

    let head: Head = from_json(content, file)?;
    if head.format.as_ref().and_then(Value::as_str) != Some(FORMAT) {
        return Err(RatingsError::NotRatings {
            file: file.to_owned(),
            problem: format!("`format` is not `{FORMAT}`"),
        });
    }
    match head.version {
        Some(version) if version.as_u64() == Some(VERSION) => Ok(()),
        version => Err(RatingsError::OtherVersion {
            file: file.to_owned(),
            found: version.unwrap_or_default().to_string(),
            known: VERSION,
        }),
    }
}

fn from_json<'a, T: Deserialize<'a>>(content: &'a [u8], file: &Path) -> Result<T, RatingsError> {
    serde_json::from_slice(content).map_err(|source| {
        let file = file.to_owned();
        if source.is_data() {
            let problem = source.to_string();
            RatingsError::NotRatings { file, problem }
        } else {
            RatingsError::NotJson { file, source }
        }
    })
}

/// Where ratings stand, and what their words mean.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a Path,
    rubrics: &'a RubricPrompts,
}

impl Place<'_> {
    fn ratings(self, rated: &RatedItem, item: &Item) -> Result<Vec<Rating>, RatingsError> {
        let mut found: Vec<Rating> = Vec::with_capacity(rated.values.0.len());
        for (word, value) in &rated.values.0 {
            let aspect = self.aspect(word, Some(&rated.key))?;
            if found.iter().any(|rating| rating.aspect == aspect) {
                return Err(RatingsError::DoubledAspect {
                    file: self.file.to_owned(),
                    key: rated.key.clone(),
                    aspect: word.clone(),
                });
            }
            if !aspect.is_of(item) {
                return Err(RatingsError::NotOfItem {
                    file: self.file.to_owned(),
                    key: rated.key.clone(),
                    aspect: aspect.as_str(),
                });
            }
            found.push(Rating {
                key: rated.key.clone(),
                aspect,
                value: Some(self.value(aspect, value, &rated.key)?),
                pass: 0,
                position: 0,
            });
        }
        Ok(found)
    }

    fn aspect(self, word: &str, key: Option<&String>) -> Result<Aspect, RatingsError> {
        Aspect::from_str(word).map_err(|unknown| RatingsError::UnknownAspect {
            file: self.file.to_owned(),
            key: key.cloned(),
            aspect: unknown.word,
            known: unknown.known,
        })
    }

    fn value(self, aspect: Aspect, value: &Value, key: &str) -> Result<usize, RatingsError> {
        let words = choices(aspect, self.rubrics);
        let found = match aspect.scale() {
            Scale::Levels => value.as_u64().filter(|level| (1..=5).contains(level)),
            Scale::YesNo | Scale::Classes => {
                let place = words.iter().position(|word| value.as_str() == Some(word));
                place.map(|place| place as u64 + 1)
            }
        };
        found
            .and_then(|value| usize::try_from(value).ok())
            .ok_or_else(|| RatingsError::OutOfRange {
                file: self.file.to_owned(),
                key: key.to_owned(),
                aspect: aspect.as_str(),
                found: value.to_string(),
                expected: match aspect.scale() {
                    Scale::Levels => "a whole number from 1 to 5".to_owned(),
                    _ if words.len() > MOST_LISTED => {
                        format!("one of the {} classes of the rubrics", words.len())
                    }
                    _ => format!("one of {}", words.join(", ")),
                },
            })
    }
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
