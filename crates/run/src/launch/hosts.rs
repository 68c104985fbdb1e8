//! Slurm's short form of lists of hosts, `gpu[01-03,7],login`.

/// A list of hosts that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// No host.
    #[error("a list of hosts without a host")]
    Empty,
    /// A bracket without its other half.
    #[error("a list of hosts with a bracket that is never closed or never opened")]
    Bracket,
    /// What stands in brackets is no number and no range.
    #[error("a list of hosts with something else than numbers and ranges in brackets")]
    Range,
    /// More hosts than any cluster has.
    #[error("a list of more than {MOST} hosts")]
    Many,
}

/// The most hosts of a list.
const MOST: usize = 1 << 20;

/// All hosts of a list, in its order.
pub fn expand(list: &str) -> Result<Vec<String>, HostsError> {
    let mut hosts = Vec::new();
    for item in items(list)? {
        hosts.extend(of_item(item.trim())?);
        if hosts.len() > MOST {
            return Err(HostsError::Many);
        }
    }
    if hosts.iter().any(String::is_empty) {
        return Err(HostsError::Empty);
    }
    Ok(hosts)
}

/// What stands between commas outside of brackets.
fn items(list: &str) -> Result<Vec<&str>, HostsError> {
    let mut found = Vec::new();
    let (mut begin, mut is_inside) = (0, false);
    for (at, c) in list.char_indices() {
        match (c, is_inside) {
            ('[', false) => is_inside = true,
            (']', true) => is_inside = false,
            ('[', true) | (']', false) => return Err(HostsError::Bracket),
            (',', false) => {
                found.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    if is_inside {
        return Err(HostsError::Bracket);
    }
    found.push(&list[begin..]);
    Ok(found)
}

/// One name, with a bracket or several.
fn of_item(item: &str) -> Result<Vec<String>, HostsError> {
    let Some((before, rest)) = item.split_once('[') else {
        return Ok(vec![item.to_owned()]);
    };
    let (numbers, after) = rest.split_once(']').ok_or(HostsError::Bracket)?;
    let (numbers, after) = (numbers_of(numbers)?, of_item(after)?);
    if numbers.len().saturating_mul(after.len()) > MOST {
        return Err(HostsError::Many);
    }
    let each = numbers.iter().flat_map(|number| {
        let name = move |after: &String| format!("{before}{number}{after}");
        after.iter().map(name)
    });
    Ok(each.collect())
}

/// `001-003,7` one by one, with the zeros that they begin with.
fn numbers_of(text: &str) -> Result<Vec<String>, HostsError> {
    let mut found = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.parse::<usize>().map_err(|_| HostsError::Range);
        let (from, to) = (number(first)?, number(last)?);
        if from > to {
            return Err(HostsError::Range);
        }
        if to - from >= MOST || found.len() > MOST {
            return Err(HostsError::Many);
        }
        let width = first.len();
        found.extend((from..=to).map(|number| format!("{number:0width$}")));
    }
    Ok(found)
}
