//! SVG, written from the layout.

use std::fmt::Write;

use crate::arrange::{Key, MARGIN, SAMPLES, Sample};
use crate::layout::{Fold, LayoutNode, TextRole};
use crate::palette::{Swatch, stylesheet};
use crate::picture::Picture;
use crate::text::Px;

/// How wide and high a sample of a colour is in the legend.
const SQUARE: f64 = 13.0;
/// How far apart the boxes behind a fold are.
const STEPS: [f64; 2] = [6.0, 3.0];

impl Picture {
    /// Returns the picture as SVG 1.1, on a ground of its own, for light and for dark pages. All that says how it looks is in its
    /// `style` element, [`stylesheet`]. A node is a `g` with `data-position`, the position of its event; one that
    /// folds several has that of the first one, `data-last` and `data-events`, how many they are.
    pub fn svg(&self) -> String {
        let layout = self.layout();
        let mut out = String::new();
        self.start(&mut out);
        for (at, row) in layout.rows.iter().enumerate() {
            if at % 2 == 0 {
                let (y, wide, high) = (Px(row.y - 8.0), Px(layout.width - 2.0), Px(row.height + 16.0));
                let _ = write!(
                    out,
                    "\n<rect class=\"tg-band\" x=\"1\" y=\"{y}\" width=\"{wide}\" height=\"{high}\"/>"
                );
            }
        }
        out.push_str("\n<g class=\"axis\">");
        let right = layout.nodes.iter().map(|node| node.x).fold(f64::INFINITY, f64::min) - 16.0;
        for row in layout.rows.iter().filter(|row| !row.texts.is_empty()) {
            let middle = row.y + row.height / 2.0 + 4.0 - 7.0 * (row.texts.len() as f64 - 1.0);
            for (n, line) in row.texts.iter().enumerate() {
                text(&mut out, TextRole::Side, right, middle + 14.0 * n as f64, line);
            }
        }
        out.push_str("</g>\n<g class=\"edges\">");
        for edge in &layout.edges {
            let class = if edge.is_cause { "cause" } else { "lane" };
            let arrow = if edge.is_cause { "a" } else { "b" };
            let path = &edge.path;
            let _ = write!(out, "\n<path class=\"{class}\" marker-end=\"url(#tg-{arrow})\" d=\"{path}\"/>");
            if edge.forks {
                let (x, y) = edge.points[0];
                let _ =
                    write!(out, "<circle class=\"fork\" cx=\"{}\" cy=\"{}\" r=\"4\"/>", Px(x), Px(y + 6.0));
            }
        }
        out.push_str("</g>\n<g class=\"nodes\">");
        layout.nodes.iter().for_each(|one| node(&mut out, one));
        out.push_str("</g>\n<g class=\"keys\">");
        self.keys.iter().for_each(|one| key(&mut out, one));
        out.push_str("</g>\n</svg>\n");
        out
    }

    /// Writes the head of the file: sizes, style sheet, arrow heads, the ground, the titles.
    fn start(&self, out: &mut String) {
        let layout = self.layout();
        let (w, h) = (Px(layout.width), Px(layout.height));
        let arrow = |id, class| {
            format!(
                "<marker id=\"tg-{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
                 markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"tg-{class}\" d=\"M0,0L8,4L0,8z\"/></marker>"
            )
        };
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             role=\"img\">\n<title>{}</title>\n<style>{}</style>\n<defs>{}{}</defs>\n\
             <rect class=\"tg-ground\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\"/>",
            escaped(&format!("{}\n{}", layout.title, layout.subtitle)),
            stylesheet(),
            arrow("a", "cause"),
            arrow("b", "lane"),
            Px(layout.width - 1.0),
            Px(layout.height - 1.0),
        );
        text(out, TextRole::Head, MARGIN, MARGIN + 11.0, &layout.title);
        text(out, TextRole::Small, MARGIN, MARGIN + 29.0, &layout.subtitle);
    }
}

fn node(out: &mut String, node: &LayoutNode) {
    let colour = node.swatch.colour;
    let first = node.positions[0];
    let _ = write!(out, "\n<g class=\"node\" data-position=\"{first}\"");
    if node.fold != Fold::None {
        let (last, count) = (node.positions[node.positions.len() - 1], node.positions.len());
        let _ = write!(out, " data-last=\"{last}\" data-events=\"{count}\"");
    }
    let _ = write!(out, "><title>{}</title>", escaped(&node.details.join("\n")));
    let rect = |out: &mut String, step: f64, more: &str| {
        let (x, y) = (Px(node.x + step), Px(node.y + step));
        let (width, height) = (Px(node.width), Px(node.height));
        let _ = write!(
            out,
            "<rect class=\"c{colour}{more}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>"
        );
    };
    if node.fold != Fold::None {
        for step in STEPS {
            rect(out, step, "");
        }
    }
    for (is_there, y) in
        [(node.has_more_causes, node.y - 11.0), (node.has_more_effects, node.y + node.height)]
    {
        if is_there {
            let _ = write!(out, "<path class=\"more\" d=\"M{},{}v11\"/>", Px(node.x + 14.0), Px(y));
        }
    }
    rect(out, 0.0, if node.is_focus { " focus" } else { "" });
    let _ = write!(
        out,
        "<path class=\"d{colour}\" d=\"M{},{}h2v{}h-2a6,6 0 0 1 -6,-6v-{}a6,6 0 0 1 6,-6z\"/>",
        Px(node.x + 6.0),
        Px(node.y),
        Px(node.height),
        Px(node.height - 12.0),
    );
    mark(out, node.swatch, node.x + 1.0, node.y, (7.0, node.height));
    for one in &node.texts {
        text(out, one.role, one.x, one.y, &one.text);
    }
    out.push_str("</g>");
}

/// Writes the gaps in a bar that tell the kinds of a family apart.
fn mark(out: &mut String, swatch: Swatch, x: f64, y: f64, (width, height): (f64, f64)) {
    // In a small bar the gaps are small too.
    let (high, thin) = if height < 20.0 { (1.6, 1.6) } else { (4.0, 2.0) };
    let gap = |y: f64| {
        let (width, high) = (Px(width), Px(high));
        format!("M{},{}h{width}v{high}h-{width}z", Px(x), Px(y - high.0 / 2.0))
    };
    let path = match swatch.mark {
        1 => gap(y + height / 2.0),
        2 => gap(y + height / 3.0) + &gap(y + height * 2.0 / 3.0),
        3 => {
            let (x, y, high) = (Px(x + width / 2.0 - 1.0), Px(y + 1.0), Px(height - 2.0));
            format!("M{x},{y}h{thin}v{high}h-{thin}z")
        }
        _ => return,
    };
    let _ = write!(out, "<path class=\"t{}\" d=\"{path}\"/>", swatch.colour);
}

/// Writes a line of the legend.
fn key(out: &mut String, key: &Key) {
    let (x, y) = (key.x, key.y);
    let (class, marker) = match key.sample {
        Sample::Swatch(swatch) => {
            let colour = swatch.colour;
            let _ = write!(
                out,
                "\n<rect class=\"d{colour}\" x=\"{}\" y=\"{}\" width=\"{SQUARE}\" height=\"{SQUARE}\" rx=\"3\"/>",
                Px(x),
                Px(y),
            );
            mark(out, swatch, x, y, (SQUARE, SQUARE));
            text(out, TextRole::Plain, x + SAMPLES.0, y + 11.0, &key.text);
            return;
        }
        Sample::Fork => {
            let (cx, cy) = (Px(x + 15.0), Px(y + 7.0));
            let _ = write!(out, "\n<circle class=\"fork\" cx=\"{cx}\" cy=\"{cy}\" r=\"4\"/>");
            text(out, TextRole::Plain, x + SAMPLES.1, y + 11.0, &key.text);
            return;
        }
        Sample::Cause => ("cause", " marker-end=\"url(#tg-a)\""),
        Sample::Lane => ("lane", " marker-end=\"url(#tg-b)\""),
        Sample::More => ("more", ""),
    };
    let _ = write!(out, "\n<path class=\"{class}\"{marker} d=\"M{},{}h30\"/>", Px(x), Px(y + 7.0));
    text(out, TextRole::Plain, x + SAMPLES.1, y + 11.0, &key.text);
}

fn text(out: &mut String, role: TextRole, x: f64, y: f64, text: &str) {
    let class = match role {
        TextRole::Head => " class=\"head\"",
        TextRole::Side => " class=\"side\"",
        TextRole::Plain => "",
        TextRole::Small => " class=\"small\"",
    };
    let _ = write!(out, "<text{class} x=\"{}\" y=\"{}\">{}</text>", Px(x), Px(y), escaped(text));
}

/// Returns a text as it stands in XML.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}
