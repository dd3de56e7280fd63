//! SVG, drawn from the plan.

use std::fmt::{Display, Write};

use crate::label::{BELOW, BOLD, HEAD, Label, PADDING, SMALL, SPACE, time};
use crate::layout::{Frame, Route};
use crate::picture::Picture;
use crate::style::Axis;
use crate::subgraph::Line;
use crate::text::{number, shorten, width};

/// Around everything.
const MARGIN: f64 = 22.0;
/// Above the first row: the summary.
const TITLE: f64 = 40.0;
/// A line of the legend.
const LINE: f64 = 24.0;
/// No picture is narrower.
const WIDTH_MIN: f64 = 460.0;
/// Names of the legend are shortened to this width.
const NAME_WIDTH: f64 = 260.0;

const CAUSE: &str = "#57606a";
const LANE: &str = "#8250a0";

impl Picture {
    /// Returns the picture as SVG 1.1, on a ground of its own.
    pub fn svg(&self) -> String {
        let gutter = self.gutter();
        let (left, top) = (MARGIN + gutter, MARGIN + TITLE);
        let title = width(&self.summary(), HEAD) * BOLD + 2.0 * MARGIN;
        let width = (left + self.plan.width + MARGIN).max(title).max(WIDTH_MIN);
        let mut keys = String::new();
        let below = self.keys(&mut keys, top + self.plan.height + 26.0, width);
        let height = below + MARGIN - 8.0;
        let mut out = String::new();
        self.start(&mut out, width, height);
        self.bands(&mut out, width, left, top);
        let _ = write!(out, "<g transform=\"translate({},{})\">", Px(left), Px(top));
        for (link, way) in self.folded.links.iter().zip(&self.plan.ways) {
            let class = if link.line == Line::Cause { "e" } else { "l" };
            let _ = write!(out, "\n<path class=\"{class}\" d=\"{}\"/>", path(way));
            if link.forks {
                let (x, y) = (Px(way[0].0), Px(way[0].1.start + 6.0));
                let _ = write!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{LANE}\"/>");
            }
        }
        for (at, label) in self.labels.iter().enumerate() {
            self.node(&mut out, at, label);
        }
        out.push_str("\n</g>");
        out.push_str(&keys);
        out.push_str("\n</svg>\n");
        out
    }

    /// Writes the head of the file: sizes, classes, arrow heads, the ground, the summary.
    fn start(&self, out: &mut String, width: f64, height: f64) {
        let (w, h) = (Px(width), Px(height));
        let summary = self.summary();
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             role=\"img\" font-family=\"system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif\">\n\
             <title>{}</title>\n<style>text{{fill:#1f2328;font-size:{BELOW}px}}\
             .h{{font-size:{HEAD}px;font-weight:600}}.s{{font-size:{SMALL}px;fill:#4d555e}}.r{{text-anchor:end}}\
             .e,.l{{fill:none;stroke:{CAUSE};stroke-width:1.5;marker-end:url(#a)}}\
             .l{{stroke:{LANE};stroke-dasharray:6 4;marker-end:url(#b)}}\
             .m{{fill:none;stroke:{CAUSE};stroke-width:1.5;stroke-dasharray:2 2}}\
             .k{{stroke:{LANE};stroke-width:8;stroke-linecap:round}}",
            escaped(&summary)
        );
        for (class, entry) in self.legend.entries.iter().enumerate() {
            let (light, strong) = (entry.light, entry.strong);
            let _ = write!(out, ".c{class}{{fill:{light};stroke:{strong}}}.d{class}{{fill:{strong}}}");
        }
        let arrow = |id, colour| {
            format!(
                "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
                 markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0,0L8,4L0,8z\" fill=\"{colour}\"/></marker>"
            )
        };
        let _ = write!(
            out,
            ".f{{stroke:#1f2328;stroke-width:3}}</style>\n<defs>{}{}</defs>\n<rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"#fff\" \
             stroke=\"#d0d7de\"/>\n<text class=\"h\" x=\"{MARGIN}\" y=\"{}\">{}</text>\n",
            arrow("a", CAUSE),
            arrow("b", LANE),
            Px(width - 1.0),
            Px(height - 1.0),
            Px(MARGIN + 11.0),
            escaped(&summary),
        );
    }

    /// Returns how much room the axis needs left of the rows.
    fn gutter(&self) -> f64 {
        let texts = self.axis_texts();
        let widest = texts.iter().flatten().map(|text| width(text, SMALL)).fold(0.0, f64::max);
        if widest > 0.0 { widest + 18.0 } else { 0.0 }
    }

    /// Returns what the axis says of each row, in one or two lines.
    fn axis_texts(&self) -> Vec<Vec<String>> {
        let rows = &self.plan.rows;
        if self.axis == Axis::Level {
            return rows.iter().map(|row| vec![format!("level {}", row.level)]).collect();
        }
        let mut texts = vec![Vec::new(); rows.len()];
        for (frame, node) in self.plan.frames.iter().zip(&self.folded.nodes) {
            let time = time(self.subgraph.events[node.first()].time);
            texts[frame.row] = time.trim_end_matches(" UTC").splitn(2, ' ').map(str::to_owned).collect();
        }
        // A date stands where it begins, and a time once.
        let mut before: Vec<String> = Vec::new();
        for text in texts.iter_mut().filter(|text| !text.is_empty()) {
            let whole = text.clone();
            if before == whole {
                text.clear();
            } else if before.first() == text.first() {
                text.remove(0);
            }
            before = whole;
        }
        texts
    }

    /// Writes the rows as bands, and the axis.
    fn bands(&self, out: &mut String, width: f64, left: f64, top: f64) {
        for (at, (row, texts)) in self.plan.rows.iter().zip(self.axis_texts()).enumerate() {
            if at % 2 == 0 {
                let _ = writeln!(
                    out,
                    "<rect x=\"1\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#f5f7f9\"/>",
                    Px(top + row.top - 8.0),
                    Px(width - 2.0),
                    Px(row.height + 16.0),
                );
            }
            let middle = top + row.top + row.height / 2.0 + 4.0 - 7.0 * (texts.len() as f64 - 1.0);
            for (n, text) in texts.iter().enumerate() {
                let (x, y) = (Px(left - 16.0), Px(middle + 14.0 * n as f64));
                let _ = writeln!(out, "<text class=\"s r\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
            }
        }
    }

    fn node(&self, out: &mut String, at: usize, label: &Label) {
        let (node, frame) = (&self.folded.nodes[at], &self.plan.frames[at]);
        let class = self.legend.of[at];
        let _ = write!(out, "\n<g><title>{}</title>", escaped(&label.whole.join("\n")));
        if node.is_fold() {
            for step in [6.0, 3.0] {
                let back = Frame { left: frame.left + step, top: frame.top + step, ..*frame };
                let _ = write!(out, "<rect class=\"c{class}\" {} rx=\"6\"/>", bounds(&back));
            }
        }
        for (is_there, y, end) in [
            (node.more_causes + node.foreign > 0, frame.top - 11.0, 11.0),
            (node.more_effects > 0, frame.top + frame.height, 11.0),
        ] {
            if is_there {
                let _ = write!(out, "<path class=\"m\" d=\"M{},{}v{end}\"/>", Px(frame.left + 14.0), Px(y));
            }
        }
        let focus = if self.is_focus(at) { " f" } else { "" };
        let _ = write!(out, "<rect class=\"c{class}{focus}\" {} rx=\"6\"/>", bounds(frame));
        let _ = write!(
            out,
            "<path class=\"d{class}\" d=\"M{},{}h2v{}h-2a6,6 0 0 1 -6,-6v-{}a6,6 0 0 1 6,-6z\"/>",
            Px(frame.left + 6.0),
            Px(frame.top),
            Px(frame.height),
            Px(frame.height - 12.0),
        );
        texts(out, frame, label);
        out.push_str("</g>");
    }

    /// Writes what colours and lines mean, and gives the height below it.
    fn keys(&self, out: &mut String, top: f64, width_max: f64) -> f64 {
        let (mut x, mut y) = (MARGIN, top);
        let mut place = |width: f64| {
            if x > MARGIN && x + width > width_max - MARGIN {
                (x, y) = (MARGIN, y + LINE);
            }
            let at = (x, y);
            x += width + 20.0;
            at
        };
        for (class, entry) in self.legend.entries.iter().enumerate() {
            let text = format!("{} ({})", shorten(&entry.name, BELOW, NAME_WIDTH), number(entry.count));
            let (x, y) = place(20.0 + width(&text, BELOW));
            let _ = write!(
                out,
                "\n<rect class=\"d{class}\" x=\"{}\" y=\"{}\" width=\"13\" height=\"13\" rx=\"3\"/>\
                 <text x=\"{}\" y=\"{}\">{}</text>",
                Px(x),
                Px(y),
                Px(x + 20.0),
                Px(y + 11.0),
                escaped(&text),
            );
        }
        let (links, nodes) = (&self.folded.links, &self.folded.nodes);
        let is_cut = nodes.iter().any(|node| node.more_causes + node.foreign + node.more_effects > 0);
        for (is_there, class, text) in [
            (links.iter().any(|link| link.line == Line::Cause), "e", "cause to effect"),
            (links.iter().any(|link| link.line == Line::Lane), "l", "next on a lane"),
            (links.iter().any(|link| link.forks), "k", "a lane forks"),
            (is_cut, "m", "more outside the picture"),
        ] {
            if is_there {
                let (x, y) = place(40.0 + width(text, BELOW));
                let (indent, length) = if class == "k" { (15.0, ".01") } else { (0.0, "30") };
                let _ = write!(
                    out,
                    "\n<path class=\"{class}\" d=\"M{},{}h{length}\"/><text x=\"{}\" y=\"{}\">{text}</text>",
                    Px(x + indent),
                    Px(y + 7.0),
                    Px(x + 38.0),
                    Px(y + 11.0),
                );
            }
        }
        y + LINE
    }
}

/// Writes the text of a node, shortened to its room.
fn texts(out: &mut String, frame: &Frame, label: &Label) {
    let (left, right) = (frame.left + PADDING.0, frame.left + frame.width - PADDING.1);
    let room = right - left;
    let position = shorten(&label.position, SMALL, room * 0.6);
    let head = shorten(&label.head, HEAD * BOLD, room - SPACE - width(&position, SMALL));
    let mut text = |class: &str, x: f64, y: f64, text: &str| {
        let (x, y) = (Px(x), Px(frame.top + y));
        let _ = write!(out, "<text{class} x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
    };
    text(" class=\"h\"", left, 20.0, &head);
    text(" class=\"s r\"", right, 20.0, &position);
    text("", left, 38.0, &shorten(&label.below, BELOW, room));
    if let Some(hint) = &label.hint {
        text(" class=\"s\"", left, 55.0, &shorten(hint, SMALL, room));
    }
}

/// Returns a line: upright where it passes a row, and swinging over between two rows.
fn path(way: &Route) -> String {
    let mut path = String::new();
    let mut before: Option<(f64, f64)> = None;
    for (x, rows) in way {
        match before {
            None => {
                let _ = write!(path, "M{},{}", Px(*x), Px(rows.start));
            }
            Some((from, _)) if (from - x).abs() < 0.05 => {
                let _ = write!(path, "V{}", Px(rows.start));
            }
            Some((from, y)) => {
                let middle = Px(f64::midpoint(y, rows.start));
                let _ =
                    write!(path, "C{},{middle} {},{middle} {},{}", Px(from), Px(*x), Px(*x), Px(rows.start));
            }
        }
        if rows.end > rows.start {
            let _ = write!(path, "V{}", Px(rows.end));
        }
        before = Some((*x, rows.end));
    }
    path
}

fn bounds(frame: &Frame) -> String {
    let (x, y) = (Px(frame.left), Px(frame.top));
    format!("x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\"", Px(frame.width), Px(frame.height))
}

/// A length in pixels, to a tenth.
#[derive(Clone, Copy)]
struct Px(f64);

impl Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        let (whole, rest) = (tenths.abs() / 10, tenths.abs() % 10);
        let sign = if tenths < 0 { "-" } else { "" };
        if rest == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{rest}") }
    }
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
