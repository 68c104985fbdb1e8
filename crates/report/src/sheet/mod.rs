//! A page on which a person rates a sample of data: one file that works without a network and without a server.
//!
//! It takes a [`Sample`] and gives HTML with everything inside: the items, small copies of their pictures, the rubrics, a script. It
//! hides where items come from: neither the sets' names nor ids, tasks, authors or verdicts are in it, and the order of items is a
//! digest's. What the person says is saved by the browser and, on request, to a file that [`quality::ratings`] reads.
//!
//! Texts of data reach the page as JSON alone, in which `<` is escaped, and its script sets text and never markup; the page's
//! policy allows this one script, this one style and pictures inside the page.

mod page;
mod pictures;
mod questions;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use quality::ratings::{FORMAT, VERSION};
use quality::{Aspect, Item, Sample};
use serde_json::{Value, json};
use synthesis::prompts::{Prompts, RubricPrompts};

use self::pictures::Shelf;
use self::questions::Question;

/// The most bytes of a page, unless its texts alone are more.
pub const MOST_BYTES: usize = 15_000_000;

/// How a sheet is made.
#[derive(Clone, Debug)]
pub struct SheetOptions {
    /// What is asked, of the items that have it.
    pub aspects: Vec<Aspect>,
    /// Questions, levels and lists. Whoever reads the ratings needs the same.
    pub rubrics: RubricPrompts,
    /// Whom the sheet is for. The name stands in its field, and each name has an order of items of its own.
    pub rater: Option<String>,
    /// The most bytes of the page: pictures are made smaller until they fit.
    pub most_bytes: usize,
}

impl Default for SheetOptions {
    /// Every aspect, the built-in rubrics, nobody's name.
    fn default() -> Self {
        Self {
            aspects: Aspect::ALL.to_vec(),
            rubrics: Prompts::default().rubrics,
            rater: None,
            most_bytes: MOST_BYTES,
        }
    }
}

/// A page, and what could not be put on it.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The page.
    pub html: String,
    /// Pictures on it; one that several items share counts once.
    pub pictures: usize,
    /// Pictures that cannot be read: in their place the page says so.
    pub unreadable: Vec<PathBuf>,
}

/// A sample of which no sheet can be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// Nothing to rate.
    #[error("the sample has no items, so there is nothing to rate")]
    NoItems,
    /// Nothing is asked of any item.
    #[error("none of the aspects that are asked is one of any item: {}", list(.asked))]
    NoAspects {
        /// The aspects.
        asked: Vec<Aspect>,
    },
    /// An item without a key, or two items with one: ratings could not be told apart.
    #[error(
        "the item `{id}` of the set `{set}` has the key `{key}`, which is empty or another item's; draw the sample anew"
    )]
    Key {
        /// The set.
        set: String,
        /// The item's id.
        id: String,
        /// The key.
        key: String,
    },
}

fn list(aspects: &[Aspect]) -> String {
    let words: Vec<&str> = aspects.iter().map(|aspect| aspect.as_str()).collect();
    words.join(", ")
}

/// Makes the sheet of a sample.
///
/// ```
/// use quality::{Item, Sample};
/// use report::sheet::{SheetOptions, sheet};
///
/// let item = Item {
///     key: "5d1c".to_owned(),
///     set: "kestrel".to_owned(),
///     exchanges: vec![["What dish is it?".to_owned(), "A stew.".to_owned()]],
///     ..Item::default()
/// };
/// let sample = Sample { id: "0f3a".to_owned(), seed: 1, sets: Vec::new(), items: vec![item] };
/// let sheet = sheet(&sample, &SheetOptions::default())?;
/// assert!(sheet.html.contains("A stew.") && !sheet.html.contains("kestrel"));
/// # Ok::<(), report::sheet::SheetError>(())
/// ```
pub fn sheet(sample: &Sample, options: &SheetOptions) -> Result<Sheet, SheetError> {
    check(sample)?;
    let asked: Vec<Aspect> = (Aspect::ALL.into_iter())
        .filter(|aspect| options.aspects.contains(aspect))
        .filter(|aspect| sample.items.iter().any(|item| aspect.is_of(item)))
        .collect();
    if asked.is_empty() {
        return Err(SheetError::NoAspects {
            asked: options.aspects.clone(),
        });
    }
    let questions: Vec<Question> = (asked.iter())
        .map(|&aspect| Question::new(aspect, &options.rubrics))
        .collect();
    let items = shuffled(sample, options.rater.as_deref().unwrap_or_default());
    let mut shelf = Shelf::of(&items);
    let rows: Vec<Value> = (items.iter())
        .map(|item| row(item, &asked, &shelf))
        .collect();
    let data = json!({
        "format": FORMAT,
        "version": VERSION,
        "sample": sample.id,
        "rubrics": options.rubrics.version,
        "rater": options.rater,
        "aspects": questions,
        "items": rows,
    });
    let page = page::Page {
        data: escaped(&data.to_string()),
        questions: &questions,
        items: items.len(),
    };
    let texts = page.html(&[]).len();
    let small = shelf.small(options.most_bytes.saturating_sub(texts));
    Ok(Sheet {
        html: page.html(&small),
        pictures: small.len(),
        unreadable: shelf.unreadable,
    })
}

fn check(sample: &Sample) -> Result<(), SheetError> {
    if sample.items.is_empty() {
        return Err(SheetError::NoItems);
    }
    let mut keys = HashSet::new();
    let bad = (sample.items.iter()).find(|item| item.key.is_empty() || !keys.insert(&item.key));
    bad.map_or(Ok(()), |item| {
        Err(SheetError::Key {
            set: item.set.clone(),
            id: item.id.clone(),
            key: item.key.clone(),
        })
    })
}

/// The items in an order that says nothing about their sets, the same for the same seed and rater.
fn shuffled<'a>(sample: &'a Sample, rater: &str) -> Vec<&'a Item> {
    let mut items: Vec<&Item> = sample.items.iter().collect();
    let rater = rater.trim().to_lowercase();
    let place = |item: &&Item| {
        let text = format!("{}\n{}\n{rater}", sample.seed, item.key);
        (corpus::digest::short(text), item.key.clone())
    };
    items.sort_by_cached_key(place);
    items
}

/// What the page knows of an item.
fn row(item: &Item, asked: &[Aspect], shelf: &Shelf) -> Value {
    let asks: Vec<usize> = (asked.iter().enumerate())
        .filter(|(_, aspect)| aspect.is_of(item))
        .map(|(place, _)| place)
        .collect();
    // A picture that cannot be read is null.
    let pictures: Vec<Option<usize>> = item.images.iter().map(|path| shelf.place(path)).collect();
    let (precise, informative) = if item.is_triplet() {
        (&item.precise, &item.informative)
    } else {
        (&None, &None)
    };
    json!({
        "key": item.key,
        "pictures": pictures,
        "caption": item.caption,
        "exchanges": item.exchanges,
        "precise": precise,
        "informative": informative,
        "asks": asks,
    })
}

/// JSON that can stand in a script element: nothing in it ends the element or opens a comment, and nothing turns the order of
/// what is read in the page's source.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 50);
    for character in json.chars() {
        match character {
            '<'
            | '>'
            | '&'
            | '\u{7f}'..='\u{9f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                // Writing to a string does not fail.
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests;
