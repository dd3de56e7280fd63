//! Mermaid, which many web pages show as a picture.

use std::fmt::Write;

use crate::label::SMALL;
use crate::picture::Picture;
use crate::subgraph::Line;
use crate::text::shorten;

/// Text longer than that is shortened, in pixels at the size of small text.
const TEXT_WIDTH: f64 = 420.0;

impl Picture {
    /// Returns the picture as a Mermaid flowchart, which has its own layout. Many places that show them refuse more than
    /// 500 lines between nodes.
    pub fn mermaid(&self) -> String {
        write(self)
    }
}

fn write(picture: &Picture) -> String {
    let mut out = format!("flowchart TD\n  %% {}\n", picture.summary());
    for (at, (label, node)) in picture.labels.iter().zip(&picture.folded.nodes).enumerate() {
        let mut lines = vec![&label.head, &label.below, &label.position];
        lines.extend(&label.hint);
        let lines: Vec<_> =
            lines.into_iter().map(|line| escaped(&shorten(line, SMALL, TEXT_WIDTH))).collect();
        let (open, close) = if node.is_fold() { ("[[", "]]") } else { ("(", ")") };
        let (name, class) = (picture.name(at as u32), picture.legend.of[at]);
        let _ = writeln!(out, "  {name}{open}\"{}\"{close}:::c{class}", lines.join("<br/>"));
    }
    for link in &picture.folded.links {
        let arrow = match (link.line, link.forks) {
            (Line::Cause, false) => "-->",
            (Line::Cause, true) => "-->|fork|",
            (Line::Lane, false) => "-.->",
            (Line::Lane, true) => "-.->|fork|",
        };
        let (from, to) = (picture.name(link.from), picture.name(link.to));
        let _ = writeln!(out, "  {from} {arrow} {to}");
    }
    for (class, entry) in picture.legend.entries.iter().enumerate() {
        let _ =
            writeln!(out, "  classDef c{class} fill:{},stroke:{},color:#1f2328", entry.light, entry.strong);
    }
    for at in (0..picture.folded.nodes.len()).filter(|at| picture.is_focus(*at)) {
        let _ = writeln!(out, "  style {} stroke-width:4px", picture.name(at as u32));
    }
    out
}

/// Returns a text as it stands in a label. Mermaid reads Markdown, HTML and its own signs there, so all signs that may mean something
/// go by their numbers.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !" .,:/-".contains(c) {
            let _ = write!(escaped, "#{};", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}
