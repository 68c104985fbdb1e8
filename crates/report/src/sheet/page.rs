//! The page around the items: all that does not change from item to item.

use base64::Engine as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::questions::Question;
use crate::html::PALETTE;

const STYLE: &str = include_str!("sheet.css");
const SCRIPT: &str = concat!(
    "(() => {\n'use strict';\n",
    include_str!("state.js"),
    include_str!("sheet.js"),
    "})();\n"
);
const TITLE: &str = "Rate a sample of tasks";

/// What a page is made of.
pub struct Page<'a> {
    /// JSON, escaped.
    pub data: String,
    /// What is asked.
    pub questions: &'a [Question],
    /// How many items there are.
    pub items: usize,
}

impl Page<'_> {
    /// The page with these pictures, in base64.
    pub fn html(&self, pictures: &[String]) -> String {
        let style = format!("{PALETTE}{STYLE}");
        let policy = format!(
            "default-src 'none'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            sha256(&style),
            sha256(SCRIPT)
        );
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    title { (TITLE) }
                    style { (PreEscaped(style)) }
                }
                body {
                    (header())
                    main id="main" {
                        noscript { p.alert { "This sheet needs JavaScript, which is switched off in this browser." } }
                        (self.start())
                        (item())
                        (overview())
                    }
                    p id="status" role="status" class="unseen" {}
                    (help())
                    script type="application/json" id="data" { (PreEscaped(&self.data)) }
                    @for (place, picture) in pictures.iter().enumerate() {
                        // Letters of base64 alone; decoded when an item is shown.
                        script type="text/plain" id={ "p" (place) } { (PreEscaped(picture)) }
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
        .into_string()
    }

    fn start(&self) -> Markup {
        html! {
            section id="start" aria-labelledby="start-title" {
                h2 id="start-title" tabindex="-1" { "Before you start" }
                p {
                    "You will see " strong { (self.items) } " tasks, one at a time: a picture, what is asked about it, and what was answered. "
                    "They come from several sources in random order, and the sheet does not know which is which. "
                    "Judge each by itself, by the questions below."
                }
                ul.plain {
                    li { "You may stop at any time, skip what you cannot judge, and change what you said." }
                    li { "Text in a task is data. If it tells you how to rate, rate it as you would without that." }
                    li { "Your ratings stay on this computer: they are kept in this browser as you go, and nothing is sent. When you are done, "
                         strong { "save them to a file" } " and hand in the file." }
                }
                form id="begin" {
                    label for="name" { "Your name, or any name that is yours alone" }
                    div.row {
                        input id="name" name="name" type="text" autocomplete="name" maxlength="80" required aria-describedby="name-problem";
                        button.main { "Start" }
                        button type="button" data-do="open" { "Open a file…" }
                    }
                    p id="name-problem" class="problem" role="alert" {}
                }
                div id="earlier" hidden {
                    h3 { "Begun in this browser" }
                    ul id="earlier-list" class="plain row" {}
                }
                h2 { "What is asked" }
                @for question in self.questions { (rubric(question)) }
                p.soft { "All of it can be done from the keyboard; " kbd { "?" } " shows how." }
            }
        }
    }
}

fn rubric(question: &Question) -> Markup {
    html! {
        details open[question.is_levels] {
            summary { strong { (question.label) } " · " (question.asks) }
            @if question.is_levels {
                ol { @for level in &question.options { li { (level) } } }
            } @else {
                ul.columns { @for option in &question.options { li { (option) } } }
            }
        }
    }
}

fn header() -> Markup {
    html! {
        header {
            div.title {
                h1 { (TITLE) }
                p id="saved" class="soft" {}
            }
            nav aria-label="Sheet" {
                button type="button" data-do="start" { "Start page" }
                button type="button" data-do="overview" disabled { "Overview" }
                button type="button" data-do="save" disabled { "Save to a file" }
                button type="button" data-do="open" { "Open a file…" }
                button type="button" data-do="help" { "Keys " kbd { "?" } }
            }
            input id="file" type="file" accept=".json,application/json" aria-label="File of ratings" hidden;
            div id="warning" class="alert" role="alert" hidden { p {} button type="button" data-do="save" { "Save to a file now" } }
            div id="message" class="note" role="status" {}
        }
    }
}

fn item() -> Markup {
    html! {
        section id="item" aria-labelledby="item-title" hidden {
            div.head {
                h2 id="item-title" tabindex="-1" {}
                p id="done" class="soft" {}
                progress id="progress" aria-labelledby="done" {}
            }
            div.pair {
                div id="task" class="task" tabindex="0" role="region" aria-label="Task" {}
                form id="questions" aria-label="Ratings" {
                    div id="fields" {}
                    div.field {
                        label for="note" { "Note " span.soft { "(if you like)" } }
                        textarea id="note" rows="2" maxlength="2000" {}
                    }
                    div class="row steps" {
                        button type="button" data-do="previous" { "← Previous" }
                        button.main type="button" data-do="next" { "Next →" }
                        button type="button" data-do="unfinished" { "Next unfinished" }
                    }
                }
            }
        }
    }
}

fn overview() -> Markup {
    html! {
        section id="overview" aria-labelledby="overview-title" hidden {
            h2 id="overview-title" tabindex="-1" { "Overview" }
            p id="counts" {}
            p { label { input id="only" type="checkbox"; " Only what is not finished" } }
            ol id="list" class="list" {}
        }
    }
}

fn help() -> Markup {
    let keys: [(&[&str], &str); 12] = [
        (
            &["1", "…", "5"],
            "gives the current question that level, and goes on to the next question",
        ),
        (
            &["1", "2"],
            "no and yes, where these are asked; N and Y do as well",
        ),
        (&["A", "B", "…"], "chooses from a list, where one is asked"),
        (
            &["Tab", "Shift+Tab"],
            "next and previous question or button",
        ),
        (&["↑", "↓"], "next higher or lower choice within a question"),
        (
            &["Backspace"],
            "takes the answer to the current question back",
        ),
        (&["Enter"], "next item"),
        (&["→", "←"], "next and previous item"),
        (&["Shift+→"], "next item that is not finished"),
        (&["/"], "to the note; Esc leads back"),
        (&["0"], "overview, and back to the item"),
        (&["Ctrl+S"], "saves to a file"),
    ];
    html! {
        dialog id="help" aria-labelledby="help-title" {
            h2 id="help-title" { "Keys" }
            dl.keys {
                @for (names, does) in keys {
                    dt { @for name in names { @if *name == "…" { " … " } @else { kbd { (name) } " " } } }
                    dd { (does) }
                }
            }
            p { label { input id="keys" type="checkbox" checked; " Use these keys (Tab, Esc and Ctrl+S always work)" } }
            form method="dialog" { button.main { "Close" } }
        }
    }
}

/// SHA-256 as policies write it.
fn sha256(text: &str) -> String {
    let hexadecimal = corpus::digest::bytes(text.as_bytes());
    let bytes: Vec<u8> = (0..hexadecimal.len())
        .step_by(2)
        .filter_map(|at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).ok())
        .collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
