//! Groups of files of which each reaches each other one, and a shortest way around in each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use super::modules::Use;

/// Files of which each reaches each other one.
#[derive(Debug)]
pub struct Circle<'a> {
    pub files: Vec<&'a Path>,
    /// From one of them back to it, in the fewest steps that there are in the group.
    pub shortest: Vec<&'a Use>,
}

/// All circles, in the order of their first files.
pub fn circles(uses: &[Use]) -> Vec<Circle<'_>> {
    let mut after: BTreeMap<&Path, Vec<&Use>> = BTreeMap::new();
    for one in uses {
        after.entry(&one.from).or_default().push(one);
    }
    let reached: BTreeMap<&Path, BTreeSet<&Path>> = after
        .keys()
        .map(|file| (*file, reached_from(file, &after)))
        .collect();
    let has_way = |a: &Path, b: &Path| reached.get(a).is_some_and(|files| files.contains(b));

    let mut found = Vec::new();
    let mut told: BTreeSet<&Path> = BTreeSet::new();
    for file in reached.keys().copied() {
        if told.contains(file) || !has_way(file, file) {
            continue;
        }
        let together = |other: &&Path| has_way(file, other) && has_way(other, file);
        let files: Vec<&Path> = reached.keys().copied().filter(together).collect();
        told.extend(&files);
        let ways = files.iter().filter_map(|file| way_around(file, &after));
        let shortest = ways.min_by_key(Vec::len).unwrap_or_default();
        found.push(Circle { files, shortest });
    }
    found
}

/// Every file that can be reached in one step or more.
fn reached_from<'a>(file: &Path, after: &BTreeMap<&'a Path, Vec<&'a Use>>) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for one in after.get(file).into_iter().flatten() {
            if reached.insert(one.to.as_path()) {
                open.push(&one.to);
            }
        }
    }
    reached
}

/// The fewest steps from a file back to it.
fn way_around<'a>(file: &Path, after: &BTreeMap<&'a Path, Vec<&'a Use>>) -> Option<Vec<&'a Use>> {
    let mut came_by: BTreeMap<&Path, &Use> = BTreeMap::new();
    let mut open = VecDeque::from([file]);
    while let Some(here) = open.pop_front() {
        for one in after.get(here).into_iter().flatten() {
            if came_by.contains_key(one.to.as_path()) {
                continue;
            }
            came_by.insert(&one.to, one);
            if one.to == file {
                let mut way = vec![*one];
                while let Some(step) = way.last().filter(|step| step.from != file) {
                    way.push(came_by.get(step.from.as_path())?);
                }
                way.reverse();
                return Some(way);
            }
            open.push_back(&one.to);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_apart_and_the_shortest_way_is_shown() {
        let pairs = [
            ("a", "b"),
            ("b", "c"),
            ("c", "a"),
            ("c", "b"),
            ("c", "d"),
            ("d", "e"),
            ("f", "g"),
            ("g", "f"),
        ];
        let uses = pairs.map(|(from, to)| Use {
            from: from.into(),
            to: to.into(),
            path: to.to_owned(),
            line: 1,
        });
        let found = circles(&uses);
        let files: Vec<Vec<&Path>> = found.iter().map(|circle| circle.files.clone()).collect();
        let expected = [vec!["a", "b", "c"], vec!["f", "g"]];
        assert_eq!(
            files,
            expected.map(|names| names.into_iter().map(Path::new).collect::<Vec<_>>())
        );
        let lengths: Vec<usize> = found.iter().map(|circle| circle.shortest.len()).collect();
        assert_eq!(lengths, [2, 2]);
        assert!(circles(&uses[4..6]).is_empty());
    }
}
