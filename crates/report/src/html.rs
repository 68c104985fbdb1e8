//! What all pages have.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The colours of all pages, by day and by night.
pub(crate) const PALETTE: &str = include_str!("palette.css");

/// A whole page with this body; the style may use the variables of the palette (`--ink`, `--soft`, `--line`, `--good`,
/// `--bad`, `--bar`, `--paper`, `--band`).
pub fn frame(title: &str, style: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(PALETTE)) (PreEscaped(style)) }
            }
            body { main { (body) } }
        }
    }
    .into_string()
}

/// The class of an interval: green above zero, red below it, plain when it holds zero.
pub fn sign(interval: [f64; 2]) -> &'static str {
    if interval[0] > 0.0 {
        "good"
    } else if interval[1] < 0.0 {
        "bad"
    } else {
        ""
    }
}
