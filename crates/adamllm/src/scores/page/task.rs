//! One task's page: every answer in a list that draws only what is seen, and the confusion matrix.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use corpus::Label;
use evaluation::scoring::{ClassRow, ScoredRow};
use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};

use super::STYLE;
use crate::report::frame;
use crate::scores::results::{Done, name};

const SCRIPT: &str = include_str!("list.js");
/// Embedded thumbnails of one page.
const MOST_THUMBNAILS: usize = 5000;
/// Side of a thumbnail, px.
const THUMBNAIL: u32 = 96;

/// Where the rows' pictures are.
#[derive(Debug, Default)]
pub struct Pictures {
    /// Folders that relative paths may start from.
    roots: Vec<PathBuf>,
    /// The pages' folder, from which links start.
    pages: PathBuf,
    /// Thumbnails of pictures that lie in tables, by their name there.
    thumbnails: BTreeMap<String, String>,
    known: HashMap<String, Option<String>>,
}

impl Pictures {
    /// Pictures that pages in a folder link to.
    pub fn new(roots: Vec<PathBuf>, pages: &Path) -> Self {
        Self {
            roots,
            pages: pages.to_owned(),
            ..Self::default()
        }
    }

    /// Takes a thumbnail of a picture of a table; pictures that cannot be decoded have none.
    pub fn embed(&mut self, name: &Path, content: &[u8]) {
        let name = name.to_string_lossy().into_owned();
        if self.thumbnails.len() >= MOST_THUMBNAILS || self.thumbnails.contains_key(&name) {
            return;
        }
        if let Some(small) = thumbnail(content, &name) {
            self.thumbnails.insert(name, small);
        }
    }

    /// A small copy of a picture as a `data:` address, whether it lies in a table or in a file.
    pub fn thumbnail(&self, image: &str) -> Option<String> {
        if let Some(known) = self.thumbnails.get(image) {
            return Some(known.clone());
        }
        let content = corpus::images::read(&self.file(image)?).ok()?;
        thumbnail(&content, image)
    }

    /// The file of a picture, if there is one.
    fn file(&self, image: &str) -> Option<PathBuf> {
        let bare = Path::new(image);
        std::iter::once(bare.to_owned())
            .chain(self.roots.iter().map(|root| root.join(bare)))
            .find(|path| path.is_file())
    }

    /// The address of a row's picture: a link to the file, `#name` for an embedded one, nothing if it is not found.
    fn address(&mut self, image: &str) -> Option<String> {
        if self.thumbnails.contains_key(image) {
            return Some(format!("#{image}"));
        }
        if let Some(known) = self.known.get(image) {
            return known.clone();
        }
        let file = self.file(image);
        let found = file.and_then(|path| link(&self.pages, &path));
        self.known.insert(image.to_owned(), found.clone());
        found
    }
}

/// A small JPEG as a `data:` address; none of a picture that cannot be decoded.
fn thumbnail(content: &[u8], name: &str) -> Option<String> {
    let picture = corpus::images::decode_bytes(content, Path::new(name)).ok()?;
    let side = |length: u32| THUMBNAIL.min(length);
    let small = image::imageops::thumbnail(&picture, side(picture.width()), side(picture.height()));
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 70);
    small.write_with_encoder(encoder).ok()?;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    Some(format!("data:image/jpeg;base64,{text}"))
}

/// A relative link from a folder to a file.
fn link(from: &Path, to: &Path) -> Option<String> {
    let (from, to) = (from.canonicalize().ok()?, to.canonicalize().ok()?);
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = "../".repeat(from.components().count() - shared);
    let down: Vec<String> = to
        .components()
        .skip(shared)
        .map(|part| {
            // Characters that end a path in an address.
            let part = part.as_os_str().to_string_lossy();
            part.replace('%', "%25")
                .replace('#', "%23")
                .replace('?', "%3F")
        })
        .collect();
    Some(up + &down.join("/"))
}

/// A task's page and the script of its embedded thumbnails.
pub struct Shown {
    /// The page.
    pub page: String,
    /// The thumbnails.
    pub thumbnails: Option<String>,
}

/// Renders a task of one system, or of two that are compared.
pub fn render(systems: &[(&str, &Done)], pictures: &mut Pictures) -> Shown {
    let Some((_, first)) = systems.first() else {
        return Shown {
            page: String::new(),
            thumbnails: None,
        };
    };
    let (rows, thumbnails) = rows(systems, pictures);
    let names: Vec<&str> = systems.iter().map(|(name, _)| *name).collect();
    let data = json!({"systems": names, "rows": rows})
        .to_string()
        .replace('<', "\\u003c");
    let title = &first.spec.title;
    let id = &first.spec.id;
    let reference = systems.iter().any(|(_, done)| done.reference.is_some());
    let body = html! {
        p { a href="index.html" { "All scores" } }
        h1 { (title) }
        div.bar {
            select #filter aria-label="Which answers" {
                option value="all" { "all answers" }
                option value="wrong" { "wrong (below 50)" }
                option value="unreadable" { "unreadable" }
                @if systems.len() > 1 { option value="changed" { "changed" } }
                @if reference { option value="scorers" { "scorers differ" } }
            }
            input #find type="search" placeholder="find in question, label and answer" aria-label="Find";
            span #count.soft {}
        }
        div #list tabindex="0" { div #space {} }
        dialog #item {}
        p.soft {
            "Scores are by the " (name(first.strict.result.scorer)) " scorer" @if reference { ", the reference's in brackets" } "; a row opens with a click."
            @if pictures.thumbnails.len() >= MOST_THUMBNAILS { " Pictures beyond the first " (MOST_THUMBNAILS) " are left out." }
        }
        @for (name, done) in systems {
            @if !done.strict.result.classes.is_empty() {
                h2 { "Confusion" @if systems.len() > 1 { ", " (name) } }
                (matrix(&done.strict.result.classes))
            }
        }
        @if thumbnails.is_some() { script src=(format!("{id}.pictures.js")) {} }
        script #data type="application/json" { (PreEscaped(data)) }
        script { (PreEscaped(SCRIPT)) }
    };
    Shown {
        page: frame(title, STYLE, &body),
        thumbnails,
    }
}

/// Each item as a short list: id, question, picture, label, then of each system answer, strict score, the reference's
/// score and whether it is unreadable.
fn rows(systems: &[(&str, &Done)], pictures: &mut Pictures) -> (Vec<Value>, Option<String>) {
    let by_id = |rows: &[ScoredRow]| -> HashMap<String, usize> {
        rows.iter()
            .enumerate()
            .map(|(at, row)| (row.id.clone(), at))
            .collect()
    };
    let strict: Vec<_> = systems
        .iter()
        .map(|(_, done)| by_id(&done.strict.rows))
        .collect();
    let reference: Vec<_> = systems
        .iter()
        .map(|(_, done)| done.reference.as_ref().map(|scored| by_id(&scored.rows)))
        .collect();
    let mut used = BTreeMap::new();
    let first = systems
        .first()
        .map_or(&[][..], |(_, done)| &done.strict.rows);
    let round = |score: f64| (score * 10.0).round() / 10.0;
    let out = first
        .iter()
        .map(|row| {
            let address = row
                .image
                .as_deref()
                .and_then(|image| pictures.address(image));
            if let Some(name) = address
                .as_deref()
                .and_then(|address| address.strip_prefix('#'))
            {
                used.insert(name.to_owned(), pictures.thumbnails[name].clone());
            }
            let answers: Vec<Value> = systems
                .iter()
                .enumerate()
                .map(|(at, (_, done))| {
                    let Some(&own) = strict[at].get(&row.id) else {
                        return Value::Null;
                    };
                    let own = &done.strict.rows[own];
                    let other = reference[at].as_ref().and_then(|ids| ids.get(&row.id));
                    let other = other
                        .zip(done.reference.as_ref())
                        .map(|(&other, scored)| round(scored.rows[other].score));
                    json!([
                        own.prediction,
                        round(own.score),
                        other,
                        u8::from(own.unreadable)
                    ])
                })
                .collect();
            let label = match &row.label {
                Label::Text(text) => text.clone(),
                Label::List(texts) => texts.join(" | "),
            };
            json!([row.id, row.question, address, label, answers])
        })
        .collect();
    let script = (!used.is_empty()).then(|| {
        let map = serde_json::to_string(&used).unwrap_or_default();
        format!("const PICTURES={map};\n")
    });
    (out, script)
}

/// How often each class was taken for which, as SVG: only cells that are not empty are drawn.
fn matrix(classes: &[ClassRow]) -> Markup {
    const CELL: usize = 13;
    const LEFT: usize = 150;
    const TOP: usize = 120;
    let places: HashMap<&str, usize> = classes
        .iter()
        .enumerate()
        .map(|(at, class)| (class.name.as_str(), at))
        .collect();
    let side = classes.len() * CELL;
    let (width, height) = (LEFT + side + CELL + 10, TOP + side + 10);
    let mut svg = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Confusion matrix\">"
    );
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    for (row, class) in classes.iter().enumerate() {
        let (at, name) = (row * CELL, escape(&class.name));
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>\
             <text transform=\"translate({},{}) rotate(-60)\">{name}</text>",
            LEFT - 4,
            TOP + at + CELL - 3,
            LEFT + at + CELL - 3,
            TOP - 4
        );
        let n = class.score.n.max(1);
        let right = n.saturating_sub(class.unreadable + class.taken_for.values().sum::<usize>());
        let mut cell = |column: usize, count: usize, what: &str, hit: bool| {
            if count > 0 && class.score.n > 0 {
                let _ = write!(
                    svg,
                    "<rect{} x=\"{}\" y=\"{}\" width=\"{CELL}\" height=\"{CELL}\" opacity=\"{:.2}\"><title>{name} as {}: {count} of {}</title></rect>",
                    if hit { " class=\"hit\"" } else { "" },
                    LEFT + column * CELL,
                    TOP + at,
                    0.15 + 0.85 * count as f64 / n as f64,
                    escape(what),
                    class.score.n
                );
            }
        };
        cell(row, right, &class.name, true);
        for (other, count) in &class.taken_for {
            if let Some(&column) = places.get(other.as_str()) {
                cell(column, *count, other, false);
            }
        }
        cell(classes.len(), class.unreadable, "unreadable", false);
    }
    let _ = write!(
        svg,
        "<text transform=\"translate({},{}) rotate(-60)\">unreadable</text></svg>",
        LEFT + side + CELL - 3,
        TOP - 4
    );
    html! {
        p.soft { "A row is the true class, a column what was answered; the darker, the larger the share of the row." }
        div.matrix { (PreEscaped(svg)) }
        details {
            summary { "Each class in numbers" }
            div.scroll { table {
                tr { th { "class" } th { "n" } th { "precision" } th { "recall" } th { "F1" } th { "unreadable" } th.text { "most often taken for" } }
                @for class in classes {
                    @let worst = class.taken_for.iter().max_by_key(|(_, count)| **count);
                    tr {
                        td { (class.name) } td { (class.score.n) }
                        @for share in [class.score.precision, class.score.recall, class.score.f1] {
                            td { (format!("{:.1}", 100.0 * share)) }
                        }
                        td { (class.unreadable) }
                        td.text { @if let Some((name, count)) = worst { (name) " (" (count) ")" } }
                    }
                }
            } }
        }
    }
}
