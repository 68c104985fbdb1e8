//! Problems in words.

use std::cmp::Reverse;

use corpus::rejects::SHOWN;

use super::problem::{Problem, Reason};

/// Problems as sentences, one a reason with the first few of it: the most frequent reason first, and of two the one that
/// occurred first. The problems of a result hold all of them.
pub fn sentences(problems: &[Problem]) -> Vec<String> {
    let mut groups: Vec<(Reason, Vec<&Problem>)> = Vec::new();
    for problem in problems {
        match groups.iter_mut().find(|group| group.0 == problem.reason) {
            Some((_, those)) => those.push(problem),
            None => groups.push((problem.reason, vec![problem])),
        }
    }
    groups.sort_by_key(|(_, those)| Reverse(those.len()));
    groups
        .iter()
        .map(|(reason, those)| sentence(*reason, those))
        .collect()
}

/// Problems of one reason as a sentence; of the first few, those with which the same is wrong stand together.
fn sentence(reason: Reason, those: &[&Problem]) -> String {
    let mut ways: Vec<(&str, Vec<String>)> = Vec::new();
    for problem in those.iter().take(SHOWN) {
        let detail = problem.detail.as_str();
        match ways.iter_mut().find(|way| way.0 == detail) {
            Some((_, places)) => places.push(place(problem)),
            None => ways.push((detail, vec![place(problem)])),
        }
    }
    let separator = if ways.len() == 1 { ", " } else { "; " };
    let mut shown: Vec<String> = ways
        .into_iter()
        .map(|(detail, places)| format!("{detail}: {}", places.join(", ")))
        .collect();
    if those.len() > SHOWN {
        shown.push(format!("and {} more", those.len() - SHOWN));
    }
    let fate = if reason.is_scored() {
        "scored"
    } else {
        "not scored"
    };
    format!(
        "{} × {} ({fate}): {}",
        those.len(),
        reason.as_str(),
        shown.join(separator)
    )
}

fn place(problem: &Problem) -> String {
    match (problem.id.is_empty(), problem.line) {
        (false, 0) => format!("`{}`", problem.id),
        (false, line) => format!("`{}` in line {line}", problem.id),
        (true, line) => format!("line {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(reason: Reason, id: &str, detail: &str) -> Problem {
        Problem {
            id: id.to_owned(),
            line: 0,
            reason,
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn each_problem_stands_under_what_is_wrong_with_it() {
        let label = |id: &str, detail: &str| problem(Reason::Label, id, detail);
        let few = [label("1", "x"), label("2", "y"), label("3", "x")];
        assert_eq!(
            sentences(&few),
            ["3 × label (not scored): x: `1`, `3`; y: `2`"]
        );
        let many: Vec<Problem> = (0..7)
            .map(|i| label(&i.to_string(), &format!("detail {i}")))
            .collect();
        assert_eq!(
            sentences(&many),
            ["7 × label (not scored): detail 0: `0`; detail 1: `1`; detail 2: `2`; and 4 more"]
        );
    }

    #[test]
    fn the_most_frequent_reason_comes_first_and_a_thousand_rows_are_one_sentence() {
        let missing = |i: usize| problem(Reason::MissingId, &i.to_string(), "no prediction");
        let mut problems = vec![
            problem(Reason::UnknownId, "x", "no such item"),
            problem(Reason::DuplicateId, "y", "again"),
        ];
        problems.extend((0..999).map(missing));
        assert_eq!(
            sentences(&problems),
            [
                "999 × missing-id (not scored): no prediction: `0`, `1`, `2`, and 996 more",
                "1 × unknown-id (not scored): no such item: `x`",
                "1 × duplicate-id (not scored): again: `y`"
            ]
        );
        assert_eq!(sentences(&[]), Vec::<String>::new());
    }
}
