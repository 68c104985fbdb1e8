//! The items of a set one by one.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};

use corpus::digest::short;
use corpus::formats::{Format, Kind, Options, Reader};
use corpus::rejects::Groups;
use corpus::{Rejected, Sample, Seed, Triplet};
use serde::{Deserialize, Serialize};
use synthesis::SyntheticTask;

use super::error::Error;
use super::layout::{First, Layout};
use super::lines::{Line, Lines, reading};
use super::pairs::Pairs;
use super::records::{self, Found, Reason};
use super::source::{Joining, Source};
use super::verdicts::Verdicts;
use crate::item::Item;

/// The stage that a rejected row bears.
const STAGE: &str = "read";

/// The items of a set, and what of it cannot be used, in the order of the file.
pub struct Items {
    set: String,
    joining: Joining,
    rows: Rows,
    pending: VecDeque<Result<Item, Rejected>>,
    layout: Layout,
    why: String,
    /// Where the file's names of pictures start.
    root: PathBuf,
    pairs: Pairs,
    verdicts: Option<Verdicts>,
    seen: HashSet<u128>,
    num_without_pair: usize,
    num_inside: usize,
}

enum Rows {
    Triplets(Lines<Triplet>),
    Tasks(Lines<SyntheticTask>),
    Seeds(Box<Reader<Seed>>),
    Samples(Box<Reader<Sample>>),
}

/// What reading a set gave beside its items.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Read {
    /// The set.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What its records are.
    pub layout: Layout,
    /// By what that was recognised.
    pub why: String,
    /// Items that can be used.
    pub items: usize,
    /// Records that cannot, by reason.
    pub rejected: Groups<String>,
    /// What was read otherwise than one might think, with counts.
    pub notes: Vec<String>,
}

/// Reads a set, giving each item to `each`.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let file = folder.path().join("chats.json");
/// std::fs::write(&file, r#"[{"id": "1", "image": "a.png", "conversations": [
///     {"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A stew."}]}]"#)?;
/// let mut asked = Vec::new();
/// let read = quality::read(&quality::Source::new("mine", file), |item| asked.push(item.exchanges[0][0].clone()))?;
/// assert_eq!((read.items, asked[0].as_str()), (1, "What is it?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(source: &Source, mut each: impl FnMut(Item)) -> Result<Read, Error> {
    let mut items = Items::open(source)?;
    let (mut count, mut rejected) = (0, Groups::default());
    for found in items.by_ref() {
        match found? {
            Ok(item) => {
                count += 1;
                each(item);
            }
            Err(row) => rejected.add_rejected(&row),
        }
    }
    if count == 0 {
        return Err(Error::NothingUsable {
            set: source.name.clone(),
            path: source.path.clone(),
            rejected,
        });
    }
    Ok(Read {
        name: source.name.clone(),
        path: source.path.clone(),
        layout: items.layout,
        why: items.why.clone(),
        items: count,
        rejected,
        notes: items.notes(),
    })
}

/// All that is needed of a record to know which pairs occur.
#[derive(Deserialize)]
struct About {
    pair: String,
}

impl Items {
    /// Opens a set and reads what is known of its pairs.
    pub fn open(source: &Source) -> Result<Self, Error> {
        let in_set = |error: corpus::Error| Error::Unreadable {
            set: source.name.clone(),
            source: error,
        };
        let files = source.pairs.iter().chain(&source.verdicts);
        for path in [&source.path].into_iter().chain(files) {
            if !path.exists() {
                return Err(Error::Missing {
                    set: source.name.clone(),
                    path: path.clone(),
                });
            }
        }
        let (rows, layout, why, root) = open(source)?;
        let wanted = match layout {
            Layout::Triplets | Layout::Tasks if !source.pairs.is_empty() => {
                let mut wanted = HashSet::new();
                for line in Lines::<About>::open(&source.path).map_err(in_set)? {
                    if let Ok(About { pair }) = line.map_err(in_set)?.content {
                        wanted.insert(short(pair));
                    }
                }
                Some(wanted)
            }
            _ => None,
        };
        let pairs = Pairs::read(
            &source.pairs,
            source.images.as_deref(),
            source.unpack.as_deref(),
            wanted.as_ref(),
        );
        let verdicts = source.verdicts.as_deref();
        let verdicts = verdicts.map(|file| Verdicts::read(file, source.kept.as_deref()));
        Ok(Self {
            set: source.name.clone(),
            joining: source.joining.clone(),
            rows,
            pending: VecDeque::new(),
            layout,
            why,
            root,
            pairs: pairs.map_err(in_set)?,
            verdicts: verdicts.transpose().map_err(in_set)?,
            seen: HashSet::new(),
            num_without_pair: 0,
            num_inside: 0,
        })
    }

    /// What the records are.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// By what that was recognised.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What was read so far otherwise than one might think, with counts.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = match &self.rows {
            Rows::Triplets(_) | Rows::Tasks(_) => Vec::new(),
            Rows::Seeds(reader) => reader.notes(),
            Rows::Samples(reader) => reader.notes(),
        };
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                notes.push(format!("{count} {what}"));
            }
        };
        add(
            self.pairs.num_bad,
            "rows of the file of pairs cannot be read",
        );
        let of_filter = self.verdicts.as_ref();
        add(
            of_filter.map_or(0, |verdicts| verdicts.num_bad),
            "lines of the filter's files cannot be read",
        );
        add(
            self.num_without_pair,
            "items are about pairs that no file of pairs has: they are without picture and caption",
        );
        add(
            self.num_inside,
            "pictures lie inside the data file and have to be written out before they can be shown",
        );
        notes
    }

    /// The next record, which may be several items.
    fn take(&mut self) -> Option<Result<(), Error>> {
        let failed = |set: &str, source| {
            Some(Err(Error::Unreadable {
                set: set.to_owned(),
                source,
            }))
        };
        match &mut self.rows {
            Rows::Triplets(lines) => match lines.next()? {
                Err(error) => failed(&self.set, error),
                Ok(line) => {
                    self.line(line, |triplet| triplet.id.clone(), records::triplet);
                    Some(Ok(()))
                }
            },
            Rows::Tasks(lines) => match lines.next()? {
                Err(error) => failed(&self.set, error),
                Ok(line) => {
                    self.line(line, |task| task.id.clone(), |task, _| records::task(task));
                    Some(Ok(()))
                }
            },
            Rows::Seeds(reader) => match reader.next()? {
                Err(error) => failed(&self.set, error),
                Ok(Err(bad)) => {
                    let rejected = reader.rejected(bad);
                    self.pending.push_back(Err(rejected));
                    Some(Ok(()))
                }
                Ok(Ok(entry)) => {
                    let place = format!("{} {}", reader.unit(), entry.line);
                    self.num_inside += entry.inside.len();
                    for (id, found) in records::seed(entry.record, &self.joining) {
                        self.add(&place, id, found);
                    }
                    Some(Ok(()))
                }
            },
            Rows::Samples(reader) => match reader.next()? {
                Err(error) => failed(&self.set, error),
                Ok(Err(bad)) => {
                    let rejected = reader.rejected(bad);
                    self.pending.push_back(Err(rejected));
                    Some(Ok(()))
                }
                Ok(Ok(entry)) => {
                    let place = format!("{} {}", reader.unit(), entry.line);
                    self.num_inside += entry.inside.len();
                    let id = entry.record.id.clone();
                    let found = records::sample(entry.record, &self.root);
                    self.add(&place, id, found);
                    Some(Ok(()))
                }
            },
        }
    }

    /// A line of one of our own layouts.
    fn line<T>(&mut self, line: Line<T>, id: fn(&T) -> String, item: fn(T, &Joining) -> Found) {
        let place = format!("line {}", line.number);
        match line.content {
            Err(problem) => self.add(&place, place.clone(), Err(problem)),
            Ok(record) => {
                let id = id(&record);
                let mut found = item(record, &self.joining);
                if found.is_ok() && !self.seen.insert(short(&id)) {
                    let problem = format!("an earlier record has the id `{id}` too");
                    found = Err((Reason::DuplicateId, problem));
                }
                self.add(&place, id, found);
            }
        }
    }

    fn add(&mut self, place: &str, id: String, found: Found) {
        let found = match found {
            Ok(item) => Ok(self.known(item)),
            Err((reason, problem)) => Err(Rejected {
                id,
                stage: STAGE.to_owned(),
                reason: reason.as_str().to_owned(),
                detail: format!("{place}: {problem}"),
            }),
        };
        self.pending.push_back(found);
    }

    /// The item with what other files tell of it.
    fn known(&mut self, mut item: Item) -> Item {
        item.set.clone_from(&self.set);
        match self.pairs.get(&item.pair) {
            Some(pair) => {
                if item.images.is_empty() {
                    item.images = pair.images.to_vec();
                }
                item.caption = Some(item.caption.unwrap_or_else(|| pair.caption.to_string()));
            }
            None if item.images.is_empty() && !self.pairs.is_empty() => self.num_without_pair += 1,
            None => {}
        }
        if let Some(verdicts) = &self.verdicts {
            let (kept, p_yes) = verdicts.of(&item.id);
            (item.kept, item.p_yes) = (Some(kept), p_yes);
        }
        item
    }
}

impl Iterator for Items {
    type Item = Result<Result<Item, Rejected>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.pending.pop_front() {
                return Some(Ok(found));
            }
            if let Err(error) = self.take()? {
                return Some(Err(error));
            }
        }
    }
}

/// How a data file is read that `corpus` knows.
pub(super) fn options(source: &Source) -> Options {
    Options {
        images: source.images.clone(),
        columns: source.columns.clone(),
        check_images: false,
        unpack: source.unpack.clone(),
        in_place: false,
    }
}

/// The records of a source, what they are, by what that is known, and where names of pictures start.
fn open(source: &Source) -> Result<(Rows, Layout, String, PathBuf), Error> {
    let in_set = |error: corpus::Error| Error::Unreadable {
        set: source.name.clone(),
        source: error,
    };
    let path = &source.path;
    let first = if path.is_dir() {
        None
    } else {
        First::of(path).map_err(|error| in_set(reading(path)(error)))?
    };
    let own_root = || path.parent().unwrap_or(Path::new("")).to_owned();
    if let Some((first, layout)) = first.as_ref().and_then(|first| Some((first, first.own()?))) {
        let rows = match layout {
            Layout::Triplets => Rows::Triplets(Lines::open(path).map_err(in_set)?),
            _ => Rows::Tasks(Lines::open(path).map_err(in_set)?),
        };
        let why = format!("one JSON object a line; the first {}", first.keys());
        return Ok((rows, layout, why, own_root()));
    }
    let options = options(source);
    let reader = Reader::samples(path, &options).map_err(in_set)?;
    let named = source.images.clone();
    let root = named.or_else(|| reader.root_above().map(|above| above.path));
    let root = root.unwrap_or_else(own_root);
    let why = reader.why().to_owned();
    if reader.kind() == Kind::Seeds {
        let reader = Reader::seeds(path, &options).map_err(in_set)?;
        return Ok((Rows::Seeds(Box::new(reader)), Layout::Seeds, why, root));
    }
    let is_plain = matches!(
        reader.format(),
        Format::Jsonl | Format::JsonArray | Format::ImageFolder | Format::TextBeside
    );
    if is_plain && reader.kind() == Kind::Pairs {
        let found = match &first {
            Some(first) => first.keys(),
            None => why,
        };
        return Err(Error::NoTasks {
            set: source.name.clone(),
            path: path.clone(),
            line: first.map_or(1, |first| first.line),
            found,
        });
    }
    let rows = Rows::Samples(Box::new(reader));
    Ok((rows, Layout::Conversations, why, root))
}
