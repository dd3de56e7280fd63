//! DOT, the language of Graphviz.

use std::fmt::Write;

use crate::label::SMALL;
use crate::layout::Fold;
use crate::picture::Picture;
use crate::text::shorten;

/// Text longer than that is shortened, in pixels at the size of small text.
const TEXT_WIDTH: f64 = 420.0;

impl Picture {
    /// Returns the picture in DOT, for `dot` of Graphviz, which has its own layout. Rows and their axis are its own too.
    pub fn dot(&self) -> String {
        write(self)
    }
}

fn write(picture: &Picture) -> String {
    let mut out = String::from(
        "digraph tidegate {\n  rankdir=TB;\n  bgcolor=\"#ffffff\";\n  node [shape=box, style=\"rounded,filled\", \
         fontname=\"Helvetica,Arial,sans-serif\", fontsize=11];\n  edge [color=\"#57606a\"];\n",
    );
    let layout = picture.layout();
    let title = quoted(&format!("{}\n{}", layout.title, layout.subtitle));
    let _ = writeln!(out, "  label={title};\n  tooltip={title};");
    for (at, (label, node)) in picture.labels.iter().zip(&layout.nodes).enumerate() {
        let lines = label.lines();
        let lines: Vec<_> = lines.iter().map(|line| shorten(line, SMALL, TEXT_WIDTH)).collect();
        let mut more = String::new();
        if node.fold != Fold::None {
            more.push_str(", peripheries=2");
        }
        if node.is_focus {
            more.push_str(", penwidth=3");
        }
        let _ = writeln!(
            out,
            "  {} [label={}, tooltip={}, color=\"{}\", fillcolor=\"{}\"{more}];",
            picture.name(at),
            quoted(&lines.join("\n")),
            quoted(&label.whole.join("\n")),
            node.swatch.strong(),
            node.swatch.light(),
        );
    }
    for edge in &layout.edges {
        let style = match (edge.is_cause, edge.forks) {
            (true, false) => "",
            (true, true) => " [dir=both, arrowtail=dot]",
            (false, false) => " [style=dashed]",
            (false, true) => " [style=dashed, dir=both, arrowtail=dot]",
        };
        let (from, to) = (picture.name(edge.from), picture.name(edge.to));
        let _ = writeln!(out, "  {from} -> {to}{style};");
    }
    out.push_str("}\n");
    out
}

/// Returns a string of DOT. In labels it reads `\n` as a line's end, other letters behind a backslash as names of parts of
/// the graph, and `&` as the start of a character's name.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '&' => quoted.push_str("&amp;"),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
