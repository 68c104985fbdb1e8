//! Problems in words.

use super::problem::Problem;

/// Problems as sentences, each with the first few ids: one a reason, or one for each of a few ways in which it came about.
pub fn sentences(problems: &[Problem]) -> Vec<String> {
    const WAYS: usize = 5;
    let mut reasons: Vec<_> = problems.iter().map(|problem| problem.reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let mut out = Vec::new();
    for reason in reasons {
        let those: Vec<&Problem> = problems.iter().filter(|p| p.reason == reason).collect();
        let mut ways: Vec<&str> = Vec::new();
        for problem in &those {
            if ways.len() <= WAYS && !ways.contains(&problem.detail.as_str()) {
                ways.push(&problem.detail);
            }
        }
        if ways.len() > WAYS {
            out.push(sentence(&those, "such as "));
            continue;
        }
        for way in ways {
            let of_way: Vec<&Problem> = those.iter().copied().filter(|p| p.detail == way).collect();
            out.push(sentence(&of_way, ""));
        }
    }
    out
}

/// Problems of one reason as a sentence with the detail of the first.
fn sentence(those: &[&Problem], such_as: &str) -> String {
    const SHOWN: usize = 5;
    let Some(first) = those.first() else {
        return String::new();
    };
    let place = |p: &&Problem| match (p.id.is_empty(), p.line) {
        (false, 0) => format!("`{}`", p.id),
        (false, line) => format!("`{}` in line {line}", p.id),
        (true, line) => format!("line {line}"),
    };
    let mut places: Vec<String> = those.iter().take(SHOWN).map(place).collect();
    if those.len() > SHOWN {
        places.push(format!("and {} more", those.len() - SHOWN));
    }
    let fate = if first.reason.is_scored() {
        "scored"
    } else {
        "not scored"
    };
    format!(
        "{} × {} ({fate}): {such_as}{}: {}",
        those.len(),
        first.reason.as_str(),
        first.detail,
        places.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::problem::Reason;
    use super::*;

    #[test]
    fn each_problem_stands_under_what_is_wrong_with_it() {
        let problem = |id: &str, detail: &str| Problem {
            id: id.to_owned(),
            line: 0,
            reason: Reason::Label,
            detail: detail.to_owned(),
        };
        let few = [problem("1", "x"), problem("2", "y"), problem("3", "x")];
        assert_eq!(
            sentences(&few),
            [
                "2 × label (not scored): x: `1`, `3`",
                "1 × label (not scored): y: `2`"
            ]
        );
        let many: Vec<Problem> = (0..7)
            .map(|i| problem(&i.to_string(), &format!("detail {i}")))
            .collect();
        assert_eq!(
            sentences(&many),
            ["7 × label (not scored): such as detail 0: `0`, `1`, `2`, `3`, `4`, and 2 more"]
        );
    }
}
