//! Which of a training's samples are held back from it, to be watched.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use corpus::Sample;
use corpus::splits::held_out_rows;
use run::recipe::HeldBack;

use crate::error::WatchError;

/// What samples have in common beside what they say themselves.
#[derive(Clone, Debug, Default)]
pub struct Kinship {
    /// The group of each pair (a patient, a study, a recipe), by the pair's id.
    pub groups: BTreeMap<String, String>,
    /// A picture that makes no kin: the blank one.
    pub blank: PathBuf,
    /// Pictures that the run's scores are about.
    pub reported: BTreeSet<PathBuf>,
    /// Seed of the choice.
    pub seed: u64,
}

/// The samples to train on, and those that are held back.
pub type Sides<'a> = (Cow<'a, [Sample]>, Cow<'a, [Sample]>);

/// The samples to train on and those that are held back; of a file, what it holds (`of_file`).
///
/// A share is of whole groups: samples of one pair, of pairs of one group, with one picture, or, without pictures, of one
/// text lie on one side. A file may have no picture that is trained on or that the run's scores are about.
pub fn split<'a>(
    samples: &'a [Sample],
    held_back: &HeldBack,
    of_file: &'a [Sample],
    kinship: &Kinship,
) -> Result<Sides<'a>, WatchError> {
    match held_back {
        HeldBack::Nothing => Ok((samples.into(), Cow::default())),
        HeldBack::Share(share) => {
            let groups = groups(samples, kinship);
            let names: Vec<&str> = groups.iter().map(String::as_str).collect();
            let (mut kept, mut held) = (Vec::new(), Vec::new());
            for (sample, is_held) in samples
                .iter()
                .zip(held_out_rows(&names, *share, kinship.seed))
            {
                if is_held { &mut held } else { &mut kept }.push(sample.clone());
            }
            if held.is_empty() {
                return Err(WatchError::OneGroup {
                    samples: samples.len(),
                });
            }
            Ok((kept.into(), held.into()))
        }
        HeldBack::File(path) => {
            if of_file.is_empty() {
                return Err(WatchError::NothingHeld { path: path.clone() });
            }
            let trained: BTreeSet<&PathBuf> = samples.iter().flat_map(|s| &s.images).collect();
            refuse(path, of_file, "is trained on", &|image| {
                image != &kinship.blank && trained.contains(image)
            })?;
            refuse(
                path,
                of_file,
                "the scores of this run are about",
                &|image| kinship.reported.contains(image),
            )?;
            Ok((samples.into(), of_file.into()))
        }
    }
}

fn refuse(
    path: &Path,
    of_file: &[Sample],
    what: &'static str,
    is_known: &dyn Fn(&PathBuf) -> bool,
) -> Result<(), WatchError> {
    let known = of_file.iter().filter(|s| s.images.iter().any(is_known));
    let known: Vec<&Sample> = known.collect();
    let Some(first) = known.first() else {
        return Ok(());
    };
    Err(WatchError::NotApart {
        path: path.to_owned(),
        count: known.len(),
        samples: of_file.len(),
        first: first.id.clone(),
        what,
    })
}

/// The group of each sample: the least name of all that hangs together with it.
fn groups(samples: &[Sample], kinship: &Kinship) -> Vec<String> {
    let mut all = Sets::default();
    let mut of_sample = Vec::with_capacity(samples.len());
    for sample in samples {
        let names = names(sample, kinship);
        let places: Vec<usize> = names.into_iter().map(|name| all.place(name)).collect();
        for pair in places.windows(2) {
            all.join(pair[0], pair[1]);
        }
        of_sample.push(places[0]);
    }
    let least = all.least_names();
    let group = |place: usize| least[&all.root(place)].clone();
    of_sample.into_iter().map(group).collect()
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
    places: HashMap<String, usize>,
    names: Vec<String>,
    above: Vec<usize>,
}

impl Sets {
    fn place(&mut self, name: String) -> usize {
        let next = self.names.len();
        let place = *self.places.entry(name.clone()).or_insert(next);
        if place == next {
            self.names.push(name);
            self.above.push(next);
        }
        place
    }

    fn root(&self, mut place: usize) -> usize {
        while self.above[place] != place {
            place = self.above[place];
        }
        place
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.above[a.max(b)] = a.min(b);
    }

    /// By its root, the least name of each set: the same whatever the order of the samples.
    fn least_names(&self) -> HashMap<usize, String> {
        let mut least: HashMap<usize, String> = HashMap::new();
        for (place, name) in self.names.iter().enumerate() {
            let known = least
                .entry(self.root(place))
                .or_insert_with(|| name.clone());
            if name < known {
                known.clone_from(name);
            }
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
        let group = |pair: usize| (format!("p{pair}"), format!("patient {}", pair / 2));
        Kinship {
            groups: (0..40).map(group).collect(),
            blank: "blank.png".into(),
            ..Kinship::default()
        }
    }

    fn ids(samples: &[Sample]) -> BTreeSet<&str> {
        samples.iter().map(|s| s.id.as_str()).collect()
    }

    #[test]
    fn whole_groups_are_held_back_whatever_the_order() {
        // Two samples a pair, two pairs a patient; a picture each, and the blank one.
        let samples: Vec<Sample> = (0..80)
            .map(|i| sample(i, i / 2, &[&format!("{}.png", i / 2), "blank.png"]))
            .collect();
        let share = HeldBack::Share(0.1);
        let (kept, held) = split(&samples, &share, &[], &kinship()).expect("split");
        assert_eq!((kept.len(), held.len()), (72, 8));
        let patients = |of: &[Sample]| -> BTreeSet<usize> {
            let number = |s: &Sample| s.id[1..].parse::<usize>().expect("a number");
            of.iter().map(|s| number(s) / 4).collect()
        };
        assert!(patients(&kept).is_disjoint(&patients(&held)));
        let mut turned = samples.clone();
        turned.reverse();
        let (_, again) = split(&turned, &share, &[], &kinship()).expect("split");
        assert_eq!(ids(&held), ids(&again));
        let other = Kinship {
            seed: 1,
            ..kinship()
        };
        let (_, other) = split(&samples, &share, &[], &other).expect("split");
        assert_ne!(ids(&held), ids(&other));
    }

    #[test]
    fn one_picture_makes_a_group() {
        let samples: Vec<Sample> = (0..4).map(|i| sample(i, 10 * i, &["x.png"])).collect();
        let error = split(&samples, &HeldBack::Share(0.5), &[], &kinship());
        assert!(matches!(error, Err(WatchError::OneGroup { samples: 4 })));
        // The blank one makes none, and neither does no picture.
        let samples: Vec<Sample> = (0..4).map(|i| sample(i, 10 * i, &["blank.png"])).collect();
        assert!(split(&samples, &HeldBack::Share(0.5), &[], &kinship()).is_ok());
    }

    #[test]
    fn a_file_is_apart_from_training_and_scores() {
        let samples = [sample(0, 0, &["a.png", "blank.png"])];
        let from = |image: &str| {
            let file = vec![sample(7, 9, &["own.png"]), sample(8, 9, &[image])];
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
