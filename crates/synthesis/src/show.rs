//! Records in few words, and their rendering as text, for tests.

use std::fmt::Write as _;

use corpus::{Pair, Sample, Triplet, Turn};
use serde_json::{Map, Value};

pub fn pair(id: &str, caption: &str) -> Pair {
    Pair {
        id: id.to_owned(),
        images: vec![format!("{id}.png").into()],
        caption: caption.to_owned(),
        request: None,
        group: None,
        source: None,
        meta: Map::new(),
    }
}

pub fn triplet(pair: &str, parts: [&str; 3]) -> Triplet {
    let [instruction, informative, precise] = parts.map(str::to_owned);
    Triplet {
        id: format!("{pair}/1"),
        pair: pair.to_owned(),
        instruction,
        informative,
        precise,
        origin: Value::Null,
    }
}

/// One line a turn: role, `!` if image marks count, `*` if learned, the text.
pub fn show_turns(turns: &[Turn]) -> String {
    let mut out = String::new();
    for turn in turns {
        let marks = if turn.marks { "!" } else { "" };
        let learn = if turn.learn { "*" } else { "" };
        let text = turn.text.replace('\n', "\\n");
        let _ = writeln!(out, "{}{marks}{learn} {text}", turn.role.as_str());
    }
    out
}

/// The turns, then pictures and end.
pub fn show(sample: &Sample) -> String {
    let images: Vec<String> = sample
        .images
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    let end = if sample.end { "end*\n" } else { "" };
    format!(
        "{} [{}]\n{}{end}",
        sample.id,
        images.join(", "),
        show_turns(&sample.turns)
    )
}
