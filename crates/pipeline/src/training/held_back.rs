//! Which of a training's samples are held back from it, to be watched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use corpus::Sample;
use corpus::names::Names;
use corpus::splits::Groups;
use run::recipe::HeldBack;

use crate::error::{Result, WatchError};
use crate::sample_set::SampleSet;

/// What samples have in common beside what they say themselves.
#[derive(Clone, Debug, Default)]
pub struct Kinship {
    /// The group of each pair (a patient, a study, a recipe), by the pair's id.
    pub groups: PairGroups,
    /// A picture that makes no kin: the blank one.
    pub blank: PathBuf,
    /// Pictures that the run's scores are about.
    pub reported: BTreeSet<PathBuf>,
    /// Seed of the choice.
    pub seed: u64,
}

/// Groups of pairs by the pairs' ids.
#[derive(Clone, Debug, Default)]
pub struct PairGroups {
    pairs: Names,
    groups: Names,
    of_pairs: Vec<u32>,
}

impl PairGroups {
    /// The group of a pair.
    pub fn add(&mut self, pair: &str, group: &str) {
        let group = self.groups.add(group).0 as u32;
        let (pair, is_new) = self.pairs.add(pair);
        if is_new {
            self.of_pairs.push(group);
        } else {
            self.of_pairs[pair] = group;
        }
    }

    fn get(&self, pair: &str) -> Option<&str> {
        let group = self.of_pairs[self.pairs.find(pair)?];
        Some(self.groups.get(group as usize))
    }
}

/// The samples to train on, and those that are held back.
pub type Sides = (SampleSet, SampleSet);

/// The samples to train on and those that are held back; of a file, what it holds (`of_file`).
///
/// A share is of whole groups: samples of one pair, of pairs of one group, with one picture, or, without pictures, of one
/// text lie on one side. A file may have no picture that is trained on or that the run's scores are about.
///
/// Gives [`Error::Watch`](crate::Error::Watch), and what reading the samples gives.
pub fn split(
    samples: &SampleSet,
    held_back: &HeldBack,
    of_file: &SampleSet,
    kinship: &Kinship,
) -> Result<Sides> {
    match held_back {
        HeldBack::Nothing => Ok((samples.clone(), samples.some(Vec::new()))),
        HeldBack::Share(share) => {
            let is_held = groups(samples, kinship)?.held_out(*share, kinship.seed);
            let side = |held: bool| {
                let rows = is_held.iter().enumerate();
                let own = rows.filter(|(_, is_held)| **is_held == held);
                samples.some(own.map(|(place, _)| place as u32).collect())
            };
            let (kept, held) = (side(false), side(true));
            if held.is_empty() {
                return Err(WatchError::OneGroup {
                    samples: samples.len(),
                }
                .into());
            }
            Ok((kept, held))
        }
        HeldBack::File(path) => {
            if of_file.is_empty() {
                return Err(WatchError::NothingHeld { path: path.clone() }.into());
            }
            let mut shown = BTreeSet::new();
            for sample in of_file.iter() {
                shown.extend(sample?.images.iter().cloned());
            }
            let mut trained = BTreeSet::new();
            for sample in samples.iter() {
                let sample = sample?;
                let both = sample.images.iter().filter(|image| shown.contains(*image));
                trained.extend(both.cloned());
            }
            trained.remove(&kinship.blank);
            refuse(path, of_file, "is trained on", &trained)?;
            let reported = &kinship.reported;
            refuse(path, of_file, "the scores of this run are about", reported)?;
            Ok((samples.clone(), of_file.clone()))
        }
    }
}

fn refuse(
    path: &Path,
    of_file: &SampleSet,
    what: &'static str,
    known: &BTreeSet<PathBuf>,
) -> Result<()> {
    let (mut count, mut first) = (0, None);
    for sample in of_file.iter() {
        let sample = sample?;
        if sample.images.iter().any(|image| known.contains(image)) {
            count += 1;
            first.get_or_insert_with(|| sample.id.clone());
        }
    }
    let Some(first) = first else {
        return Ok(());
    };
    Err(WatchError::NotApart {
        path: path.to_owned(),
        count,
        samples: of_file.len(),
        first,
        what,
    }
    .into())
}

/// The groups of the samples, each called by the least name of all that hangs together with it.
fn groups(samples: &SampleSet, kinship: &Kinship) -> Result<Groups> {
    let mut all = Sets::default();
    let mut of_samples = Vec::with_capacity(samples.len());
    for sample in samples.iter() {
        let names = names(&*sample?, kinship);
        let places: Vec<u32> = names.iter().map(|name| all.place(name)).collect();
        for pair in places.windows(2) {
            all.join(pair[0], pair[1]);
        }
        of_samples.push(places[0]);
    }
    let least = all.least_names();
    let mut groups = Groups::default();
    for place in of_samples {
        let least = least[all.root(place) as usize];
        groups.add(all.names.get(least as usize));
    }
    Ok(groups)
}

/// What a sample hangs together by; at least one name.
fn names(sample: &Sample, kinship: &Kinship) -> Vec<String> {
    let shown = sample
        .images
        .iter()
        .filter(|image| **image != kinship.blank);
    // Pictures of a run are named by their content.
    let mut names: Vec<String> = shown
        .map(|image| {
            let name = image.file_name().unwrap_or(image.as_os_str());
            format!("picture {}", name.to_string_lossy())
        })
        .collect();
    if let Some(pair) = sample.origin.get("pair").and_then(|pair| pair.as_str()) {
        names.push(format!("pair {pair}"));
        names.extend(
            kinship
                .groups
                .get(pair)
                .map(|group| format!("group {group}")),
        );
    }
    if names.is_empty() {
        let texts: Vec<&str> = sample.turns.iter().map(|turn| turn.text.as_str()).collect();
        let text = texts.join("\n");
        names.push(format!("text {}", corpus::digest::bytes(text.as_bytes())));
    }
    names
}

/// Names that hang together.
#[derive(Default)]
struct Sets {
    names: Names,
    above: Vec<u32>,
}

impl Sets {
    fn place(&mut self, name: &str) -> u32 {
        let (place, is_new) = self.names.add(name);
        if is_new {
            self.above.push(place as u32);
        }
        place as u32
    }

    fn root(&mut self, mut place: u32) -> u32 {
        while self.above[place as usize] != place {
            // Half of the way is left out the next time.
            let above = self.above[self.above[place as usize] as usize];
            self.above[place as usize] = above;
            place = above;
        }
        place
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.above[a.max(b) as usize] = a.min(b);
    }

    /// By its root, the place of the least name of each set: the same name whatever the order of the samples.
    fn least_names(&mut self) -> Vec<u32> {
        let mut least: Vec<u32> = (0..self.above.len() as u32).collect();
        for place in 0..self.above.len() as u32 {
            let root = self.root(place) as usize;
            let name = |place: u32| self.names.get(place as usize);
            if name(place) < name(least[root]) {
                least[root] = place;
            }
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Error;

    fn sample(id: usize, pair: usize, images: &[&str]) -> Sample {
        Sample {
            id: format!("s{id}"),
            images: images.iter().map(PathBuf::from).collect(),
            turns: vec![corpus::Turn::new(corpus::Role::User, format!("text {id}"))],
            end: false,
            origin: json!({"pair": format!("p{pair}")}),
        }
    }

    fn kinship() -> Kinship {
        let mut groups = PairGroups::default();
        for pair in 0..40 {
            groups.add(&format!("p{pair}"), &format!("patient {}", pair / 2));
        }
        Kinship {
            groups,
            blank: "blank.png".into(),
            ..Kinship::default()
        }
    }

    fn ids(samples: &SampleSet) -> BTreeSet<&str> {
        (0..samples.len()).map(|at| samples.id(at)).collect()
    }

    fn sides(samples: &[Sample], share: f64, kinship: &Kinship) -> Result<Sides> {
        let (samples, none) = (SampleSet::new(samples.to_vec()), SampleSet::new(Vec::new()));
        split(&samples, &HeldBack::Share(share), &none, kinship)
    }

    #[test]
    fn whole_groups_are_held_back_whatever_the_order() {
        // Two samples a pair, two pairs a patient; a picture each, and the blank one.
        let samples: Vec<Sample> = (0..80)
            .map(|i| sample(i, i / 2, &[&format!("{}.png", i / 2), "blank.png"]))
            .collect();
        let (kept, held) = sides(&samples, 0.1, &kinship()).expect("split");
        assert_eq!((kept.len(), held.len()), (72, 8));
        let patients = |of: &SampleSet| -> BTreeSet<usize> {
            let number = |id: &str| id[1..].parse::<usize>().expect("a number");
            ids(of).into_iter().map(|id| number(id) / 4).collect()
        };
        assert!(patients(&kept).is_disjoint(&patients(&held)));
        let mut turned = samples.clone();
        turned.reverse();
        let (_, again) = sides(&turned, 0.1, &kinship()).expect("split");
        assert_eq!(ids(&held), ids(&again));
        let other = Kinship {
            seed: 1,
            ..kinship()
        };
        let (_, other) = sides(&samples, 0.1, &other).expect("split");
        assert_ne!(ids(&held), ids(&other));
    }

    #[test]
    fn one_picture_makes_a_group() {
        let samples: Vec<Sample> = (0..4).map(|i| sample(i, 10 * i, &["x.png"])).collect();
        let error = sides(&samples, 0.5, &kinship());
        assert!(matches!(
            error,
            Err(Error::Watch(WatchError::OneGroup { samples: 4 }))
        ));
        // The blank one makes none, and neither does no picture.
        let samples: Vec<Sample> = (0..4).map(|i| sample(i, 10 * i, &["blank.png"])).collect();
        assert!(sides(&samples, 0.5, &kinship()).is_ok());
    }

    #[test]
    fn a_file_is_apart_from_training_and_scores() {
        let samples = SampleSet::new(vec![sample(0, 0, &["a.png", "blank.png"])]);
        let from = |image: &str| {
            let file = vec![sample(7, 9, &["own.png"]), sample(8, 9, &[image])];
            let file = SampleSet::new(file);
            let kinship = Kinship {
                reported: BTreeSet::from(["test.png".into()]),
                ..kinship()
            };
            let found = split(&samples, &HeldBack::File("v.jsonl".into()), &file, &kinship);
            found.map(|(kept, held)| (kept.len(), held.len()))
        };
        assert_eq!(from("b.png").expect("apart"), (1, 2));
        assert!(from("blank.png").is_ok());
        let told = from("a.png").expect_err("trained on").to_string();
        assert!(
            told.contains("1 of 2 samples of `v.jsonl`") && told.contains("`s8` for one"),
            "{told}"
        );
        let told = from("test.png").expect_err("scored").to_string();
        assert!(told.contains("the scores of this run are about"), "{told}");
    }
}
