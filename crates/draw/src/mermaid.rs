//! Mermaid, which many web pages show as a picture.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::label::SMALL;
use crate::layout::Fold;
use crate::picture::Picture;
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
    let layout = picture.layout();
    let title = [&layout.title, &layout.subtitle].map(|line| line.replace(['{', '}'], "'"));
    let mut out = format!("flowchart TD\n  %% {}\n  %% {}\n", title[0], title[1]);
    let mut looks = BTreeMap::new();
    for (at, (label, node)) in picture.labels.iter().zip(&layout.nodes).enumerate() {
        let lines: Vec<_> =
            label.lines().iter().map(|line| escaped(&shorten(line, SMALL, TEXT_WIDTH))).collect();
        let (open, close) = if node.fold == Fold::None { ("(", ")") } else { ("[[", "]]") };
        let colour = node.swatch.colour;
        looks.insert(colour, node.swatch);
        let _ = writeln!(out, "  {}{open}\"{}\"{close}:::c{colour}", picture.name(at), lines.join("<br/>"));
    }
    for edge in &layout.edges {
        let arrow = match (edge.is_cause, edge.forks) {
            (true, false) => "-->",
            (true, true) => "-->|fork|",
            (false, false) => "-.->",
            (false, true) => "-.->|fork|",
        };
        let (from, to) = (picture.name(edge.from), picture.name(edge.to));
        let _ = writeln!(out, "  {from} {arrow} {to}");
    }
    for (colour, swatch) in looks {
        let (light, strong) = (swatch.light(), swatch.strong());
        let _ = writeln!(out, "  classDef c{colour} fill:{light},stroke:{strong},color:#1f2328");
    }
    for at in (0..layout.nodes.len()).filter(|at| layout.nodes[*at].is_focus) {
        let _ = writeln!(out, "  style {} stroke-width:4px", picture.name(at));
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
