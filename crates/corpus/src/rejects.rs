//! What was left out, as one tells of it: grouped by the kind of what is wrong, the largest group first, with the first few
//! of each. A file of which every row is wrong fills a screen and not a thousand lines; whoever shows a list says where
//! all of it stands.

use std::fmt::{self, Display, Write as _};

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::Rejected;

/// Items that are shown of a group.
pub const SHOWN: usize = 3;

/// Items in groups of what is wrong with them, counted one by one; memory does not grow with them.
///
/// ```
/// use corpus::rejects::Groups;
/// let mut groups = Groups::default();
/// groups.add("too-long", || "`a`: 9 tokens".to_owned());
/// for id in ["b", "c", "d", "e"] {
///     groups.add("no-caption", || format!("`{id}`"));
/// }
/// assert_eq!(
///     groups.to_string(),
///     "4 × no-caption, the first 3:\n  `b`\n  `c`\n  `d`\n1 × too-long:\n  `a`: 9 tokens"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups<K> {
    /// In the order in which they first occurred.
    groups: Vec<Group<K>>,
}

/// Items with which the same is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<K> {
    /// What is wrong; which item it is about is no part of it.
    pub kind: K,
    /// How many items there are.
    pub count: usize,
    /// The first [`SHOWN`] of them, a line each.
    pub first: Vec<String>,
}

impl<K> Default for Groups<K> {
    fn default() -> Self {
        Self { groups: Vec::new() }
    }
}

impl<K: PartialEq> Groups<K> {
    /// Counts an item; its line is asked for only if it is to be shown.
    pub fn add(&mut self, kind: K, line: impl FnOnce() -> String) {
        let at = self.groups.iter().position(|group| group.kind == kind);
        let at = at.unwrap_or_else(|| {
            self.groups.push(Group {
                kind,
                count: 0,
                first: Vec::new(),
            });
            self.groups.len() - 1
        });
        let group = &mut self.groups[at];
        group.count += 1;
        if group.first.len() < SHOWN {
            // A line is one line, whatever a model or a file has written.
            let words = line();
            let words: Vec<&str> = words.lines().map(str::trim).collect();
            group.first.push(words.join(" ").trim_end().to_owned());
        }
    }
}

impl<K> Groups<K> {
    /// The largest first; of two of a size the one that occurred first.
    pub fn by_size(&self) -> Vec<&Group<K>> {
        let mut groups: Vec<&Group<K>> = self.groups.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }

    /// All items.
    pub fn num_items(&self) -> usize {
        self.groups.iter().map(|group| group.count).sum()
    }

    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many items are of a kind.
    pub fn count<Q: ?Sized>(&self, kind: &Q) -> usize
    where
        K: PartialEq<Q>,
    {
        let of_kind = self.groups.iter().find(|group| group.kind == *kind);
        of_kind.map_or(0, |group| group.count)
    }
}

impl Groups<String> {
    /// A rejected row, by the word of its reason.
    pub fn add_rejected(&mut self, row: &Rejected) {
        self.add(row.reason.clone(), || line(&row.id, &row.detail));
    }

    /// Rejected rows, by the words of their reasons.
    pub fn of_rejected<'a>(rows: impl IntoIterator<Item = &'a Rejected>) -> Self {
        let mut groups = Self::default();
        for row in rows {
            groups.add_rejected(row);
        }
        groups
    }
}

/// An item and what is to be said of it.
pub fn line(id: &str, detail: &str) -> String {
    if detail.is_empty() {
        format!("`{id}`")
    } else {
        format!("`{id}`: {detail}")
    }
}

impl<K: Display> Groups<K> {
    /// The groups as lines that begin with `indent`.
    pub fn indented(&self, indent: &str) -> String {
        let mut out = String::new();
        for Group { kind, count, first } in self.by_size() {
            let more = if *count > first.len() {
                format!(", the first {}", first.len())
            } else {
                String::new()
            };
            let _ = writeln!(out, "{indent}{count} × {kind}{more}:");
            for line in first {
                let _ = writeln!(out, "{indent}  {line}");
            }
        }
        out.pop();
        out
    }
}

/// The groups as lines.
impl<K: Display> Display for Groups<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.indented(""))
    }
}

/// Kinds with their counts, for programs.
impl<K: Display> Serialize for Groups<K> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.groups.len()))?;
        for group in self.by_size() {
            map.serialize_entry(&group.kind.to_string(), &group.count)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, reason: &str, detail: &str) -> Rejected {
        Rejected {
            id: id.to_owned(),
            stage: "read".to_owned(),
            reason: reason.to_owned(),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn rows_whose_details_differ_are_of_one_reason() {
        let rows: Vec<Rejected> = (1..=999)
            .map(|at| {
                row(
                    &format!("p-{at}"),
                    "missing-image",
                    &format!("line {at}: `{at}.jpg` does not exist"),
                )
            })
            .collect();
        let groups = Groups::of_rejected(&rows);
        assert_eq!(
            groups.to_string(),
            "999 × missing-image, the first 3:\n  `p-1`: line 1: `1.jpg` does not exist\n  \
             `p-2`: line 2: `2.jpg` does not exist\n  `p-3`: line 3: `3.jpg` does not exist"
        );
        assert_eq!(
            (groups.num_items(), groups.count("missing-image")),
            (999, 999)
        );
        assert_eq!(groups.count("no-image"), 0);
    }

    #[test]
    fn the_largest_group_comes_first_and_of_two_the_earlier() {
        // Sizes 1, 2, 3, 2 in order of first occurrence: `c`, then `b` before `d`, then `a`.
        let reasons = ["a", "b", "c", "d", "c", "d", "b", "c"];
        let rows: Vec<Rejected> = reasons
            .iter()
            .enumerate()
            .map(|(at, reason)| row(&at.to_string(), reason, ""))
            .collect();
        let groups = Groups::of_rejected(&rows);
        let order: Vec<(&str, usize)> = groups
            .by_size()
            .into_iter()
            .map(|group| (group.kind.as_str(), group.count))
            .collect();
        assert_eq!(order, [("c", 3), ("b", 2), ("d", 2), ("a", 1)]);
        assert_eq!(
            groups.indented("  "),
            "  3 × c:\n    `2`\n    `4`\n    `7`\n  2 × b:\n    `1`\n    `6`\n  2 × d:\n    `3`\n    `5`\n  1 × a:\n    `0`"
        );
        let shown = serde_json::to_string(&groups).expect("JSON");
        assert_eq!(shown, r#"{"c":3,"b":2,"d":2,"a":1}"#);
    }

    #[test]
    fn an_item_is_one_line_whatever_is_said_of_it() {
        let detail = "the model wrote\n\n  Q: what?\r\nand no answer\n";
        let groups = Groups::of_rejected(&[row("a", "no-turns", detail)]);
        assert_eq!(
            groups.to_string(),
            "1 × no-turns:\n  `a`: the model wrote  Q: what? and no answer"
        );
        assert_eq!(Groups::<String>::default().to_string(), "");
        assert!(Groups::<String>::default().is_empty());
    }
}
